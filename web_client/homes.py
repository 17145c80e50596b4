"""Where each role works: the page it lands on after log-in, what it is called, and which links its header carries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Link:
    """A link in the header; `title` is a msgid."""

    href: str
    title: str


@dataclass(frozen=True, slots=True)
class Workspace:
    """`label` (a msgid) is what people call the role; `ready` is False while this version has no page for it."""

    role: str
    home: str
    label: str
    links: tuple[Link, ...]
    ready: bool = True


def N_(msgid: str) -> str:
    """Marks a msgid for extraction where it cannot be translated yet."""
    return msgid


# In the order in which a person with several roles lands.
WORKSPACES = (
    Workspace(
        "station_clerk",
        "/station",
        N_("工作站工作人员"),
        (
            Link("/station", N_("工作台")),
            Link("/station/check", N_("设备检测")),
            Link("/station#today", N_("来访记录")),
        ),
    ),
    Workspace(
        "duty_lawyer", "/lawyer", N_("值班律师"), (Link("/lawyer", N_("工作台")), Link("/check", N_("设备检测")))
    ),
    Workspace("dispatcher", "/dispatch", N_("调度员"), (Link("/dispatch", N_("工作台")),), ready=False),
    Workspace("mediator", "/mediator", N_("调解员"), (Link("/mediator", N_("工作台")),), ready=False),
    Workspace("auditor", "/audit", N_("审计员"), (Link("/audit", N_("检索")),)),
    Workspace("archivist", "/archive", N_("档案员"), (Link("/archive", N_("工作台")),), ready=False),
    Workspace("admin", "/admin", N_("系统管理员"), (Link("/admin", N_("人员账号")),)),
)


def workspaces_of(roles: Iterable[str]) -> list[Workspace]:
    """The workspaces of `roles` (role ids of the design), in landing order; unknown ids are ignored."""
    held = {str(role) for role in roles}
    return [w for w in WORKSPACES if w.role in held]


def home_of(roles: Iterable[str]) -> str:
    """The path a person with `roles` lands on after log-in; `/login` for somebody without any workspace."""
    own = workspaces_of(roles)
    return own[0].home if own else "/login"
