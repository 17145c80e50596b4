"""What a duty lawyer does over HTTP: the day at a glance, and the form after a consultation."""

from typing import Annotated, Any, Final

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from recordings.models import Recording
from scheduler import details
from scheduler import wrap_up as forms
from scheduler.access import Action
from scheduler.errors import Changed, Refused
from scheduler.ids import ConsultationId
from scheduler.overviews import consultation_ref
from scheduler.statistics import lawyer_home
from scheduler.terms import Outcome
from scheduler.wrap_up import WrapUp, WrapUpFields
from signaling import wire
from signaling.http import Body, Exchange, Keyed, Nothing, Route, press, reading, writing
from signaling.keys import LIVE

Advice = Annotated[str, Field(max_length=20_000)]
Law = Annotated[str, Field(max_length=4_000)]


class FormShape(Body):
    version: int
    advice: Advice
    law_cited: Law
    aid_rights_told: bool
    outcome: Outcome | None = None

    def fields(self) -> WrapUpFields:
        return WrapUpFields(self.advice, self.law_cited, self.aid_rights_told, self.outcome)


class ClosingForm(FormShape, Keyed):
    pass


async def get_lawyer(exchange: Exchange[Nothing]) -> object:
    async with exchange.reads() as db:
        home = await lawyer_home(db, exchange.viewer.person_id, exchange.now)
    return {
        "presence": wire.presence(home.presence),
        "today": home.today,
        "line": home.line,
        "open_forms": home.open_forms,
        "consultation": home.consultation,
    }


async def get_wrap_up(exchange: Exchange[Nothing]) -> object:
    async with exchange.reads() as db:
        form = await forms.read_wrap_up(db, exchange.viewer, _consultation_id(exchange))
        return await _form(db, form, exchange)


async def put_wrap_up(exchange: Exchange[FormShape]) -> object:
    """Changed carries what is in the database now."""
    viewer, consultation_id, body = exchange.viewer, _consultation_id(exchange), exchange.body
    try:
        async with exchange.sessions.begin() as db:
            form = await forms.save_wrap_up(db, viewer, consultation_id, body.version, body.fields())
            return await _form(db, form, exchange)
    except Changed as changed:
        raise await _with_current(exchange, changed) from None


async def post_extend(exchange: Exchange[Keyed]) -> object:
    async def act(db: AsyncSession) -> object:
        until = await forms.extend(db, exchange.viewer, _consultation_id(exchange), exchange.now)
        return {"protected_until": until}

    return await press(exchange, act)


async def post_close(exchange: Exchange[ClosingForm]) -> object:
    body, consultation_id, now = exchange.body, _consultation_id(exchange), exchange.now

    async def act(db: AsyncSession) -> object:
        await forms.close(db, exchange.viewer, consultation_id, body.version, body.fields(), now)
        return await consultation_ref(db, consultation_id, now)

    try:
        ref = await press(exchange, act)
    except Changed as changed:
        raise await _with_current(exchange, changed) from None
    await exchange.request.app[LIVE].closed(consultation_id)
    return ref


async def _with_current(exchange: Exchange[Any], changed: Changed) -> Refused:
    async with exchange.reads() as db:
        form = await forms.read_wrap_up(db, exchange.viewer, _consultation_id(exchange))
        current = await _form(db, form, exchange)
    return Refused(changed.code, changed.text, detail={**changed.detail, "current": current})


async def _form(db: AsyncSession, form: WrapUp, exchange: Exchange[Any]) -> dict[str, Any]:
    detail = await details.consultation_detail(db, form.consultation_id, exchange.now)
    recording = await db.scalar(select(Recording).where(Recording.consultation_id == form.consultation_id))
    return wire.wrap_up(form, wire.consultation_detail(detail, wire.ended_recording(detail, recording)))


def _consultation_id(exchange: Exchange[Any]) -> ConsultationId:
    return ConsultationId(exchange.part("consultation_id"))


FORM: Final = "/api/consultations/{consultation_id}/wrap-up"
CLOSE: Final = "/api/consultations/{consultation_id}/close"
WRAP_UP: Final = Action.WRAP_UP
ROUTES: Final[tuple[Route, ...]] = (
    reading("/api/lawyer", get_lawyer, Action.SET_PRESENCE, "The lawyer's day"),
    reading(FORM, get_wrap_up, WRAP_UP, "The form after a consultation"),
    writing("PUT", FORM, put_wrap_up, WRAP_UP, FormShape, "Save the form"),
    writing("POST", FORM + "/extend", post_extend, WRAP_UP, Keyed, "Two more minutes, once"),
    writing("POST", CLOSE, post_close, WRAP_UP, ClosingForm, "Confirm the record"),
)
