"""Recordings, their sealed bags, their keys and their replays."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002_recordings"
down_revision: str | None = "0001_scheduler"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "data_key",
        sa.Column("owner_id", sa.String(length=26), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("destroyed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("owner_id", name=op.f("pk_data_key")),
    )
    op.create_table(
        "recording",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("consultation_id", sa.String(length=26), nullable=False),
        sa.Column("org_id", sa.String(length=26), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("cause", sa.String(length=40), nullable=True),
        sa.Column("barred", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("duration_s", sa.Float(), nullable=True),
        sa.Column("expected_s", sa.Float(), nullable=True),
        sa.Column("complete", sa.Boolean(), nullable=True),
        sa.Column("dossier", sa.JSON(), nullable=True),
        sa.Column("error", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(["consultation_id"], ["consultation.id"], name=op.f("fk_recording_consultation_id")),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name=op.f("fk_recording_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recording")),
        sa.UniqueConstraint("consultation_id", name=op.f("uq_recording_consultation_id")),
    )
    op.create_index(op.f("ix_recording_org_id"), "recording", ["org_id"], unique=False)
    op.create_index(op.f("ix_recording_state"), "recording", ["state"], unique=False)
    op.create_table(
        "bag",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("consultation_id", sa.String(length=26), nullable=False),
        sa.Column("recording_id", sa.String(length=26), nullable=True),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("head", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["consultation_id"], ["consultation.id"], name=op.f("fk_bag_consultation_id")),
        sa.ForeignKeyConstraint(["recording_id"], ["recording.id"], name=op.f("fk_bag_recording_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bag")),
        sa.UniqueConstraint("consultation_id", "kind", name=op.f("uq_bag_consultation_id_kind")),
    )
    op.create_index(op.f("ix_bag_recording_id"), "bag", ["recording_id"], unique=False)
    op.create_table(
        "recording_part",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("recording_id", sa.String(length=26), nullable=False),
        sa.Column("publication_id", sa.String(length=80), nullable=False),
        sa.Column("participant_id", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("codec", sa.String(length=8), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("from_s", sa.Float(), nullable=False),
        sa.Column("to_s", sa.Float(), nullable=False),
        sa.Column("path", sa.String(length=160), nullable=True),
        sa.Column("journal_head", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["recording_id"], ["recording.id"], name=op.f("fk_recording_part_recording_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recording_part")),
        sa.UniqueConstraint(
            "recording_id", "publication_id", "part", name=op.f("uq_recording_part_recording_id_publication_id_part")
        ),
    )
    op.create_table(
        "replay",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("recording_id", sa.String(length=26), nullable=False),
        sa.Column("person_id", sa.String(length=26), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_check", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_replay_person_id")),
        sa.ForeignKeyConstraint(["recording_id"], ["recording.id"], name=op.f("fk_replay_recording_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replay")),
    )
    op.create_index(op.f("ix_replay_person_id"), "replay", ["person_id"], unique=False)
    op.create_index(op.f("ix_replay_recording_id"), "replay", ["recording_id"], unique=False)
    op.create_table(
        "replay_note",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("recording_id", sa.String(length=26), nullable=False),
        sa.Column("person_id", sa.String(length=26), nullable=False),
        sa.Column("at_s", sa.Float(), nullable=False),
        sa.Column("text", sa.String(length=1000), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_replay_note_person_id")),
        sa.ForeignKeyConstraint(["recording_id"], ["recording.id"], name=op.f("fk_replay_note_recording_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replay_note")),
    )
    op.create_index(op.f("ix_replay_note_recording_id"), "replay_note", ["recording_id"], unique=False)
    op.create_table(
        "bag_file",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("bag_id", sa.String(length=26), nullable=False),
        sa.Column("path", sa.String(length=160), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("sm3", sa.String(length=64), nullable=False),
        sa.Column("sealed_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sealed_sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["bag_id"], ["bag.id"], name=op.f("fk_bag_file_bag_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bag_file")),
        sa.UniqueConstraint("bag_id", "path", name=op.f("uq_bag_file_bag_id_path")),
    )
    op.create_table(
        "replay_span",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("replay_id", sa.String(length=26), nullable=False),
        sa.Column("from_s", sa.Float(), nullable=False),
        sa.Column("to_s", sa.Float(), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["replay_id"], ["replay.id"], name=op.f("fk_replay_span_replay_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replay_span")),
    )
    op.create_index(op.f("ix_replay_span_replay_id"), "replay_span", ["replay_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_replay_span_replay_id"), table_name="replay_span")
    op.drop_table("replay_span")
    op.drop_table("bag_file")
    op.drop_index(op.f("ix_replay_note_recording_id"), table_name="replay_note")
    op.drop_table("replay_note")
    op.drop_index(op.f("ix_replay_recording_id"), table_name="replay")
    op.drop_index(op.f("ix_replay_person_id"), table_name="replay")
    op.drop_table("replay")
    op.drop_table("recording_part")
    op.drop_index(op.f("ix_bag_recording_id"), table_name="bag")
    op.drop_table("bag")
    op.drop_index(op.f("ix_recording_state"), table_name="recording")
    op.drop_index(op.f("ix_recording_org_id"), table_name="recording")
    op.drop_table("recording")
    op.drop_table("data_key")
