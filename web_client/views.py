"""Renders pages: who looks (viewer), in which language and size, under which policy."""

from __future__ import annotations

import json
import logging
import re
import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from scheduler.access import Viewer
from web_client.assets import Assets
from web_client.homes import WORKSPACES, Link, home_of, workspaces_of
from web_client.language import LANGUAGES, Language, choose, load_languages
from web_client.policy import page_headers

TEMPLATES = Path(__file__).parent / "templates"
ELDER_COOKIE = "lawlink_elder"
LANGUAGE_COOKIE = "lawlink_language"

log = logging.getLogger("lawlink.pages")


@dataclass(frozen=True, slots=True)
class Site:
    """What pages say about this installation. `phone` is the district's; `demo_accounts` non-empty only in a demo."""

    name: str = ""
    phone: str = ""
    demo_accounts: tuple[str, ...] = ()
    demo_password: str = ""


SITE = web.AppKey("lawlink_site", Site)


@dataclass(frozen=True, slots=True)
class Sight:
    """One request as pages see it."""

    viewer: Viewer | None
    language: str
    elder: bool
    path: str

    @property
    def home(self) -> str:
        return home_of(self.viewer.roles) if self.viewer else "/login"


def sight_of(request: web.Request) -> Sight:
    """Reads the viewer (set by the server's middleware) and this computer's cookies, which outrank the account."""
    viewer = cast("Viewer | None", request.get("viewer"))
    elder = request.cookies.get(ELDER_COOKIE)
    return Sight(
        viewer=viewer,
        language=choose(request.cookies.get(LANGUAGE_COOKIE), viewer.language if viewer else None),
        elder=elder == "1" if elder in ("0", "1") else viewer is not None and viewer.elder,
        path=request.path,
    )


class Pages:
    """Templates in every language, and the assets they name."""

    def __init__(self, assets: Assets) -> None:
        self.assets = assets
        self._import_map = _json(assets.import_map())
        self._languages = load_languages()
        self._environments = {code: self._environment(lang) for code, lang in self._languages.items()}

    def render(
        self,
        request: web.Request,
        template: str,
        *,
        status: int = 200,
        media: bool = False,
        facts: Mapping[str, object] | None = None,
        **context: object,
    ) -> web.Response:
        """One page. `facts` (JSON values) reach the page's module; `context` reaches the template only."""
        sight = sight_of(request)
        nonce = secrets.token_urlsafe(16)
        site = request.config_dict.get(SITE, Site())
        page_facts = {"language": sight.language, "home": sight.home, "viewer": _viewer_facts(sight), **(facts or {})}
        body = (
            self._environments[sight.language]
            .get_template(template)
            .render(
                {
                    "nonce": nonce,
                    "sight": sight,
                    "viewer": sight.viewer,
                    "org_name": org_name(sight, site),
                    "links": _links(sight),
                    "site": site,
                    "languages": LANGUAGES,
                    "import_map": self._import_map,
                    "messages": _json(self._languages[sight.language].messages),
                    "facts": _json(page_facts),
                    **context,
                }
            )
        )
        headers = page_headers(nonce, media=media)
        return web.Response(text=body, status=status, content_type="text/html", headers=headers)

    def _environment(self, language: Language) -> Environment:
        environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        # The i18n extension adds this method at run time only.
        cast(Any, environment).install_gettext_translations(language.translations, newstyle=True)
        environment.globals["workspaces"] = WORKSPACES
        environment.globals["asset"] = self.assets.url
        environment.filters["account_ranges"] = account_ranges
        environment.filters["translated"] = language.translations.gettext
        environment.globals["states"] = environment.get_template("partials/states.html").module
        return environment


PAGES = web.AppKey("lawlink_pages", Pages)


def org_name(sight: Sight, site: Site) -> str:
    """The name under the product's in the header: the viewer's organisation, else the district."""
    return sight.viewer.org_name if sight.viewer else site.name


def account_ranges(accounts: Iterable[str]) -> list[str]:
    """Numbered accounts as ranges, in order: `station01 … station17`; others as they are."""
    groups: dict[str, list[str]] = {}
    for account in accounts:
        groups.setdefault(re.sub(r"\d+$", "", account), []).append(account)
    return [found[0] if len(found) == 1 else f"{found[0]} … {found[-1]}" for found in groups.values()]


def denied_page(request: web.Request, needed: Collection[str]) -> web.Response:
    """403 that says whose page this is and which role the viewer has; leaves a line in the log."""
    sight = sight_of(request)
    own = workspaces_of(sight.viewer.roles) if sight.viewer else []
    account = sight.viewer.account if sight.viewer else None
    log.warning("denied page %s to %s (needs %s)", request.path, account, ", ".join(sorted(map(str, needed))))
    return pages_of(request).render(
        request, "error.html", status=403, kind="denied", incident=None, own=own, needed=workspaces_of(needed)
    )


def error_page(request: web.Request, status: int, incident: str | None = None) -> web.Response:
    """A page for an HTTP error; `incident` is the number to quote (500 and 503)."""
    kind = {403: "forbidden", 404: "missing"}.get(status, "fault" if status >= 500 else "refused")
    return pages_of(request).render(
        request, "error.html", status=status, kind=kind, incident=incident, own=[], needed=[]
    )


def pages_of(request: web.Request) -> Pages:
    """The Pages of the application that serves `request`."""
    return request.config_dict[PAGES]


def _links(sight: Sight) -> list[Link]:
    return [link for w in workspaces_of(sight.viewer.roles) for link in w.links] if sight.viewer else []


def _viewer_facts(sight: Sight) -> dict[str, object] | None:
    viewer = sight.viewer
    return None if viewer is None else {"account": viewer.account, "name": viewer.name, "roles": sorted(viewer.roles)}


def _json(value: object) -> Markup:
    """JSON that is safe inside a script element: no `<`, `>`, `&` can end it early."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704
