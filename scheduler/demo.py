"""The demo district: 金水区 with its 17 streets, the accounts of the demo, and some days of history, replayed through
the real functions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from scheduler.access import Viewer
from scheduler.cases import VisitFields, create_visit
from scheduler.clock import LOCAL, local_day
from scheduler.consent_texts import audience_of, current_text
from scheduler.consents import Answer, set_standing
from scheduler.consultations import begin
from scheduler.demo_matters import DRAFT, MATTERS, DemoMatter
from scheduler.duty import set_presence
from scheduler.endings import end
from scheduler.evaluations import Grades, evaluate
from scheduler.identity import IdentityCipher, age_on
from scheduler.ids import LogInId, OrgId, PersonId
from scheduler.intake import CallRequest, call
from scheduler.log_ins import viewer_of
from scheduler.offers import accept_offer, match_and_offer
from scheduler.organisations import Organisation, OrgKind, add_organisation
from scheduler.people import Role, add_person
from scheduler.presence import PresenceState
from scheduler.records import add_point
from scheduler.wrap_up import WrapUpFields, close, read_wrap_up

# Street, its two communities, its clerk.
STREETS: tuple[tuple[str, str, str, str], ...] = (
    ("经八路", "纬五路社区", "政七街社区", "李秀梅"),
    ("花园路", "通信花园社区", "军区社区", "周敏"),
    ("人民路", "顺河路社区", "太康路社区", "赵红霞"),
    ("杜岭", "杜岭社区", "西里路社区", "孙建国"),
    ("大石桥", "优胜路社区", "工人新村社区", "陈玉珍"),
    ("南阳路", "黄河路社区", "群办路社区", "郭志强"),
    ("南阳新村", "新村社区", "任寨社区", "马丽娟"),
    ("文化路", "文苑社区", "博物院社区", "黄淑芬"),
    ("丰产路", "天明社区", "经三路社区", "刘海燕"),
    ("东风路", "文博社区", "金桥社区", "徐文静"),
    ("北林路", "锦绣社区", "鑫苑社区", "高俊峰"),
    ("未来路", "凤鸣社区", "中亨社区", "何雅琴"),
    ("凤凰台", "凤凰城社区", "名门社区", "宋国庆"),
    ("兴达路", "马渡社区", "金印社区", "吴晓霞"),
    ("国基路", "国基社区", "普罗旺世社区", "郑海涛"),
    ("杨金路", "杨金社区", "徐庄社区", "冯桂英"),
    ("丰庆路", "丰庆社区", "正弘社区", "曹慧敏"),
)
LAWYERS = ("王立新", "张晓燕", "刘志远", "陈思敏", "赵明哲", "杨雪")
STAFF: tuple[tuple[str, str, Role], ...] = (
    ("dispatcher01", "胡静", Role.DISPATCHER),
    ("mediator01", "段和平", Role.MEDIATOR),
    ("auditor01", "沈正", Role.AUDITOR),
    ("archivist01", "卢文清", Role.ARCHIVIST),
    ("admin01", "谢安", Role.ADMIN),
)
OPENS, SLOT = time(9, 0), timedelta(minutes=18)
# Consultations on each of six days of last month, which give its figures, and on the days before today.
LAST_MONTH, BEFORE_TODAY, TODAY = 9, (5, 6, 7), 8


@dataclass(frozen=True, slots=True)
class DemoAccount:
    account: str
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class _Cast:
    clerks: Sequence[Viewer]
    lawyers: dict[PersonId, Viewer]


async def fill(db: AsyncSession, cipher: IdentityCipher, password_hash: str, now: datetime) -> Sequence[DemoAccount]:
    """Adds district, people and history to an empty database; on a filled one it only returns the accounts.

    One password for all.
    """
    if await db.scalar(select(Organisation.id).limit(1)) is None:
        start = now - timedelta(days=90)
        district_id, street_ids = await _add_organisations(db, start)
        cast = await _add_people(db, district_id, street_ids, password_hash, start)
        await _replay(db, cipher, cast, now)
    return accounts()


def accounts() -> list[DemoAccount]:
    clerks = [DemoAccount(f"station{number:02d}", row[3], Role.STATION_CLERK) for number, row in enumerate(STREETS, 1)]
    lawyers = [DemoAccount(f"lawyer{number:02d}", name, Role.DUTY_LAWYER) for number, name in enumerate(LAWYERS, 1)]
    return [*clerks, *lawyers, *[DemoAccount(*row) for row in STAFF]]


async def _add_organisations(db: AsyncSession, now: datetime) -> tuple[OrgId, list[OrgId]]:
    district = await add_organisation(
        db,
        name="金水区公共法律服务中心",
        short_name="金水区",
        kind=OrgKind.DISTRICT,
        parent_id=None,
        phone="0371-63930100",
        address="郑州市金水区东风路 16 号",
        now=now,
    )
    streets = []
    for number, (name, *communities, _clerk) in enumerate(STREETS, 1):
        street = await add_organisation(
            db,
            name=f"{name}街道公共法律服务工作站",
            short_name=f"{name}街道",
            kind=OrgKind.STREET,
            parent_id=district.id,
            phone=f"0371-639301{number:02d}",
            position=number,
            now=now,
        )
        streets.append(street.id)
        for place, community in enumerate(communities, 1):
            await add_organisation(
                db,
                name=f"{community}公共法律服务工作室",
                short_name=community,
                kind=OrgKind.COMMUNITY,
                parent_id=street.id,
                phone=street.phone,
                position=place,
                now=now,
            )
    return district.id, streets


async def _add_people(
    db: AsyncSession, district_id: OrgId, street_ids: Sequence[OrgId], password_hash: str, now: datetime
) -> _Cast:
    cast = _Cast([], {})
    clerks: list[Viewer] = []
    for index, account in enumerate(accounts()):
        added = await add_person(
            db,
            account=account.account,
            name=account.name,
            roles=[account.role],
            org_id=street_ids[index] if account.role is Role.STATION_CLERK else district_id,
            password_hash=password_hash,
            now=now,
        )
        if account.role not in (Role.STATION_CLERK, Role.DUTY_LAWYER):
            continue
        await set_standing(db, added.id, Answer.GIVEN, now)
        viewer = await viewer_of(db, added.id, LogInId("demo"))
        if account.role is Role.STATION_CLERK:
            clerks.append(viewer)
        else:
            cast.lawyers[added.id] = viewer
    return _Cast(clerks, cast.lawyers)


async def _replay(db: AsyncSession, cipher: IdentityCipher, cast: _Cast, now: datetime) -> None:
    turn = 0
    for day, count in _days(local_day(now)):
        opening = datetime.combine(day, OPENS, LOCAL)
        # Before opening time there is no history of today yet.
        if opening > now:
            break
        for lawyer in cast.lawyers.values():
            await set_presence(db, lawyer, PresenceState.AVAILABLE, opening)
        for slot in range(count):
            at = opening + SLOT * slot
            if at + SLOT * 2 > now:
                break
            await _consultation(db, cipher, cast, MATTERS[turn % len(MATTERS)], turn, at)
            turn += 1
        for lawyer in cast.lawyers.values():
            await set_presence(db, lawyer, PresenceState.OFFLINE, min(opening + timedelta(hours=8), now))
    clerk = cast.clerks[0]
    await create_visit(db, cipher, clerk, _fields(DRAFT), now - timedelta(minutes=6))


def _days(today: date) -> list[tuple[date, int]]:
    last_month = today.replace(day=1) - timedelta(days=1)
    days = [(last_month.replace(day=number), LAST_MONTH) for number in range(10, 16)]
    days += [(today - timedelta(days=len(BEFORE_TODAY) - index), count) for index, count in enumerate(BEFORE_TODAY)]
    return [*days, (today, TODAY)]


async def _consultation(
    db: AsyncSession, cipher: IdentityCipher, cast: _Cast, matter: DemoMatter, turn: int, at: datetime
) -> None:
    clerk = cast.clerks[turn * 5 % len(cast.clerks)]
    fields = _fields(matter)
    visit = await create_visit(db, cipher, clerk, fields, at)
    under_14 = matter.birth_date is not None and age_on(matter.birth_date, local_day(at)) < 14
    text = await current_text(db, audience_of(matter.category, under_14))
    at += timedelta(minutes=3)
    # There is no media of the past, so nobody has agreed to any.
    request = CallRequest(Answer.REFUSED, text.version, text.sha256, matter.guardian_name)
    consultation_id = await call(db, cipher, clerk, visit.id, request, at)
    [offer] = await match_and_offer(db, at)
    lawyer = cast.lawyers[offer.lawyer_id]
    at += timedelta(seconds=7 + turn % 11)
    await accept_offer(db, lawyer, offer.offer_id, at)
    await begin(db, consultation_id, at + timedelta(seconds=1))
    for number, line in enumerate(matter.points, 1):
        await add_point(db, consultation_id, lawyer.person_id, line, at + timedelta(seconds=100 * number))
    at += timedelta(seconds=420 + turn * 37 % 260)
    await end(db, consultation_id, at, person_id=lawyer.person_id)
    form = await read_wrap_up(db, lawyer, consultation_id)
    done = WrapUpFields(form.advice, matter.law_cited, True, matter.outcome)
    await close(db, lawyer, consultation_id, form.version, done, at + timedelta(seconds=50))
    if turn % 9:
        await evaluate(db, clerk, consultation_id, _grades(turn), at + timedelta(seconds=70))


def _fields(matter: DemoMatter) -> VisitFields:
    return VisitFields(
        name=matter.name,
        id_refused=matter.id_refused,
        phone=matter.phone,
        sex=matter.sex,
        birth_date=matter.birth_date,
        groups=matter.groups,
        companion=matter.companion,
        guardian_name=matter.guardian_name,
        dialect=matter.dialect,
        category=matter.category,
        opposing_party=matter.opposing_party,
        facts=matter.facts,
    )


def _grades(turn: int) -> Grades:
    if turn % 7 == 3:
        return Grades(declined=True)
    if turn % 29 == 11:
        return Grades(False, 2, comment="等的时间长，没听明白。")
    overall = 5 if turn % 5 else 4
    return Grades(False, overall, 5, overall, overall, 5)
