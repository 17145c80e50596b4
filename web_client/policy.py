"""Response headers of every page: what the browser may load, embed and turn on."""

from __future__ import annotations

MEDIA_FEATURES = ("camera", "microphone", "display-capture")
CLOSED_FEATURES = ("geolocation", "payment", "usb", "midi", "serial", "hid")


def page_headers(nonce: str, *, media: bool) -> dict[str, str]:
    """Security headers of one page. `nonce` is used once; `media` opens camera, microphone and screen to it."""
    policy = (
        "default-src 'none'",
        f"script-src 'self' 'nonce-{nonce}'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "worker-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    )
    allow = "(self)" if media else "()"
    features = [f"{name}={allow}" for name in MEDIA_FEATURES] + [f"{name}=()" for name in CLOSED_FEATURES]
    return {
        "Content-Security-Policy": "; ".join(policy),
        "Permissions-Policy": ", ".join(features),
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Opener-Policy": "same-origin",
        # A page names the person who is logged in; the next one at this computer must not get it from a cache.
        "Cache-Control": "no-store",
    }
