"""Which URL shows which page to whom."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import quote

from aiohttp import web

from web_client.assets import PREFIX, Assets
from web_client.homes import WORKSPACES
from web_client.language import LANGUAGES
from web_client.views import LANGUAGE_COOKIE, PAGES, Pages, denied_page, pages_of, sight_of

YEAR_S = 365 * 24 * 3600

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Page:
    """A template behind one or more paths; `roles` None = anybody, `media` = may use camera and microphone."""

    template: str
    paths: tuple[str, ...]
    roles: frozenset[str] | None = None
    media: bool = False


def _for(role: str) -> frozenset[str]:
    return frozenset({role})


TABLE = (
    Page(
        "station.html",
        (
            "/station",
            "/station/visit/{id}",
            "/station/waiting/{id}",
            "/station/room/{id}",
            "/station/done/{id}",
        ),
        _for("station_clerk"),
        media=True,
    ),
    Page("lawyer.html", ("/lawyer", "/lawyer/room/{id}", "/lawyer/wrap-up/{id}"), _for("duty_lawyer"), media=True),
    Page("check.html", ("/station/check",), _for("station_clerk"), media=True),
    Page("check.html", ("/check",), media=True),
    Page("rating.html", ("/station/rating/{id}",), _for("station_clerk")),
    Page("record.html", ("/station/record/{id}",), _for("station_clerk")),
    Page("audit.html", ("/audit",), _for("auditor")),
    Page("player.html", ("/audit/replay/{id}",), _for("auditor")),
    Page("record.html", ("/audit/record/{id}",), _for("auditor")),
    Page("admin.html", ("/admin",), _for("admin")),
    Page("password.html", ("/password/{id}",)),
    Page("offline.html", ("/offline",)),
    *(Page("not-yet.html", (w.home,), _for(w.role)) for w in WORKSPACES if not w.ready),
)


def add_routes(app: web.Application) -> None:
    """Adds every page and the static files to `app`; handlers read `request["viewer"]` (None = not logged in)."""
    assets = Assets()
    app[PAGES] = Pages(assets)
    app.router.add_get(PREFIX + "{tail:.+}", assets.serve)
    app.router.add_get("/", home)
    app.router.add_get("/login", login)
    app.router.add_get("/sw.js", service_worker)
    for page in TABLE:
        for path in page.paths:
            app.router.add_get(path, _handler(page))


async def home(request: web.Request) -> web.Response:
    """`/`: to the viewer's own workspace."""
    raise web.HTTPSeeOther(sight_of(request).home)


async def login(request: web.Request) -> web.Response:
    """`/login`; `?language=en` is remembered on this computer."""
    asked = request.query.get("language")
    if asked in LANGUAGES:
        redirect = web.HTTPSeeOther(str(request.rel_url.without_query_params("language")))
        redirect.set_cookie(LANGUAGE_COOKIE, asked, max_age=YEAR_S, samesite="Strict", path="/")
        raise redirect
    return pages_of(request).render(request, "login.html")


async def service_worker(request: web.Request) -> web.Response:
    """`/sw.js` at the root, because a worker's scope is its own directory."""
    found = pages_of(request).assets.find("js/offline-worker.js")
    assert found is not None  # noqa: S101 - part of the package
    headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
    return web.Response(body=found[0].body, content_type="text/javascript", charset="utf-8", headers=headers)


def _handler(page: Page) -> Handler:
    async def show(request: web.Request) -> web.StreamResponse:
        viewer = sight_of(request).viewer
        if page.roles is not None:
            if viewer is None:
                raise web.HTTPSeeOther(f"/login?next={quote(request.path_qs, safe='/')}")
            if page.roles.isdisjoint(str(role) for role in viewer.roles):
                return denied_page(request, page.roles)
        subject = request.match_info.get("id")
        return pages_of(request).render(request, page.template, media=page.media, facts={"subject": subject})

    return show
