"""Readers, and attempts at doors."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019_doors"
down_revision = "0018_access"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reader_counter",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_reader_counter_device_id")),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_reader_counter")),
    )

    op.create_table(
        "access_attempt",
        sa.Column("access_point_id", sa.Uuid(), nullable=False),
        sa.Column("opened_under", sa.String(length=80), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision", sa.String(length=8), nullable=True),
        sa.Column("code", sa.String(length=40), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("decision in ('granted', 'denied')", name=op.f("ck_access_attempt_decision_known")),
        sa.CheckConstraint("(ended_at is null) = (code is null)", name=op.f("ck_access_attempt_ended_for_a_reason")),
        sa.ForeignKeyConstraint(
            ["access_point_id"], ["access_point.id"], name=op.f("fk_access_attempt_access_point_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_attempt")),
    )
    op.create_index("ix_access_attempt_access_point_id_ended_at", "access_attempt", ["access_point_id", "ended_at"])
    op.create_index("ix_access_attempt_expires_at", "access_attempt", ["expires_at"])
    op.create_index(
        "uq_access_attempt_open",
        "access_attempt",
        ["access_point_id"],
        unique=True,
        postgresql_where=sa.text("ended_at is null"),
    )

    op.create_table(
        "access_attempt_factor",
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.SmallInteger(), nullable=False),
        sa.Column("person", sa.SmallInteger(), nullable=False),
        sa.Column("factor", sa.String(length=16), nullable=False),
        sa.Column("fault", sa.String(length=40), nullable=True),
        sa.Column("holder_id", sa.Uuid(), nullable=True),
        sa.Column("measured", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("checks", postgresql.ARRAY(sa.String(length=16)), nullable=False),
        sa.Column("reader_id", sa.Uuid(), nullable=True),
        sa.Column("duress", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "factor in ('face', 'badge', 'fingerprint', 'pin', 'invitation')",
            name=op.f("ck_access_attempt_factor_factor_known"),
        ),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["access_attempt.id"], name=op.f("fk_access_attempt_factor_attempt_id"), ondelete="cascade"
        ),
        sa.ForeignKeyConstraint(
            ["holder_id"], ["access_holder.id"], name=op.f("fk_access_attempt_factor_holder_id"), ondelete="cascade"
        ),
        sa.ForeignKeyConstraint(["reader_id"], ["device.id"], name=op.f("fk_access_attempt_factor_reader_id")),
        sa.PrimaryKeyConstraint("attempt_id", "place", name=op.f("pk_access_attempt_factor")),
    )
    op.create_index("ix_access_attempt_factor_holder_id", "access_attempt_factor", ["holder_id"])
