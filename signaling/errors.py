"""What went wrong, as HTTP: one mapping from `Refused` to a status, and a number for whatever nobody foresaw."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

from aiohttp import web
from pydantic_core import to_json
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

import recordings.errors
from scheduler import audit
from scheduler.access import Viewer
from scheduler.errors import Denied, Refused, Throttled
from signaling.keys import CLOCK, SESSIONS
from signaling.logs import about, new_incident
from signaling.messages import error_body
from signaling.throttle import Throttle
from web_client.views import error_page

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# PROTOCOL.md section 1.
STATUS: Final[dict[str, int]] = {
    "bad_request": 400,
    "unauthenticated": 401,
    "bad_credentials": 401,
    "denied": 403,
    "bad_origin": 403,
    "not_found": 404,
    "conflict": 409,
    "changed": 409,
    "invalid": 422,
    "too_large": 413,
    "throttled": 429,
    "unavailable": 503,
    "incident": 500,
}
OF_STATUS: Final[dict[int, Refused]] = {
    404: Refused("not_found", "没有这个地址。请刷新页面再试。"),
    405: Refused("bad_request", "这个地址不支持这种操作。请刷新页面再试。"),
    413: Refused("too_large", "内容太大，最多 256 KiB。请删短一些再试。"),
}
UNREADABLE: Final = Refused("bad_request", "请求的格式不对。请刷新页面再试。")
DENIALS: Final = web.AppKey("denials", Throttle)
DENIALS_NOTED_PER_MINUTE: Final = 30
AWAY: Final = Refused("unavailable", "暂时存不了，请等几秒再试。", retry_after_s=2.0)
STORAGE: Final = Refused("unavailable", "录像库暂时用不了，请等几秒再试；还不行就报这个编号。", retry_after_s=5.0)
GONE: Final = Refused("not_found", "没有找到，可能已经删除。请回到列表再看一次。")
OURS: Final = Refused("incident", "系统出错了，不是您的问题。请再试一次；还不行就报这个编号。")


def for_programs(request: web.Request) -> bool:
    """Whether the reader of the answer is a program (JSON) and not a person (a page)."""
    return request.path.startswith("/api/") or request.path in ("/ws", "/metrics", "/healthz", "/readyz")


def refusal(refused: Refused, incident: str | None = None) -> web.Response:
    """The JSON reply of PROTOCOL.md section 1."""
    error = error_body(refused) | ({"incident": incident} if incident else {})
    response = web.Response(
        body=to_json({"error": error}),
        status=STATUS[refused.code],
        content_type="application/json",
        charset="utf-8",
    )
    if refused.retry_after_s is not None:
        response.headers["Retry-After"] = str(max(1, round(refused.retry_after_s)))
    return response


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Outermost: nothing below it reaches the connection as an exception, except redirects and cancellation."""
    try:
        return await handler(request)
    except Refused as refused:
        if isinstance(refused, Denied):
            await _note_denied(request, refused)
        return _answer(request, refused, STATUS[refused.code])
    except web.HTTPException as answer:
        if answer.status < HTTPStatus.BAD_REQUEST:
            raise
        response = _answer(request, OF_STATUS.get(answer.status, UNREADABLE), answer.status)
        if "Allow" in answer.headers:
            response.headers["Allow"] = answer.headers["Allow"]
        return response
    except recordings.errors.NotFound:
        return _answer(request, GONE, STATUS[GONE.code])
    except recordings.errors.RecordingError as error:
        return _incident(request, error, STORAGE)
    except (ConnectionResetError, asyncio.CancelledError):
        raise
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        return _incident(request, error, AWAY)
    except Exception as error:
        return _incident(request, error, OURS)


async def _note_denied(request: web.Request, denied: Denied) -> None:
    """A refused permission goes into the log and the audit trail: somebody tried a door that is not theirs."""
    viewer: Viewer | None = request.get("viewer")
    if viewer is None:
        return
    log.warning("denied %s on %s %s to %s", denied.action, request.method, _pattern(request), viewer.person_id)
    try:
        request.app[DENIALS].attempt(viewer.person_id)
    except Throttled:
        # A program that knocks on every door fills the log, but not the trail that is kept for ever.
        return
    try:
        async with request.app[SESSIONS].begin() as db:
            await audit.append(
                db,
                at=request.app[CLOCK].now(),
                action="denied",
                subject_kind="action",
                subject_id=denied.action,
                person_id=viewer.person_id,
                org_id=viewer.org_id,
                detail={"method": request.method, "route": _pattern(request)},
            )
    except SQLAlchemyError:
        log.exception("a refused permission could not be noted in the audit trail")


def _incident(request: web.Request, error: Exception, refused: Refused) -> web.Response:
    incident = new_incident()
    with about(incident=incident):
        log.error("incident in %s %s", request.method, _pattern(request), exc_info=error)
    return _answer(request, refused, STATUS[refused.code], incident)


def _answer(request: web.Request, refused: Refused, status: int, incident: str | None = None) -> web.Response:
    if not for_programs(request):
        return error_page(request, status, incident)
    response = refusal(refused, incident)
    response.set_status(status)
    return response


def _pattern(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "(unknown)"
