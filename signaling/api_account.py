"""What people settle on their own account: the standing consent of clerks and lawyers to be recorded at work."""

from typing import Annotated, Any, Final, Literal

from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession

from scheduler import consents
from scheduler.access import PERMISSIONS, Action, Viewer
from scheduler.consent_texts import Audience, current_text
from scheduler.consents import Answer
from signaling import wire
from signaling.http import Body, Exchange, Nothing, Route, reading, writing

PATH: Final = "/api/me/recording-consent"


class StandingBody(Body):
    answer: Literal["given", "refused"]
    text_version: Annotated[str, Field(max_length=40)]
    text_sha256: Annotated[str, Field(max_length=64)]


async def get_recording_consent(exchange: Exchange[Nothing]) -> object:
    async with exchange.reads() as db:
        return await _shape(db, exchange.viewer)


async def put_recording_consent(exchange: Exchange[StandingBody]) -> object:
    viewer, body = exchange.viewer, exchange.body
    async with exchange.sessions.begin() as db:
        await consents.answer_standing(
            db,
            viewer,
            Answer(body.answer),
            text_version=body.text_version,
            text_sha256=body.text_sha256,
            now=exchange.now,
        )
        return await _shape(db, viewer)


async def _shape(db: AsyncSession, viewer: Viewer) -> dict[str, Any]:
    return {
        "answer": await consents.standing(db, viewer.person_id),
        "needed": bool(PERMISSIONS[Action.SET_STANDING_CONSENT] & viewer.roles),
        "text": wire.consent_text(await current_text(db, Audience.STAFF)),
    }


ROUTES: Final[tuple[Route, ...]] = (
    reading(PATH, get_recording_consent, "logged_in", "The standing consent to be recorded at work"),
    writing(
        "PUT",
        PATH,
        put_recording_consent,
        Action.SET_STANDING_CONSENT,
        StandingBody,
        "Give, refuse or withdraw the standing consent",
    ),
)
