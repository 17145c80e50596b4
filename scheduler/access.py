"""Who may do what: one table from actions to roles, denied by default, and the scope of the own branch."""

from dataclasses import dataclass
from enum import StrEnum

from scheduler.errors import Denied
from scheduler.ids import LogInId, OrgId, PersonId
from scheduler.organisations import OrgKind, in_scope
from scheduler.people import Language, Role


@dataclass(frozen=True, slots=True)
class Viewer:
    """The person behind a request, as of its log-in."""

    person_id: PersonId
    account: str
    name: str
    roles: frozenset[Role]
    org_id: OrgId
    org_name: str
    org_kind: OrgKind
    org_phone: str
    org_path: str
    elder: bool
    language: Language
    log_in_id: LogInId


class Action(StrEnum):
    READ_STATION = "read_station"
    WRITE_VISIT = "write_visit"
    CALL = "call"
    CANCEL_ENTRY = "cancel_entry"
    CHECK_DEVICES = "check_devices"
    GIVE_EVALUATION = "give_evaluation"
    READ_CONSULTATION = "read_consultation"
    READ_RECORD = "read_record"
    READ_LINE = "read_line"
    SET_PRESENCE = "set_presence"
    ANSWER_OFFER = "answer_offer"
    JOIN_ROOM = "join_room"
    STOP_RECORDING = "stop_recording"
    SET_STANDING_CONSENT = "set_standing_consent"
    WRAP_UP = "wrap_up"
    SEND_POINT = "send_point"
    SEARCH_ARCHIVE = "search_archive"
    REPLAY = "replay"
    CHECK_INTEGRITY = "check_integrity"
    READ_AUDIT_TRAIL = "read_audit_trail"
    EXPORT_RECORDING = "export_recording"
    MANAGE_PEOPLE = "manage_people"
    READ_ORGANISATIONS = "read_organisations"


_CLERK = frozenset({Role.STATION_CLERK})
_LAWYER = frozenset({Role.DUTY_LAWYER})
_AUDITOR = frozenset({Role.AUDITOR})
_ADMIN = frozenset({Role.ADMIN})

PERMISSIONS: dict[Action, frozenset[Role]] = {
    Action.READ_STATION: _CLERK,
    Action.WRITE_VISIT: _CLERK,
    Action.CALL: _CLERK,
    Action.CANCEL_ENTRY: _CLERK,
    Action.CHECK_DEVICES: _CLERK | _LAWYER,
    Action.GIVE_EVALUATION: _CLERK,
    Action.READ_CONSULTATION: _CLERK | _LAWYER,
    Action.READ_RECORD: _CLERK | _LAWYER,
    Action.READ_LINE: _CLERK | _LAWYER | {Role.DISPATCHER},
    Action.SET_PRESENCE: _LAWYER,
    Action.ANSWER_OFFER: _LAWYER,
    Action.JOIN_ROOM: _CLERK | _LAWYER,
    Action.STOP_RECORDING: _CLERK | _LAWYER,
    Action.SET_STANDING_CONSENT: _CLERK | _LAWYER,
    Action.WRAP_UP: _LAWYER,
    Action.SEND_POINT: _LAWYER,
    Action.SEARCH_ARCHIVE: _AUDITOR,
    Action.REPLAY: _AUDITOR,
    Action.CHECK_INTEGRITY: _AUDITOR | {Role.ARCHIVIST},
    Action.READ_AUDIT_TRAIL: _AUDITOR,
    Action.EXPORT_RECORDING: frozenset({Role.ARCHIVIST}),
    Action.MANAGE_PEOPLE: _ADMIN,
    Action.READ_ORGANISATIONS: _ADMIN | _AUDITOR | {Role.DISPATCHER},
}


def allowed(viewer: Viewer, action: Action, path: str | None = None) -> bool:
    """path: of the organisation that owns the thing; None when the action touches nothing of an organisation."""
    if not PERMISSIONS.get(action, frozenset()) & viewer.roles:
        return False
    return path is None or in_scope(viewer.org_path, path)


def permit(viewer: Viewer, action: Action, path: str | None = None) -> None:
    """Raises Denied."""
    if not allowed(viewer, action, path):
        raise Denied(action.value)
