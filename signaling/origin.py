"""May a request from this page act here?  One rule for unsafe HTTP methods and for `/ws`."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def same_origin(headers: Mapping[str, str], scheme: str) -> bool:
    """Whether `headers` come from a page of this very host.

    `Origin` must name the host (and port) of `Host` with `scheme`; absent an `Origin`, `Sec-Fetch-Site` must be
    `same-origin` (Fetch Metadata).  A request with neither is refused: every browser of today sends one of them.
    """
    origin = headers.get("Origin")
    if origin is None:
        return headers.get("Sec-Fetch-Site") == "same-origin"
    host = headers.get("Host", "")
    try:
        theirs, ours = urlsplit(origin), urlsplit(f"{scheme}://{host}")
        same_port = _port(theirs.port, theirs.scheme) == _port(ours.port, scheme)
    except ValueError:
        return False
    return bool(host) and theirs.scheme == scheme and theirs.hostname == ours.hostname and same_port


def _port(port: int | None, scheme: str) -> int | None:
    return port if port is not None else DEFAULT_PORTS.get(scheme)
