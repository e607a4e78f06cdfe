"""What somebody should look at."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009_alerts"
down_revision = "0008_webhooks"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "escalation_plan",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("alert_kind", sa.String(length=40), nullable=True),
        sa.Column("severity_min", sa.SmallInteger(), nullable=False),
        sa.Column("steps", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("severity_min between 1 and 3", name=op.f("ck_escalation_plan_severity_known")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_escalation_plan_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_escalation_plan")),
    )
    op.create_index(
        "uq_escalation_plan",
        "escalation_plan",
        ["store_id", "alert_kind"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )

    op.create_table(
        "on_call_list",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.String(length=80), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_on_call_list_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_on_call_list")),
    )
    op.create_index("uq_on_call_list_name", "on_call_list", ["store_id", "name"], unique=True)

    op.create_table(
        "alert",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("severity", sa.SmallInteger(), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("evidence_kind", sa.String(length=40), nullable=True),
        sa.Column("evidence_id", sa.Uuid(), nullable=True),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_by", sa.String(length=80), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.String(length=80), nullable=True),
        sa.Column("note", sa.String(length=200), nullable=True),
        sa.Column("reacted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("escalated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("level", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("(evidence_id is null) = (evidence_kind is null)", name=op.f("ck_alert_evidence_of_a_kind")),
        sa.CheckConstraint("(level > 0) = (escalated_at is not null)", name=op.f("ck_alert_escalated_to_a_level")),
        sa.CheckConstraint("(resolved_at is null) = (resolved_by is null)", name=op.f("ck_alert_resolved_by_somebody")),
        sa.CheckConstraint("severity between 1 and 3", name=op.f("ck_alert_severity_known")),
        sa.CheckConstraint("times > 0", name=op.f("ck_alert_seen")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_alert_device_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_alert_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
    )
    op.create_index("ix_alert_reacted_at", "alert", ["id"], postgresql_where=sa.text("reacted_at is null"))
    op.create_index("ix_alert_store_id_id", "alert", ["store_id", "id"])
    op.create_index(
        "ix_alert_unacknowledged",
        "alert",
        ["store_id", "raised_at"],
        postgresql_where=sa.text("resolved_at is null and acknowledged_at is null"),
    )
    op.create_index(
        "uq_alert_open",
        "alert",
        ["store_id", "kind", "subject"],
        unique=True,
        postgresql_where=sa.text("resolved_at is null"),
    )

    op.create_table(
        "alert_sighting",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("severity", sa.SmallInteger(), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("evidence_kind", sa.String(length=40), nullable=True),
        sa.Column("evidence_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("severity between 1 and 3", name=op.f("ck_alert_sighting_severity_known")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_alert_sighting_device_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_alert_sighting_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_sighting")),
    )
    op.create_index("ix_alert_sighting_store_id_kind_subject", "alert_sighting", ["store_id", "kind", "subject"])

    op.create_table(
        "on_call_shift",
        sa.Column("list_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.SmallInteger(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("schedule_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["list_id"], ["on_call_list.id"], name=op.f("fk_on_call_shift_list_id")),
        sa.ForeignKeyConstraint(["schedule_id"], ["schedule.id"], name=op.f("fk_on_call_shift_schedule_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_account.id"], name=op.f("fk_on_call_shift_staff_id")),
        sa.PrimaryKeyConstraint("list_id", "place", name=op.f("pk_on_call_shift")),
    )

    op.create_table(
        "alert_escalation",
        sa.Column("alert_id", sa.Uuid(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("on_call_list_id", sa.Uuid(), nullable=False),
        sa.Column("staff_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name=op.f("fk_alert_escalation_alert_id")),
        sa.ForeignKeyConstraint(
            ["on_call_list_id"], ["on_call_list.id"], name=op.f("fk_alert_escalation_on_call_list_id")
        ),
        sa.PrimaryKeyConstraint("alert_id", "level", name=op.f("pk_alert_escalation")),
    )
