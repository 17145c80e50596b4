from dataclasses import replace

import pytest

from scheduler.access import PERMISSIONS, Action, Viewer, allowed, permit
from scheduler.errors import Denied
from scheduler.ids import LogInId, OrgId, PersonId
from scheduler.organisations import OrgKind
from scheduler.people import Language, Role

C, L, D, M, A, R, S = (
    Role.STATION_CLERK,
    Role.DUTY_LAWYER,
    Role.DISPATCHER,
    Role.MEDIATOR,
    Role.AUDITOR,
    Role.ARCHIVIST,
    Role.ADMIN,
)
# Written out a second time on purpose: whoever widens a permission has to say so twice.
EXPECTED: dict[Action, set[Role]] = {
    Action.READ_STATION: {C},
    Action.WRITE_VISIT: {C},
    Action.CALL: {C},
    Action.CANCEL_ENTRY: {C},
    Action.CHECK_DEVICES: {C, L},
    Action.GIVE_EVALUATION: {C},
    Action.READ_CONSULTATION: {C, L},
    Action.READ_RECORD: {C, L},
    Action.READ_LINE: {C, L, D},
    Action.SET_PRESENCE: {L},
    Action.SET_STANDING_CONSENT: {C, L},
    Action.ANSWER_OFFER: {L},
    Action.JOIN_ROOM: {C, L},
    Action.STOP_RECORDING: {C, L},
    Action.WRAP_UP: {L},
    Action.SEND_POINT: {L},
    Action.SEARCH_ARCHIVE: {A},
    Action.REPLAY: {A},
    Action.CHECK_INTEGRITY: {A, R},
    Action.READ_AUDIT_TRAIL: {A},
    Action.EXPORT_RECORDING: {R},
    Action.MANAGE_PEOPLE: {S},
    Action.READ_ORGANISATIONS: {S, A, D},
}
VIEWER = Viewer(
    person_id=PersonId("p"),
    account="a",
    name="n",
    roles=frozenset(),
    org_id=OrgId("s"),
    org_name="花园路街道",
    org_kind=OrgKind.STREET,
    org_phone="",
    org_path="/d/s/",
    elder=False,
    language=Language.ZH_CN,
    log_in_id=LogInId("l"),
)


def test_the_whole_table_is_what_was_agreed() -> None:
    assert {action: set(roles) for action, roles in PERMISSIONS.items()} == EXPECTED
    assert set(EXPECTED) == set(Action)


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("role", list(Role))
def test_role_by_action(action: Action, role: Role) -> None:
    viewer = replace(VIEWER, roles=frozenset({role}))
    assert allowed(viewer, action) is (role in EXPECTED[action])
    if role in EXPECTED[action]:
        permit(viewer, action)
    else:
        with pytest.raises(Denied) as refused:
            permit(viewer, action)
        assert (refused.value.code, refused.value.action) == ("denied", action)


def test_an_action_outside_the_table_is_denied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(PERMISSIONS, Action.CALL)
    assert not allowed(replace(VIEWER, roles=frozenset(Role)), Action.CALL)


def test_no_role_no_action() -> None:
    assert not any(allowed(VIEWER, action) for action in Action)


@pytest.mark.parametrize(("path", "inside"), [("/d/s/", True), ("/d/s/c/", True), ("/d/", False), ("/d/s2/", False)])
def test_only_the_own_branch(path: str, inside: bool) -> None:
    viewer = replace(VIEWER, roles=frozenset({Role.STATION_CLERK}))
    assert allowed(viewer, Action.CALL, path) is inside


def test_an_administrator_never_sees_recordings_or_consultations() -> None:
    admin = replace(VIEWER, roles=frozenset({Role.ADMIN}))
    seen = {action for action in Action if allowed(admin, action)}
    assert seen == {Action.MANAGE_PEOPLE, Action.READ_ORGANISATIONS}
