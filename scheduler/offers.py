"""Offers: a waiting visitor is put to one lawyer at a time, with an absolute deadline that survives a restart."""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from scheduler.db import Base, Id, UtcDateTime, word
from scheduler.ids import ConsultationId, EntryId, OfferId, PersonId

OFFER_LASTS = timedelta(seconds=30)


class OfferState(StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    MISSED = "missed"
    WITHDRAWN = "withdrawn"


_OPEN_SQL = "state = 'open'"


class Offer(Base):
    __tablename__ = "offer"
    __table_args__ = (
        Index(
            "uq_offer_open_entry",
            "entry_id",
            unique=True,
            sqlite_where=text(_OPEN_SQL),
            postgresql_where=text(_OPEN_SQL),
        ),
        Index(
            "uq_offer_open_lawyer",
            "lawyer_id",
            unique=True,
            sqlite_where=text(_OPEN_SQL),
            postgresql_where=text(_OPEN_SQL),
        ),
    )

    id: Mapped[OfferId] = mapped_column(Id, primary_key=True)
    entry_id: Mapped[EntryId] = mapped_column(Id, ForeignKey("waiting_entry.id"), index=True)
    consultation_id: Mapped[ConsultationId] = mapped_column(Id, ForeignKey("consultation.id"))
    lawyer_id: Mapped[PersonId] = mapped_column(Id, ForeignKey("person.id"))
    state: Mapped[OfferState] = mapped_column(word(OfferState))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(String(200), default="")
