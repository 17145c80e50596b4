"""Static files under content-hashed URLs, so that a browser may keep them for ever and never keeps a stale one.

`/static/js/lib/api.js` is also served as `/static/js/lib/api.<hash>.js`. Modules import one another by plain relative
paths; the page's import map turns each resolved path into its hashed URL (HTML, 8.1.6.2: keys may be URL-like).
"""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from aiohttp import hdrs, web

STATIC_DIR = Path(__file__).parent / "static"
PREFIX = "/static/"
HASH_LENGTH = 12
FOREVER = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"
CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
_HASHED = re.compile(rf"^(?P<stem>.+)\.(?P<hash>[0-9a-f]{{{HASH_LENGTH}}})(?P<suffix>\.[a-z0-9]+)$")


class UnknownAsset(LookupError):
    """A template named a file that is not under `static/`."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, read once: `path` is relative to `static/`, `packed` is its gzip form, None when that is no smaller."""

    path: str
    digest: str
    content_type: str
    body: bytes
    packed: bytes | None

    @property
    def url(self) -> str:
        stem, dot, suffix = self.path.rpartition(".")
        return f"{PREFIX}{stem}.{self.digest}{dot}{suffix}"


class Assets:
    """All static files of one directory, held in memory."""

    def __init__(self, directory: Path = STATIC_DIR) -> None:
        files = sorted(p for p in directory.rglob("*") if p.is_file() and p.suffix in CONTENT_TYPES)
        self._by_path = {a.path: a for a in (_read(directory, p) for p in files)}

    def url(self, path: str) -> str:
        """Hashed URL of `path` (relative to the directory). Raises UnknownAsset."""
        try:
            return self._by_path[path].url
        except KeyError:
            raise UnknownAsset(f"no static file {path!r}; check the name in the template") from None

    def import_map(self) -> dict[str, dict[str, str]]:
        """`{"imports": {plain URL: hashed URL}}` of every module."""
        modules = (a for a in self._by_path.values() if a.path.endswith(".js"))
        return {"imports": {PREFIX + a.path: a.url for a in modules}}

    def find(self, tail: str) -> tuple[Asset, bool] | None:
        """The file behind a URL tail, and whether the tail carries its current hash; None when there is none."""
        hashed = _HASHED.match(tail)
        if hashed is not None:
            asset = self._by_path.get(hashed["stem"] + hashed["suffix"])
            # A page from before an update may still ask for an old hash: today's file, but not to be kept.
            return None if asset is None else (asset, asset.digest == hashed["hash"])
        asset = self._by_path.get(tail)
        return None if asset is None else (asset, False)

    async def serve(self, request: web.Request) -> web.Response:
        """`GET /static/{tail}`: 200, 304 on a matching ETag, or 404."""
        found = self.find(request.match_info["tail"])
        if found is None:
            raise web.HTTPNotFound()
        asset, current = found
        headers = {
            hdrs.CACHE_CONTROL: FOREVER if current else REVALIDATE,
            hdrs.ETAG: f'"{asset.digest}"',
            hdrs.VARY: hdrs.ACCEPT_ENCODING,
            "X-Content-Type-Options": "nosniff",
        }
        if any(tag.value == asset.digest for tag in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        headers[hdrs.CONTENT_TYPE] = asset.content_type
        if asset.packed is not None and "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, ""):
            return web.Response(body=asset.packed, headers={**headers, hdrs.CONTENT_ENCODING: "gzip"})
        return web.Response(body=asset.body, headers=headers)


def _read(directory: Path, file: Path) -> Asset:
    body = file.read_bytes()
    packed = gzip.compress(body, 9, mtime=0)
    return Asset(
        path=file.relative_to(directory).as_posix(),
        digest=hashlib.sha256(body).hexdigest()[:HASH_LENGTH],
        content_type=CONTENT_TYPES[file.suffix],
        body=body,
        packed=packed if len(packed) < len(body) else None,
    )
