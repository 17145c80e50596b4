"""What a street station does over HTTP: visits, drafts, consent texts, device checks, ratings, the printed record."""

from datetime import date
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession

from scheduler import cases, details, devices, evaluations
from scheduler.access import Action
from scheduler.cases import VisitFields, VisitRegistration
from scheduler.clock import local_day
from scheduler.consent_texts import Audience, current_text
from scheduler.consultations import open_consultation_of_station
from scheduler.devices import CheckResult, Device, DeviceReading
from scheduler.errors import Changed, Refused
from scheduler.evaluations import Grades
from scheduler.ids import ConsultationId, VisitId
from scheduler.overviews import consultation_ref, latest_consultation, line_summary, visit_rows
from scheduler.terms import CATEGORY_NAMES, Group, IdType, MatterCategory, Sex
from signaling import wire
from signaling.http import Body, Exchange, Keyed, Nothing, Query, Route, press, reading, writing
from signaling.keys import CIPHER, LIVE
from signaling.log_in import person_of
from signaling.readers import readable_consultation

Short = Annotated[str, Field(max_length=1000)]


class VisitShape(Body):
    """`VisitFields`: everything is optional in a draft."""

    secret: ClassVar[frozenset[str]] = frozenset({"id_number"})

    name: Short = ""
    id_refused: bool = False
    id_type: IdType | None = None
    id_number: Annotated[str | None, Field(max_length=64, repr=False)] = None
    phone: Short = ""
    sex: Sex | None = None
    birth_date: date | None = None
    address: Short = ""
    groups: Annotated[tuple[Group, ...], Field(max_length=len(Group))] = ()
    companion: Short = ""
    guardian_name: Short = ""
    dialect: Short = ""
    access_needs: Short = ""
    category: MatterCategory | None = None
    opposing_party: Short = ""
    facts: Annotated[str, Field(max_length=20_000)] = ""

    def fields(self) -> VisitFields:
        return VisitFields(**{name: getattr(self, name) for name in VisitShape.model_fields})


class NewVisit(VisitShape, Keyed):
    pass


class SavedVisit(VisitShape):
    version: int


class TextQuery(Query):
    audience: Literal["adult", "guardian", "criminal"]


class Reading(Body):
    result: CheckResult
    detail: Short = ""


class DeviceChecks(Keyed):
    camera: Reading
    microphone: Reading
    speaker: Reading
    document_camera: Reading
    network: Reading


class EvaluationBody(Keyed):
    declined: bool
    overall: int | None = None
    attitude: int | None = None
    efficiency: int | None = None
    policy: int | None = None
    competence: int | None = None
    comment: Short = ""


async def get_station(exchange: Exchange[Nothing]) -> object:
    viewer, now = exchange.viewer, exchange.now
    async with exchange.reads() as db:
        current = await open_consultation_of_station(db, viewer.org_id)
        return {
            "org": person_of(viewer)["org"],
            "line": await line_summary(db, now),
            "visits": await visit_rows(db, viewer.org_id, local_day(now)),
            "consultation": None if current is None else await consultation_ref(db, current, now),
        }


async def get_categories(exchange: Exchange[Nothing]) -> object:
    return {"items": [{"id": category, "name": name} for category, name in CATEGORY_NAMES.items()]}


async def get_consent_text(exchange: Exchange[Nothing]) -> object:
    audience = Audience(exchange.query(TextQuery).audience)
    async with exchange.reads() as db:
        return wire.consent_text(await current_text(db, audience))


async def post_visit(exchange: Exchange[NewVisit]) -> object:
    async def act(db: AsyncSession) -> object:
        cipher = exchange.request.app[CIPHER]
        made = await cases.create_visit(db, cipher, exchange.viewer, exchange.body.fields(), exchange.now)
        return await _visit(db, made, exchange)

    return await press(exchange, act)


async def get_visit(exchange: Exchange[Nothing]) -> object:
    async with exchange.reads() as db:
        found = await cases.visit_of(db, exchange.viewer, _visit_id(exchange))
        return await _visit(db, found, exchange)


