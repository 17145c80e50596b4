"""The first tables of the system of record."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0001_scheduler"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("person_id", sa.String(length=26), nullable=True),
        sa.Column("action", sa.String(length=48), nullable=False),
        sa.Column("subject_kind", sa.String(length=32), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=False),
        sa.Column("org_id", sa.String(length=26), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("prev_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_entry")),
        sa.UniqueConstraint("hash", name=op.f("uq_audit_entry_hash")),
    )
    op.create_index(op.f("ix_audit_entry_action"), "audit_entry", ["action"], unique=False)
    op.create_index(op.f("ix_audit_entry_at"), "audit_entry", ["at"], unique=False)
    op.create_index(op.f("ix_audit_entry_person_id"), "audit_entry", ["person_id"], unique=False)
    op.create_index(op.f("ix_audit_entry_subject_id"), "audit_entry", ["subject_id"], unique=False)
    op.create_table(
        "audit_head",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "consent_text",
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("audience", sa.String(length=24), nullable=False),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("short", sa.String(length=400), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_consent_text")),
    )
    op.create_index(op.f("ix_consent_text_audience"), "consent_text", ["audience"], unique=False)
    op.create_table(
        "idempotency_key",
        sa.Column("person_id", sa.String(length=26), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("person_id", "action", "key", name=op.f("pk_idempotency_key")),
    )
    op.create_index(op.f("ix_idempotency_key_created_at"), "idempotency_key", ["created_at"], unique=False)
    op.create_table(
        "log_in_throttle",
        sa.Column("subject", sa.String(length=160), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("blocked_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_log_in_throttle")),
    )
    op.create_table(
        "organisation",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("parent_id", sa.String(length=26), nullable=True),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("short_name", sa.String(length=40), nullable=False),
        sa.Column("phone", sa.String(length=32), nullable=False),
        sa.Column("address", sa.String(length=200), nullable=False),
        sa.Column("path", sa.String(length=160), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["parent_id"], ["organisation.id"], name=op.f("fk_organisation_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation")),
        sa.UniqueConstraint("path", name=op.f("uq_organisation_path")),
    )
    op.create_table(
        "running_number",
        sa.Column("series", sa.String(length=80), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("series", name=op.f("pk_running_number")),
    )
    op.create_table(
        "case_record",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("case_no", sa.String(length=40), nullable=False),
        sa.Column("org_id", sa.String(length=26), nullable=False),
        sa.Column("category", sa.String(length=24), nullable=False),
        sa.Column("created_by", sa.String(length=26), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name=op.f("fk_case_record_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_record")),
        sa.UniqueConstraint("case_no", name=op.f("uq_case_record_case_no")),
    )
    op.create_index(op.f("ix_case_record_created_at"), "case_record", ["created_at"], unique=False)
    op.create_index(op.f("ix_case_record_org_id"), "case_record", ["org_id"], unique=False)
    op.create_table(
        "person",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("org_id", sa.String(length=26), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("elder", sa.Boolean(), nullable=False),
        sa.Column("language", sa.String(length=24), nullable=False),
        sa.Column("last_login_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.String(length=26), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name=op.f("fk_person_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("account", name=op.f("uq_person_account")),
    )
    op.create_index(op.f("ix_person_org_id"), "person", ["org_id"], unique=False)
    op.create_table(
        "device_check",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("org_id", sa.String(length=26), nullable=False),
        sa.Column("person_id", sa.String(length=26), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("worst", sa.String(length=24), nullable=False),
        sa.Column("results", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name=op.f("fk_device_check_org_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_device_check_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_check")),
    )
    op.create_index(op.f("ix_device_check_org_id"), "device_check", ["org_id"], unique=False)
    op.create_table(
        "log_in",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=26), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_log_in_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_in")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_log_in_token_hash")),
    )
    op.create_index(op.f("ix_log_in_person_id"), "log_in", ["person_id"], unique=False)
    op.create_table(
        "password_link",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=26), nullable=False),
        sa.Column("created_by", sa.String(length=26), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_password_link_person_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_password_link")),
    )
    op.create_index(op.f("ix_password_link_person_id"), "password_link", ["person_id"], unique=False)
    op.create_table(
        "person_role",
        sa.Column("person_id", sa.String(length=26), nullable=False),
        sa.Column("role", sa.String(length=24), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_person_role_person_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("person_id", "role", name=op.f("pk_person_role")),
    )
    op.create_table(
        "visit_registration",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("no", sa.String(length=24), nullable=False),
        sa.Column("org_id", sa.String(length=26), nullable=False),
        sa.Column("case_id", sa.String(length=26), nullable=True),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=24), nullable=False),
        sa.Column("party", sa.String(length=24), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("id_refused", sa.Boolean(), nullable=False),
        sa.Column("id_type", sa.String(length=24), nullable=True),
        sa.Column("id_number_box", sa.LargeBinary(), nullable=True),
        sa.Column("id_number_hash", sa.String(length=64), nullable=True),
        sa.Column("id_number_masked", sa.String(length=32), nullable=False),
        sa.Column("sex", sa.String(length=24), nullable=True),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("phone", sa.String(length=32), nullable=False),
        sa.Column("address", sa.String(length=200), nullable=False),
        sa.Column("groups", sa.JSON(), nullable=False),
        sa.Column("companion", sa.String(length=80), nullable=False),
        sa.Column("guardian_name", sa.String(length=40), nullable=False),
        sa.Column("dialect", sa.String(length=80), nullable=False),
        sa.Column("access_needs", sa.String(length=200), nullable=False),
        sa.Column("category", sa.String(length=24), nullable=True),
        sa.Column("opposing_party", sa.String(length=200), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.String(length=26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_record.id"], name=op.f("fk_visit_registration_case_id")),
        sa.ForeignKeyConstraint(["created_by"], ["person.id"], name=op.f("fk_visit_registration_created_by")),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name=op.f("fk_visit_registration_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit_registration")),
    )
    op.create_index(op.f("ix_visit_registration_arrived_at"), "visit_registration", ["arrived_at"], unique=False)
    op.create_index(op.f("ix_visit_registration_case_id"), "visit_registration", ["case_id"], unique=False)
    op.create_index(
        op.f("ix_visit_registration_id_number_hash"), "visit_registration", ["id_number_hash"], unique=False
    )
    op.create_index(op.f("ix_visit_registration_org_id"), "visit_registration", ["org_id"], unique=False)
    op.create_index(op.f("ix_visit_registration_phone"), "visit_registration", ["phone"], unique=False)
    op.create_table(
        "consultation",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("visit_id", sa.String(length=26), nullable=False),
        sa.Column("case_id", sa.String(length=26), nullable=False),
        sa.Column("org_id", sa.String(length=26), nullable=False),
        sa.Column("clerk_id", sa.String(length=26), nullable=False),
        sa.Column("lawyer_id", sa.String(length=26), nullable=True),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("mode", sa.String(length=24), nullable=False),
        sa.Column("category", sa.String(length=24), nullable=False),
        sa.Column("ticket", sa.String(length=12), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("interrupted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_cause", sa.String(length=40), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["case_record.id"], name=op.f("fk_consultation_case_id")),
        sa.ForeignKeyConstraint(["clerk_id"], ["person.id"], name=op.f("fk_consultation_clerk_id")),
        sa.ForeignKeyConstraint(["lawyer_id"], ["person.id"], name=op.f("fk_consultation_lawyer_id")),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name=op.f("fk_consultation_org_id")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit_registration.id"], name=op.f("fk_consultation_visit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consultation")),
    )
    op.create_index(op.f("ix_consultation_case_id"), "consultation", ["case_id"], unique=False)
    op.create_index(op.f("ix_consultation_created_at"), "consultation", ["created_at"], unique=False)
    op.create_index("ix_consultation_lawyer_ended", "consultation", ["lawyer_id", "ended_at"], unique=False)
    op.create_index(op.f("ix_consultation_org_id"), "consultation", ["org_id"], unique=False)
    op.create_index(op.f("ix_consultation_state"), "consultation", ["state"], unique=False)
    op.create_index(op.f("ix_consultation_visit_id"), "consultation", ["visit_id"], unique=False)
    op.create_index(
        "uq_consultation_busy_lawyer",
        "consultation",
        ["lawyer_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('active', 'interrupted')"),
        postgresql_where=sa.text("state IN ('active', 'interrupted')"),
    )
    op.create_index(
        "uq_consultation_live_station",
        "consultation",
        ["org_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('waiting', 'offered', 'active', 'interrupted') AND mode <> 'callback'"),
        postgresql_where=sa.text("state IN ('waiting', 'offered', 'active', 'interrupted') AND mode <> 'callback'"),
    )
    op.create_table(
        "advice_point",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("consultation_id", sa.String(length=26), nullable=False),
        sa.Column("text", sa.String(length=300), nullable=False),
        sa.Column("created_by", sa.String(length=26), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["consultation_id"], ["consultation.id"], name=op.f("fk_advice_point_consultation_id")),
        sa.ForeignKeyConstraint(["created_by"], ["person.id"], name=op.f("fk_advice_point_created_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_advice_point")),
    )
    op.create_index(op.f("ix_advice_point_consultation_id"), "advice_point", ["consultation_id"], unique=False)
    op.create_table(
        "consultation_record",
        sa.Column("consultation_id", sa.String(length=26), nullable=False),
        sa.Column("visit_id", sa.String(length=26), nullable=False),
        sa.Column("org_id", sa.String(length=26), nullable=False),
        sa.Column("lawyer_id", sa.String(length=26), nullable=False),
        sa.Column("category", sa.String(length=24), nullable=False),
        sa.Column("opposing_party", sa.String(length=200), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("claim", sa.Text(), nullable=False),
        sa.Column("advice", sa.Text(), nullable=True),
        sa.Column("law_cited", sa.String(length=1000), nullable=False),
        sa.Column("aid_rights_told", sa.Boolean(), nullable=False),
        sa.Column("conflict_checked", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.String(length=24), nullable=True),
        sa.Column("extended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("protected_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.String(length=26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["consultation_id"], ["consultation.id"], name=op.f("fk_consultation_record_consultation_id")
        ),
        sa.ForeignKeyConstraint(["lawyer_id"], ["person.id"], name=op.f("fk_consultation_record_lawyer_id")),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name=op.f("fk_consultation_record_org_id")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit_registration.id"], name=op.f("fk_consultation_record_visit_id")),
        sa.PrimaryKeyConstraint("consultation_id", name=op.f("pk_consultation_record")),
    )
    op.create_index(op.f("ix_consultation_record_lawyer_id"), "consultation_record", ["lawyer_id"], unique=False)
    op.create_index(op.f("ix_consultation_record_visit_id"), "consultation_record", ["visit_id"], unique=False)
    op.create_table(
        "evaluation",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("consultation_id", sa.String(length=26), nullable=False),
        sa.Column("org_id", sa.String(length=26), nullable=False),
        sa.Column("declined", sa.Boolean(), nullable=False),
        sa.Column("overall", sa.SmallInteger(), nullable=True),
        sa.Column("attitude", sa.SmallInteger(), nullable=True),
        sa.Column("efficiency", sa.SmallInteger(), nullable=True),
        sa.Column("policy", sa.SmallInteger(), nullable=True),
        sa.Column("competence", sa.SmallInteger(), nullable=True),
        sa.Column("comment", sa.String(length=500), nullable=False),
        sa.Column("rectify_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.String(length=26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["consultation_id"], ["consultation.id"], name=op.f("fk_evaluation_consultation_id")),
        sa.ForeignKeyConstraint(["created_by"], ["person.id"], name=op.f("fk_evaluation_created_by")),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name=op.f("fk_evaluation_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluation")),
        sa.UniqueConstraint("consultation_id", name=op.f("uq_evaluation_consultation_id")),
    )
    op.create_index(op.f("ix_evaluation_org_id"), "evaluation", ["org_id"], unique=False)
    op.create_table(
        "lawyer_presence",
        sa.Column("person_id", sa.String(length=26), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("since_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("idle_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("missed", sa.Integer(), nullable=False),
        sa.Column("protected_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("consultation_id", sa.String(length=26), nullable=True),
        sa.Column("away_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["consultation_id"], ["consultation.id"], name=op.f("fk_lawyer_presence_consultation_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_lawyer_presence_person_id")),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_lawyer_presence")),
    )
    op.create_index(op.f("ix_lawyer_presence_state"), "lawyer_presence", ["state"], unique=False)
    op.create_table(
        "participant",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("consultation_id", sa.String(length=26), nullable=False),
        sa.Column("person_id", sa.String(length=26), nullable=True),
        sa.Column("role", sa.String(length=24), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["consultation_id"], ["consultation.id"], name=op.f("fk_participant_consultation_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_participant_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_participant")),
        sa.UniqueConstraint("consultation_id", "person_id", name=op.f("uq_participant_consultation_id_person_id")),
    )
    op.create_index(op.f("ix_participant_consultation_id"), "participant", ["consultation_id"], unique=False)
    op.create_table(
        "waiting_entry",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("consultation_id", sa.String(length=26), nullable=False),
        sa.Column("org_id", sa.String(length=26), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("boost_s", sa.Integer(), nullable=False),
        sa.Column("absent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["consultation_id"], ["consultation.id"], name=op.f("fk_waiting_entry_consultation_id")
        ),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name=op.f("fk_waiting_entry_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waiting_entry")),
        sa.UniqueConstraint("consultation_id", name=op.f("uq_waiting_entry_consultation_id")),
    )
    op.create_index(op.f("ix_waiting_entry_state"), "waiting_entry", ["state"], unique=False)
    op.create_table(
        "chat_message",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("consultation_id", sa.String(length=26), nullable=False),
        sa.Column("participant_id", sa.String(length=26), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("text", sa.String(length=500), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["consultation_id"], ["consultation.id"], name=op.f("fk_chat_message_consultation_id")),
        sa.ForeignKeyConstraint(["participant_id"], ["participant.id"], name=op.f("fk_chat_message_participant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chat_message")),
    )
    op.create_index(op.f("ix_chat_message_consultation_id"), "chat_message", ["consultation_id"], unique=False)
    op.create_table(
        "consent",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("consultation_id", sa.String(length=26), nullable=True),
        sa.Column("subject", sa.String(length=24), nullable=False),
        sa.Column("subject_key", sa.String(length=80), nullable=False),
        sa.Column("person_id", sa.String(length=26), nullable=True),
        sa.Column("participant_id", sa.String(length=26), nullable=True),
        sa.Column("purpose", sa.String(length=24), nullable=False),
        sa.Column("answer", sa.String(length=24), nullable=False),
        sa.Column("method", sa.String(length=24), nullable=False),
        sa.Column("text_version", sa.String(length=40), nullable=False),
        sa.Column("text_sha256", sa.String(length=64), nullable=False),
        sa.Column("guardian_name", sa.String(length=40), nullable=False),
        sa.Column("created_by", sa.String(length=26), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["consultation_id"], ["consultation.id"], name=op.f("fk_consent_consultation_id")),
        sa.ForeignKeyConstraint(["participant_id"], ["participant.id"], name=op.f("fk_consent_participant_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_consent_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
    )
    op.create_index(op.f("ix_consent_consultation_id"), "consent", ["consultation_id"], unique=False)
    op.create_index(op.f("ix_consent_person_id"), "consent", ["person_id"], unique=False)
    op.create_table(
        "offer",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("entry_id", sa.String(length=26), nullable=False),
        sa.Column("consultation_id", sa.String(length=26), nullable=False),
        sa.Column("lawyer_id", sa.String(length=26), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["consultation_id"], ["consultation.id"], name=op.f("fk_offer_consultation_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["waiting_entry.id"], name=op.f("fk_offer_entry_id")),
        sa.ForeignKeyConstraint(["lawyer_id"], ["person.id"], name=op.f("fk_offer_lawyer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offer")),
    )
    op.create_index(op.f("ix_offer_entry_id"), "offer", ["entry_id"], unique=False)
    op.create_index(
        "uq_offer_open_entry",
        "offer",
        ["entry_id"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        "uq_offer_open_lawyer",
        "offer",
        ["lawyer_id"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    head = sa.table("audit_head", sa.column("id"), sa.column("seq"), sa.column("hash"))
    op.bulk_insert(head, [{"id": 1, "seq": 0, "hash": "0" * 64}])


def downgrade() -> None:
    op.drop_index(
        "uq_offer_open_lawyer",
        table_name="offer",
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.drop_index(
        "uq_offer_open_entry",
        table_name="offer",
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.drop_index(op.f("ix_offer_entry_id"), table_name="offer")
    op.drop_table("offer")
    op.drop_index(op.f("ix_consent_person_id"), table_name="consent")
    op.drop_index(op.f("ix_consent_consultation_id"), table_name="consent")
    op.drop_table("consent")
    op.drop_index(op.f("ix_chat_message_consultation_id"), table_name="chat_message")
    op.drop_table("chat_message")
    op.drop_index(op.f("ix_waiting_entry_state"), table_name="waiting_entry")
    op.drop_table("waiting_entry")
    op.drop_index(op.f("ix_participant_consultation_id"), table_name="participant")
    op.drop_table("participant")
    op.drop_index(op.f("ix_lawyer_presence_state"), table_name="lawyer_presence")
    op.drop_table("lawyer_presence")
    op.drop_index(op.f("ix_evaluation_org_id"), table_name="evaluation")
    op.drop_table("evaluation")
    op.drop_index(op.f("ix_consultation_record_visit_id"), table_name="consultation_record")
    op.drop_index(op.f("ix_consultation_record_lawyer_id"), table_name="consultation_record")
    op.drop_table("consultation_record")
    op.drop_index(op.f("ix_advice_point_consultation_id"), table_name="advice_point")
    op.drop_table("advice_point")
    op.drop_index(
        "uq_consultation_live_station",
        table_name="consultation",
        sqlite_where=sa.text("state IN ('waiting', 'offered', 'active', 'interrupted') AND mode <> 'callback'"),
        postgresql_where=sa.text("state IN ('waiting', 'offered', 'active', 'interrupted') AND mode <> 'callback'"),
    )
    op.drop_index(
        "uq_consultation_busy_lawyer",
        table_name="consultation",
        sqlite_where=sa.text("state IN ('active', 'interrupted')"),
        postgresql_where=sa.text("state IN ('active', 'interrupted')"),
    )
    op.drop_index(op.f("ix_consultation_visit_id"), table_name="consultation")
    op.drop_index(op.f("ix_consultation_state"), table_name="consultation")
    op.drop_index(op.f("ix_consultation_org_id"), table_name="consultation")
    op.drop_index("ix_consultation_lawyer_ended", table_name="consultation")
    op.drop_index(op.f("ix_consultation_created_at"), table_name="consultation")
    op.drop_index(op.f("ix_consultation_case_id"), table_name="consultation")
    op.drop_table("consultation")
    op.drop_index(op.f("ix_visit_registration_phone"), table_name="visit_registration")
    op.drop_index(op.f("ix_visit_registration_org_id"), table_name="visit_registration")
    op.drop_index(op.f("ix_visit_registration_id_number_hash"), table_name="visit_registration")
    op.drop_index(op.f("ix_visit_registration_case_id"), table_name="visit_registration")
    op.drop_index(op.f("ix_visit_registration_arrived_at"), table_name="visit_registration")
    op.drop_table("visit_registration")
    op.drop_table("person_role")
    op.drop_index(op.f("ix_password_link_person_id"), table_name="password_link")
    op.drop_table("password_link")
    op.drop_index(op.f("ix_log_in_person_id"), table_name="log_in")
    op.drop_table("log_in")
    op.drop_index(op.f("ix_device_check_org_id"), table_name="device_check")
    op.drop_table("device_check")
    op.drop_index(op.f("ix_person_org_id"), table_name="person")
    op.drop_table("person")
    op.drop_index(op.f("ix_case_record_org_id"), table_name="case_record")
    op.drop_index(op.f("ix_case_record_created_at"), table_name="case_record")
    op.drop_table("case_record")
    op.drop_table("running_number")
    op.drop_table("organisation")
    op.drop_table("log_in_throttle")
    op.drop_index(op.f("ix_idempotency_key_created_at"), table_name="idempotency_key")
    op.drop_table("idempotency_key")
    op.drop_index(op.f("ix_consent_text_audience"), table_name="consent_text")
    op.drop_table("consent_text")
    op.drop_table("audit_head")
    op.drop_index(op.f("ix_audit_entry_subject_id"), table_name="audit_entry")
    op.drop_index(op.f("ix_audit_entry_person_id"), table_name="audit_entry")
    op.drop_index(op.f("ix_audit_entry_at"), table_name="audit_entry")
    op.drop_index(op.f("ix_audit_entry_action"), table_name="audit_entry")
    op.drop_table("audit_entry")
