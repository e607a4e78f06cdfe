"""Disputes and what follows from them: frames, who looked at them, watches, marks; a decision's numbers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

RECORDS = ("gate_attempt", "checkout")
WORTH_REVIEW = "similarity < threshold + 0.05 or code in ('wrong_answer', 'step_up_impossible')"


def upgrade() -> None:
    op.create_table(
        "review_mark",
        sa.Column("pack", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("similarity", sa.Double(), nullable=False),
        sa.Column("marked_on", sa.Date(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("kind in ('impostor', 'genuine')", name="ck_review_mark_kind_known"),
        sa.PrimaryKeyConstraint("id", name="pk_review_mark"),
    )
    op.create_table(
        "watch",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("watched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("watched_by", sa.Uuid(), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by", sa.Uuid(), nullable=True),
        sa.Column("lifting", sa.String(length=200), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("num_nulls(lifted_at, lifted_by, lifting) in (0, 3)", name="ck_watch_lifted_with_reason"),
        sa.ForeignKeyConstraint(["lifted_by"], ["staff_account.id"], name="fk_watch_lifted_by"),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_watch_member_id"),
        sa.ForeignKeyConstraint(["watched_by"], ["staff_account.id"], name="fk_watch_watched_by"),
        sa.PrimaryKeyConstraint("id", name="pk_watch"),
    )
    op.create_index(
        "uq_watch_member_id", "watch", ["member_id"], unique=True, postgresql_where=sa.text("lifted_at is null")
    )
    op.create_table(
        "decision_frame",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["template_key.member_id"], name="fk_decision_frame_member_id"),
        sa.PrimaryKeyConstraint("id", name="pk_decision_frame"),
    )
    op.create_index("ix_decision_frame_expires_at", "decision_frame", ["expires_at"], unique=False)
    op.create_index("ix_decision_frame_member_id", "decision_frame", ["member_id"], unique=False)
    op.create_table(
        "dispute",
        sa.Column("gate_attempt_id", sa.Uuid(), nullable=True),
        sa.Column("checkout_id", sa.Uuid(), nullable=True),
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
        sa.Column("consequences", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("refund_id", sa.Uuid(), nullable=True),
        sa.Column("lookalike_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("said_by in ('member', 'staff')", name="ck_dispute_said_by_known"),
        sa.CheckConstraint("verdict in ('right', 'wrong')", name="ck_dispute_verdict_known"),
        sa.CheckConstraint("num_nonnulls(gate_attempt_id, checkout_id) = 1", name="ck_dispute_one_decision"),
        sa.CheckConstraint(
            "num_nulls(verdict, note, resolved_at, resolved_by) in (0, 4)", name="ck_dispute_resolved_whole"
        ),
        sa.ForeignKeyConstraint(["checkout_id"], ["checkout.id"], name="fk_dispute_checkout_id"),
        sa.ForeignKeyConstraint(["gate_attempt_id"], ["gate_attempt.id"], name="fk_dispute_gate_attempt_id"),
        sa.ForeignKeyConstraint(
            ["lookalike_id"], ["lookalike.id"], name="fk_dispute_lookalike_id", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_dispute_member_id"),
        sa.ForeignKeyConstraint(["opened_by"], ["staff_account.id"], name="fk_dispute_opened_by"),
        sa.ForeignKeyConstraint(["refund_id"], ["refund.id"], name="fk_dispute_refund_id"),
        sa.ForeignKeyConstraint(["resolved_by"], ["staff_account.id"], name="fk_dispute_resolved_by"),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name="fk_dispute_store_id"),
        sa.PrimaryKeyConstraint("id", name="pk_dispute"),
    )
    op.create_index("ix_dispute_checkout_id", "dispute", ["checkout_id"], unique=False)
    op.create_index("ix_dispute_gate_attempt_id", "dispute", ["gate_attempt_id"], unique=False)
    op.create_index("ix_dispute_lookalike_id", "dispute", ["lookalike_id"], unique=False)
    op.create_index("ix_dispute_member_id", "dispute", ["member_id"], unique=False)
    op.create_index(
        "ix_dispute_open", "dispute", ["store_id", "id"], unique=False, postgresql_where=sa.text("verdict is null")
    )
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
    op.create_table(
        "evidence_access",
        sa.Column("dispute_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("accessed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["dispute_id"], ["dispute.id"], name="fk_evidence_access_dispute_id"),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_evidence_access_member_id"),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_account.id"], name="fk_evidence_access_staff_id"),
        sa.PrimaryKeyConstraint("id", name="pk_evidence_access"),
    )
    op.create_index("ix_evidence_access_dispute_id", "evidence_access", ["dispute_id"], unique=False)
    op.create_index("ix_evidence_access_member_id", "evidence_access", ["member_id"], unique=False)
    for table in RECORDS:
        op.add_column(table, sa.Column("margin", sa.Double(), nullable=True))
        op.add_column(table, sa.Column("searched", sa.BigInteger(), nullable=True))
        op.add_column(table, sa.Column("pack", sa.String(100), nullable=True))
        op.add_column(table, sa.Column("quality", postgresql.JSONB(), nullable=True))
        op.create_index(f"ix_{table}_worth_review", table, ["id"], postgresql_where=sa.text(WORTH_REVIEW))


def downgrade() -> None:
    for table in RECORDS:
        op.drop_index(f"ix_{table}_worth_review", table_name=table)
        for column in ("quality", "pack", "searched", "margin"):
            op.drop_column(table, column)
    for table in ("evidence_access", "dispute", "decision_frame", "watch", "review_mark"):
        op.drop_table(table)
