"""A shop's own calibrations, and members who look too alike."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "calibration",
        sa.Column("pack", sa.String(length=100), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("tail_start", sa.Double(), nullable=False),
        sa.Column("tail_fraction", sa.Double(), nullable=False),
        sa.Column("shape", sa.Double(), nullable=False),
        sa.Column("scale", sa.Double(), nullable=False),
        sa.Column("shift", sa.Double(), nullable=False),
        sa.Column("people", sa.BigInteger(), nullable=False),
        sa.Column("pairs", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=500), nullable=False),
        sa.Column("evidence", postgresql.JSONB(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_calibration"),
        sa.UniqueConstraint("pack", "version", name="uq_calibration_pack"),
    )
    op.create_index("uq_calibration_active", "calibration", ["pack"], unique=True, postgresql_where=sa.text("active"))
    op.create_table(
        "lookalike",
        sa.Column("member_a", sa.Uuid(), nullable=False),
        sa.Column("member_b", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(length=8), nullable=False),
        sa.Column("similarity", sa.Double(), nullable=True),
        sa.Column("note", sa.String(length=200), nullable=True),
        sa.Column("marked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("marked_by", sa.Uuid(), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_by", sa.Uuid(), nullable=True),
        sa.Column("removal", sa.String(length=200), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("(reason = 'reviewed') = (marked_by is not null)", name="ck_lookalike_reviewed_by_somebody"),
        sa.CheckConstraint("reason in ('measured', 'reviewed')", name="ck_lookalike_reason_known"),
        sa.CheckConstraint("member_a < member_b", name="ck_lookalike_ordered"),
        sa.CheckConstraint(
            "num_nulls(removed_at, removed_by, removal) in (0, 3)", name="ck_lookalike_removed_with_reason"
        ),
        sa.ForeignKeyConstraint(["marked_by"], ["staff_account.id"], name="fk_lookalike_marked_by"),
        sa.ForeignKeyConstraint(["member_a"], ["member.id"], name="fk_lookalike_member_a"),
        sa.ForeignKeyConstraint(["member_b"], ["member.id"], name="fk_lookalike_member_b"),
        sa.ForeignKeyConstraint(["removed_by"], ["staff_account.id"], name="fk_lookalike_removed_by"),
        sa.PrimaryKeyConstraint("id", name="pk_lookalike"),
        sa.UniqueConstraint("member_a", "member_b", name="uq_lookalike_member_a"),
    )
    op.create_index("ix_lookalike_member_b", "lookalike", ["member_b"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_lookalike_member_b", table_name="lookalike")
    op.drop_table("lookalike")
    op.drop_index("uq_calibration_active", table_name="calibration", postgresql_where=sa.text("active"))
    op.drop_table("calibration")
