"""Disputes and marks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0036_review"
down_revision = "0035_nightwatch"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "review_mark",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pack", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("similarity", sa.Double(), nullable=False),
        sa.Column("marked_on", sa.Date(), nullable=False),
        sa.CheckConstraint("kind in ('impostor', 'genuine')", name=op.f("ck_review_mark_kind_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_mark")),
    )

    op.create_table(
        "dispute",
        sa.Column("gate_attempt_id", sa.Uuid(), nullable=True),
        sa.Column("checkout_id", sa.Uuid(), nullable=True),
        sa.Column("passage_id", sa.Uuid(), nullable=True),
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("said_by", sa.String(length=8), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_by", sa.Uuid(), nullable=False),
        sa.Column("verdict", sa.String(length=8), nullable=True),
        sa.Column("note", sa.String(length=200), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.Uuid(), nullable=True),
        sa.Column("consequences", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("refund_id", sa.Uuid(), nullable=True),
        sa.Column("lookalike_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("said_by in ('member', 'staff')", name=op.f("ck_dispute_said_by_known")),
        sa.CheckConstraint("verdict in ('right', 'wrong')", name=op.f("ck_dispute_verdict_known")),
        sa.CheckConstraint(
            "num_nonnulls(gate_attempt_id, checkout_id, passage_id) = 1", name=op.f("ck_dispute_one_decision")
        ),
        sa.CheckConstraint(
            "num_nulls(verdict, note, resolved_at, resolved_by) in (0, 4)", name=op.f("ck_dispute_resolved_whole")
        ),
        sa.ForeignKeyConstraint(["checkout_id"], ["checkout.id"], name=op.f("fk_dispute_checkout_id")),
        sa.ForeignKeyConstraint(["gate_attempt_id"], ["gate_attempt.id"], name=op.f("fk_dispute_gate_attempt_id")),
        sa.ForeignKeyConstraint(
            ["lookalike_id"], ["lookalike.id"], name=op.f("fk_dispute_lookalike_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_dispute_member_id")),
        sa.ForeignKeyConstraint(["opened_by"], ["staff_account.id"], name=op.f("fk_dispute_opened_by")),
        sa.ForeignKeyConstraint(["passage_id"], ["passage.id"], name=op.f("fk_dispute_passage_id")),
        sa.ForeignKeyConstraint(["refund_id"], ["refund.id"], name=op.f("fk_dispute_refund_id")),
        sa.ForeignKeyConstraint(["resolved_by"], ["staff_account.id"], name=op.f("fk_dispute_resolved_by")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_dispute_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispute")),
    )
    op.create_index(op.f("ix_dispute_checkout_id"), "dispute", ["checkout_id"])
    op.create_index(op.f("ix_dispute_gate_attempt_id"), "dispute", ["gate_attempt_id"])
    op.create_index(op.f("ix_dispute_lookalike_id"), "dispute", ["lookalike_id"])
    op.create_index(op.f("ix_dispute_member_id"), "dispute", ["member_id"])
    op.create_index("ix_dispute_open", "dispute", ["id"], postgresql_where=sa.text("verdict is null"))
    op.create_index(op.f("ix_dispute_passage_id"), "dispute", ["passage_id"])
    op.create_index(op.f("ix_dispute_store_id"), "dispute", ["store_id"])
    op.create_index(
        "uq_dispute_checkout_id",
        "dispute",
        ["checkout_id"],
        unique=True,
        postgresql_where=sa.text("verdict is distinct from 'right'"),
    )
    op.create_index(
        "uq_dispute_gate_attempt_id",
        "dispute",
        ["gate_attempt_id"],
        unique=True,
        postgresql_where=sa.text("verdict is distinct from 'right'"),
    )
    op.create_index(
        "uq_dispute_passage_id",
        "dispute",
        ["passage_id"],
        unique=True,
        postgresql_where=sa.text("verdict is distinct from 'right'"),
    )

    op.create_table(
        "evidence_access",
        sa.Column("dispute_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("accessed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["dispute_id"], ["dispute.id"], name=op.f("fk_evidence_access_dispute_id")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_evidence_access_member_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_account.id"], name=op.f("fk_evidence_access_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence_access")),
    )
    op.create_index(op.f("ix_evidence_access_dispute_id"), "evidence_access", ["dispute_id"])
    op.create_index(op.f("ix_evidence_access_member_id"), "evidence_access", ["member_id"])
