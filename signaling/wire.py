"""Rows of the system of record as the JSON shapes of PROTOCOL.md, for HTTP and WebSocket alike.

A shape whose dataclass already has the protocol's names (LineSummary, ConsultationRef, Record, …) is written as it is.
"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import to_jsonable_python

from scheduler.cases import LIMITS, VisitRegistration
from scheduler.consents import Answer
from scheduler.details import ConsultationDetail
from scheduler.overviews import ConsultationRef
from scheduler.presence import Presence
from scheduler.records import Message
from scheduler.terms import MatterCategory
from scheduler.wrap_up import WrapUp

TEXTS: Final = tuple(name for name in LIMITS if name != "id_number")


def presence(found: Presence) -> dict[str, Any]:
    shape: dict[str, Any] = to_jsonable_python(found)
    del shape["person_id"]
    return shape


def chat_message(message: Message) -> dict[str, Any]:
    shape: dict[str, Any] = to_jsonable_python(message)
    shape["from"] = shape.pop("participant_id")
    return shape


def visit(found: VisitRegistration, consultation: ConsultationRef | None) -> dict[str, Any]:
    """`Visit`: the identity number is masked and never comes back plain."""
    return {
        "id": found.id,
        "no": found.no,
        "version": found.version,
        "state": found.state,
        "saved_at": found.saved_at,
        **{name: getattr(found, name) for name in TEXTS},
        "id_refused": found.id_refused,
        "id_type": found.id_type,
        "sex": found.sex,
        "birth_date": found.birth_date,
        "groups": found.groups,
        "category": found.category,
        "id_number_masked": found.id_number_masked,
        "consultation": consultation,
    }


def consultation_detail(found: ConsultationDetail, recording: Mapping[str, Any]) -> dict[str, Any]:
    """`ConsultationDetail`; `recording` is its `RecordingState`."""
    shape: dict[str, Any] = to_jsonable_python(found)
    ref = shape.pop("ref")
    return {**ref, **shape, "chat": [chat_message(message) for message in found.chat], "recording": dict(recording)}


def wrap_up(form: WrapUp, consultation: Mapping[str, Any]) -> dict[str, Any]:
    shape: dict[str, Any] = to_jsonable_python(form)
    del shape["consultation_id"]
    return {**shape, "consultation": dict(consultation)}


def ended_recording(found: ConsultationDetail) -> dict[str, Any]:
    """`RecordingState` of a consultation that is over: what came of the visitor's answer."""
    if found.category is MatterCategory.CRIMINAL:
        return {"state": "none", "cause": "criminal", "at": None}
    if found.recording_consent is Answer.REFUSED:
        return {"state": "none", "cause": "refused", "at": None}
    if found.started_at is None:
        return {"state": "none", "cause": None, "at": None}
    cause = "withdrawn" if found.recording_consent is Answer.WITHDRAWN else "ended"
    return {"state": "stopped", "cause": cause, "at": to_jsonable_python(found.ended_at)}