async def put_visit(exchange: Exchange[SavedVisit]) -> object:
    """Changed carries what is in the database now, so that both versions can be shown side by side."""
    viewer, visit_id, body = exchange.viewer, _visit_id(exchange), exchange.body
    try:
        async with exchange.sessions.begin() as db:
            cipher = exchange.request.app[CIPHER]
            saved = await cases.save_visit(db, cipher, viewer, visit_id, body.version, body.fields(), exchange.now)
            return await _visit(db, saved, exchange)
    except Changed as changed:
        async with exchange.reads() as db:
            current = await _visit(db, await cases.visit_of(db, viewer, visit_id), exchange)
        raise Refused(changed.code, changed.text, detail={**changed.detail, "current": current}) from None


async def delete_visit(exchange: Exchange[Keyed]) -> object:
    async def act(db: AsyncSession) -> object:
        await cases.delete_visit(db, exchange.viewer, _visit_id(exchange), exchange.now)
        return {}

    return await press(exchange, act)


async def restore_visit(exchange: Exchange[Keyed]) -> object:
    async def act(db: AsyncSession) -> object:
        restored = await cases.restore_visit(db, exchange.viewer, _visit_id(exchange))
        return await _visit(db, restored, exchange)

    return await press(exchange, act)


def _visit_id(exchange: Exchange[Any]) -> VisitId:
    return VisitId(exchange.part("visit_id"))


async def _visit(db: AsyncSession, found: VisitRegistration, exchange: Exchange[Any]) -> dict[str, Any]:
    latest = await latest_consultation(db, found.id)
    ref = None if latest is None else await consultation_ref(db, latest, exchange.now)
    return wire.visit(found, ref)


async def post_device_checks(exchange: Exchange[DeviceChecks]) -> object:
    async def act(db: AsyncSession) -> object:
        readings = {device: getattr(exchange.body, device.value) for device in Device}
        measured = {device: DeviceReading(reading.result, reading.detail) for device, reading in readings.items()}
        await devices.report_devices(db, exchange.viewer, measured, exchange.now)
        return {}

    return await press(exchange, act)


async def post_evaluation(exchange: Exchange[EvaluationBody]) -> object:
    body, consultation_id = exchange.body, _consultation_id(exchange)
    grades = Grades(**body.model_dump(exclude={"key"}))

    async def act(db: AsyncSession) -> object:
        await evaluations.evaluate(db, exchange.viewer, consultation_id, grades, exchange.now)
        return {}

    answer = await press(exchange, act)
    await exchange.request.app[LIVE].evaluated(consultation_id)
    return answer


async def get_record(exchange: Exchange[Nothing]) -> object:
    async with exchange.reads() as db:
        consultation_id = _consultation_id(exchange)
        await readable_consultation(db, exchange.viewer, consultation_id, Action.READ_RECORD)
        return await details.record(db, consultation_id)


def _consultation_id(exchange: Exchange[Any]) -> ConsultationId:
    return ConsultationId(exchange.part("consultation_id"))


VISIT: Final = "/api/visits/{visit_id}"
CONSULTATION: Final = "/api/consultations/{consultation_id}"
WRITE: Final = Action.WRITE_VISIT
RATE: Final = Action.GIVE_EVALUATION
ROUTES: Final[tuple[Route, ...]] = (
    reading("/api/station", get_station, Action.READ_STATION, "The station's day"),
    reading("/api/categories", get_categories, "logged_in", "Matter categories in the order of the form"),
    reading("/api/consent-texts/recording", get_consent_text, "logged_in", "What a visitor is read", TextQuery),
    writing("POST", "/api/visits", post_visit, WRITE, NewVisit, "A new draft"),
    reading(VISIT, get_visit, Action.READ_STATION, "A visit registration"),
    writing("PUT", VISIT, put_visit, WRITE, SavedVisit, "Save a draft"),
    writing("DELETE", VISIT, delete_visit, WRITE, Keyed, "Delete a draft"),
    writing("POST", VISIT + "/restore", restore_visit, WRITE, Keyed, "Bring a deleted draft back"),
    writing(
        "POST",
        "/api/device-checks",
        post_device_checks,
        Action.CHECK_DEVICES,
        DeviceChecks,
        "What the device check measured",
    ),
    writing("POST", CONSULTATION + "/evaluation", post_evaluation, RATE, EvaluationBody, "The visitor's rating"),
    reading(CONSULTATION + "/record", get_record, Action.READ_RECORD, "The confirmed record, for printing"),
)
