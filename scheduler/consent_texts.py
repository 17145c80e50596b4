"""The words that are read to people before they answer: versioned, hashed, never changed once used."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import String, Text, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from scheduler.db import Base, UtcDateTime, word
from scheduler.errors import NotFound
from scheduler.terms import MatterCategory


class Audience(StrEnum):
    ADULT = "adult"
    GUARDIAN = "guardian"
    CRIMINAL = "criminal"
    STAFF = "staff"


class ConsentTextRow(Base):
    __tablename__ = "consent_text"

    version: Mapped[str] = mapped_column(String(40), primary_key=True)
    audience: Mapped[Audience] = mapped_column(word(Audience), index=True)
    title: Mapped[str] = mapped_column(String(80))
    short: Mapped[str] = mapped_column(String(400))
    text: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class ConsentText:
    """About recording. short: what the panel shows; text: the whole, which is what sha256 is taken of (UTF-8)."""

    version: str
    audience: Audience
    title: str
    short: str
    text: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


_COMMON = "\n".join(
    (
        "录谁、录什么：远程咨询时的画面、声音和展示的材料。陪同人坐在镜头前，也会录进去；"
        "陪同人不愿意，请选「不同意」，或者请陪同人坐到镜头外面。",
        "为什么录：以后对答复有疑问时可以查对，也用来检查服务质量。不作别的用途，不公开，不给无关的人。",
        "谁保管：本区公共法律服务中心。加密保存，加盖电子封印，谁看过都有记录。",
        "谁能看：您本人可以申请看。依法检查、审计的人，写明事由才能看。律师和窗口人员不能随意看。",
        "保存多久：没有转入其他案件的，一年后删除。转入法律援助、人民调解的，跟着那个案件的期限保存。",
        "您的权利：您可以不同意，服务完全一样，只留文字记录。同意以后随时可以说「停止录制」，马上就停。"
        "您还可以要求查看、复制、更正或删除，请向本站工作人员提出，或者拨打 12348。",
        "依据：《中华人民共和国个人信息保护法》第十四条、第十五条、第十六条、第十七条、第二十九条。",
    )
)

BUILT_IN: dict[Audience, ConsentText] = {
    Audience.ADULT: ConsentText(
        "recording-adult-1",
        Audience.ADULT,
        "要不要录音录像？",
        "不同意也能咨询，服务一样。录了，只给您本人和依法检查的人看，一年后删除。中途想停，随时说。",
        "录音录像告知书\n\n您好。律师马上在屏幕上和您谈。谈话可以录音录像，也可以不录，由您决定。\n\n" + _COMMON,
    ),
    Audience.GUARDIAN: ConsentText(
        "recording-guardian-1",
        Audience.GUARDIAN,
        "孩子不满 14 周岁，要请监护人决定：要不要录音录像？",
        "请监护人来选。不同意也能咨询，服务一样。录了，只给监护人、孩子本人和依法检查的人看，一年后删除。中途想停，随时说。",
        "录音录像告知书（监护人）\n\n监护人您好。来访的孩子不满 14 周岁，谈话录不录音录像，要由您决定。"
        "请您写下姓名。您不在场的，就选「不同意」，"
        "咨询照常进行。\n\n"
        + _COMMON
        + "\n不满十四周岁未成年人的个人信息是敏感个人信息，要取得监护人的同意：同法第二十八条、第三十一条。",
    ),
    Audience.CRIMINAL: ConsentText(
        "recording-criminal-1",
        Audience.CRIMINAL,
        "刑事事项不录音录像",
        "您问的是刑事事项，为了保护您，谈话一律不录音录像，也没有别人旁听，只留文字记录。请您照样选一项，我们记下您的意思。",
        "刑事事项告知书\n\n您好。您问的是刑事事项。为了保护您和您的家人，这次谈话一律不录音录像，也不让别人旁听，只留文字记录。"
        "无论您选「同意」还是「不同意」，都不会录，服务完全一样。\n\n"
        "律师对您说的情况和隐私保密。准备或者正在危害国家安全、公共安全以及严重危害他人人身安全的犯罪除外。\n"
        "来访人不满 14 周岁的，请监护人来选，并写下姓名。\n"
        "依据：《中华人民共和国律师法》第三十八条，《中华人民共和国个人信息保护法》第十四条、第二十八条、第三十一条。",
    ),
    Audience.STAFF: ConsentText(
        "recording-staff-1",
        Audience.STAFF,
        "工作中的录音录像",
        "来访人同意时，您接待或答复的过程会录音录像。您可以随时收回同意，收回以后您参加的会话都不录。",
        "录音录像告知书（工作人员、律师）\n\n来访人同意录音录像时，您接待或者答复的画面和声音也会录进去。"
        "录像加密封存，只供依法检查、审计的人写明事由后调阅，每次调阅都有记录，不用来随意挑错。\n"
        "没有转入其他案件的，一年后删除。\n"
        "您可以随时在账号里收回同意。收回以后，您参加的会话都不录音录像，您的工作不受影响。\n"
        "依据：《中华人民共和国个人信息保护法》第十三条、第十四条、第十五条、第十七条。",
    ),
}


def audience_of(category: MatterCategory | None, under_14: bool) -> Audience:
    """Whose text a visitor is read."""
    if category is MatterCategory.CRIMINAL:
        return Audience.CRIMINAL
    return Audience.GUARDIAN if under_14 else Audience.ADULT


async def current_text(db: AsyncSession, audience: Audience) -> ConsentText:
    """The newest version in the table, or the one that LawLink brings along."""
    query = (
        select(ConsentTextRow)
        .where(ConsentTextRow.audience == audience)
        .order_by(ConsentTextRow.created_at.desc(), ConsentTextRow.version.desc())
        .limit(1)
    )
    row = await db.scalar(query)
    return BUILT_IN[audience] if row is None else _text(row)


async def text_of_version(db: AsyncSession, version: str) -> ConsentText:
    """The exact words somebody was read. Raises NotFound."""
    row = await db.get(ConsentTextRow, version)
    if row is not None:
        return _text(row)
    for text in BUILT_IN.values():
        if text.version == version:
            return text
    raise NotFound("没有这个版本的告知书。")


async def keep_text(db: AsyncSession, text: ConsentText, now: datetime) -> None:
    """Puts the words beside the first answer that was given to them, so that a later release cannot change them."""
    if await db.get(ConsentTextRow, text.version) is None:
        db.add(
            ConsentTextRow(
                version=text.version,
                audience=text.audience,
                title=text.title,
                short=text.short,
                text=text.text,
                sha256=text.sha256,
                created_at=now,
            )
        )
        await db.flush()


def _text(row: ConsentTextRow) -> ConsentText:
    return ConsentText(row.version, row.audience, row.title, row.short, row.text)
