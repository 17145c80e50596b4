"""A small district in a fresh database, and the steps of the way as one-liners in transactions of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import argon2

from scheduler.access import Viewer
from scheduler.cases import VisitFields, create_visit
from scheduler.clock import local_day
from scheduler.consent_texts import audience_of, current_text
from scheduler.consents import Answer, set_standing
from scheduler.consultations import begin
from scheduler.duty import set_presence
from scheduler.endings import end
from scheduler.identity import IdentityCipher, age_on
from scheduler.ids import ConsultationId, LogInId, OfferId, OrgId, VisitId
from scheduler.intake import CallRequest, call
from scheduler.log_ins import viewer_of
from scheduler.offers import OfferMade, accept_offer, match_and_offer
from scheduler.organisations import OrgKind, add_organisation
from scheduler.people import Passwords, Role, add_person
from scheduler.presence import PresenceState
from scheduler.terms import MatterCategory, Outcome
from scheduler.wrap_up import WrapUpFields, close, read_wrap_up
from tests.support.clock import ManualClock
from tests.support.database import Database

LOAN = VisitFields(
    name="张桂兰", phone="13812340126", category=MatterCategory.CONTRACT_LOAN, facts="邻居借走 3 万元，到期不还。"
)
DONE = WrapUpFields("借条有效，可以起诉。", "民法典第六百七十五条", True, Outcome.ANSWERED)


def cheap_passwords() -> Passwords:
    return Passwords(argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@dataclass(frozen=True, slots=True)
class District:
    database: Database
    clock: ManualClock
    cipher: IdentityCipher
    org_id: OrgId
    clerks: Sequence[Viewer]
    lawyers: Sequence[Viewer]
    others: dict[Role, Viewer]

    async def register(self, station: int = 0, fields: VisitFields = LOAN) -> VisitId:
        async with self.database.sessions.begin() as db:
            visit = await create_visit(db, self.cipher, self.clerks[station], fields, self.clock.now())
            return visit.id

    async def request(
        self, fields: VisitFields = LOAN, answer: Answer | None = Answer.GIVEN, guardian: str = ""
    ) -> CallRequest:
        day = local_day(self.clock.now())
        under_14 = fields.birth_date is not None and age_on(fields.birth_date, day) < 14
        async with self.database.reads() as db:
            text = await current_text(db, audience_of(fields.category, under_14))
        return CallRequest(answer, text.version, text.sha256, guardian)

    async def join_line(
        self, station: int = 0, fields: VisitFields = LOAN, answer: Answer = Answer.GIVEN
    ) -> ConsultationId:
        """Registers a visitor and calls a lawyer."""
        visit_id = await self.register(station, fields)
        request = await self.request(fields, answer, fields.guardian_name)
        async with self.database.sessions.begin() as db:
            return await call(db, self.cipher, self.clerks[station], visit_id, request, self.clock.now())

    async def set_presence(self, lawyer: int, state: PresenceState = PresenceState.AVAILABLE) -> None:
        async with self.database.sessions.begin() as db:
            await set_presence(db, self.lawyers[lawyer], state, self.clock.now())

    async def match(self) -> list[OfferMade]:
        async with self.database.sessions.begin() as db:
            return await match_and_offer(db, self.clock.now())

    async def accept(self, offer_id: OfferId, lawyer: int = 0) -> ConsultationId:
        async with self.database.sessions.begin() as db:
            return await accept_offer(db, self.lawyers[lawyer], offer_id, self.clock.now())

    async def talk(
        self, station: int = 0, lawyer: int = 0, fields: VisitFields = LOAN, answer: Answer = Answer.GIVEN
    ) -> ConsultationId:
        """A consultation in progress, both sides in the room."""
        consultation_id = await self.join_line(station, fields, answer)
        await self.set_presence(lawyer)
        [offer] = await self.match()
        await self.accept(offer.offer_id, lawyer)
        async with self.database.sessions.begin() as db:
            await begin(db, consultation_id, self.clock.now())
        return consultation_id

    async def end(self, consultation_id: ConsultationId) -> None:
        async with self.database.sessions.begin() as db:
            await end(db, consultation_id, self.clock.now())

    async def close(self, consultation_id: ConsultationId, lawyer: int = 0, fields: WrapUpFields = DONE) -> None:
        async with self.database.sessions.begin() as db:
            form = await read_wrap_up(db, self.lawyers[lawyer], consultation_id)
            await close(db, self.lawyers[lawyer], consultation_id, form.version, fields, self.clock.now())


async def make_district(database: Database, clock: ManualClock, stations: int = 2, lawyers: int = 2) -> District:
    now = clock.now() - timedelta(days=1)
    async with database.sessions.begin() as db:
        centre = await add_organisation(
            db, name="金水区公共法律服务中心", short_name="金水区", kind=OrgKind.DISTRICT, parent_id=None, now=now
        )
        streets = [
            await add_organisation(
                db,
                name=f"第{number}街道公共法律服务工作站",
                short_name=f"第{number}街道",
                kind=OrgKind.STREET,
                parent_id=centre.id,
                phone=f"0371-6393010{number}",
                position=number,
                now=now,
            )
            for number in range(stations)
        ]

        async def person(account: str, name: str, role: Role, org_id: OrgId) -> Viewer:
            added = await add_person(db, account=account, name=name, roles=[role], org_id=org_id, now=now)
            if role in (Role.STATION_CLERK, Role.DUTY_LAWYER):
                await set_standing(db, added.id, Answer.GIVEN, now)
            return await viewer_of(db, added.id, LogInId("test"))

        clerks = [
            await person(f"station{number:02d}", f"周敏{number}", Role.STATION_CLERK, street.id)
            for number, street in enumerate(streets)
        ]
        duty = [
            await person(f"lawyer{number:02d}", f"王立新{number}", Role.DUTY_LAWYER, centre.id)
            for number in range(lawyers)
        ]
        rest = [role for role in Role if role not in (Role.STATION_CLERK, Role.DUTY_LAWYER)]
        return District(
            database=database,
            clock=clock,
            cipher=IdentityCipher(bytes(range(32))),
            org_id=centre.id,
            clerks=clerks,
            lawyers=duty,
            others={role: await person(f"{role.value}.01", role.value, role, centre.id) for role in rest},
        )
