"""Cameras, what they found, and what was done."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0035_nightwatch"
down_revision = "0034_offline"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reaction",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("alert_kind", sa.String(length=40), nullable=False),
        sa.Column("severity_min", sa.SmallInteger(), nullable=False),
        sa.Column("steps", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("cooldown_seconds", sa.BigInteger(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("cooldown_seconds >= 0", name=op.f("ck_reaction_cooldown_lasts")),
        sa.CheckConstraint("severity_min between 1 and 3", name=op.f("ck_reaction_severity_known")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_reaction_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reaction")),
    )
    op.create_index("ix_reaction_store_id_id", "reaction", ["store_id", "id"])

    op.create_table(
        "camera_state",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("last_frame_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_motion_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("faults", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("view", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("memory", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("memory_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_camera_state_device_id")),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_camera_state")),
    )

    op.create_table(
        "patrol_finding",
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("alert_id", sa.Uuid(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name=op.f("fk_patrol_finding_alert_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_patrol_finding_store_id")),
        sa.PrimaryKeyConstraint("kind", "store_id", "subject", name=op.f("pk_patrol_finding")),
    )

    op.create_table(
        "reaction_outcome",
        sa.Column("reaction_id", sa.Uuid(), nullable=False),
        sa.Column("alert_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("numbers", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("failure", sa.String(length=64), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(outcome = 'failed') = (failure is not null)", name=op.f("ck_reaction_outcome_failed_for_a_reason")
        ),
        sa.CheckConstraint(
            "outcome in ('issued', 'cooling_down', 'too_late', 'failed')",
            name=op.f("ck_reaction_outcome_outcome_known"),
        ),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name=op.f("fk_reaction_outcome_alert_id")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_reaction_outcome_device_id")),
        sa.ForeignKeyConstraint(["reaction_id"], ["reaction.id"], name=op.f("fk_reaction_outcome_reaction_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reaction_outcome")),
    )
    op.create_index(
        "ix_reaction_outcome_issued",
        "reaction_outcome",
        ["reaction_id", "device_id", "at"],
        postgresql_where=sa.text("numbers <> '{}'"),
    )
    op.create_index(
        "uq_reaction_outcome_once", "reaction_outcome", ["reaction_id", "alert_id", "device_id"], unique=True
    )
