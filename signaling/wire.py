"""Rows of the system of record as the JSON shapes of PROTOCOL.md, for HTTP and WebSocket alike.

A shape whose dataclass already has the protocol's names (LineSummary, ConsultationRef, Record, …) is written as it is.
"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import to_jsonable_python

from recordings.models import Recording
from scheduler.cases import LIMITS, VisitRegistration
from scheduler.consent_texts import ConsentText
from scheduler.consents import Answer
from scheduler.details import ConsultationDetail
from scheduler.overviews import ConsultationRef
from scheduler.presence import Presence
from scheduler.records import Message
from scheduler.terms import MatterCategory
from scheduler.wrap_up import WrapUp

TEXTS: Final = tuple(name for name in LIMITS if name != "id_number")


def consent_text(text: ConsentText) -> dict[str, str]:
    """The words and their digest, which come back with the answer."""
    return {
        "version": text.version,
        "sha256": text.sha256,
        "title": text.title,
        "short": text.short,
        "text": text.text,
    }


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


def ended_recording(found: ConsultationDetail, recording: Recording | None) -> dict[str, Any]:
    """`RecordingState` of a consultation that is over; `recording` is what the archive knows of it."""
    if recording is None:
        cause = "criminal" if found.category is MatterCategory.CRIMINAL else found.recording_consent.value
        return {"state": "none", "cause": None if cause == Answer.GIVEN else cause, "at": None}
    at = recording.ended_at or found.ended_at
    return {"state": "stopped", "cause": recording.cause or "ended", "at": to_jsonable_python(at)}
