"""What devices may do without network, and did."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0034_offline"
down_revision = "0033_online"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "offline_pass",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("amount_max", sa.BigInteger(), nullable=False),
        sa.Column("spent", sa.BigInteger(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("spent between 0 and amount_max", name=op.f("ck_offline_pass_spent_within_amount")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_offline_pass_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offline_pass")),
    )
    op.create_index(op.f("ix_offline_pass_expires_at"), "offline_pass", ["expires_at"])
    op.create_index(op.f("ix_offline_pass_member_id"), "offline_pass", ["member_id"])

    op.create_table(
        "offline_policy",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("mode", sa.String(length=20), nullable=False),
        sa.Column("payment_max", sa.BigInteger(), nullable=False),
        sa.Column("pass_max", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(length=80), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("mode in ('deny', 'allow_signed_pass')", name=op.f("ck_offline_policy_mode_known")),
        sa.CheckConstraint("payment_max >= 0 and pass_max >= payment_max", name=op.f("ck_offline_policy_amounts")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_offline_policy_store_id")),
        sa.PrimaryKeyConstraint("store_id", name=op.f("pk_offline_policy")),
    )

    op.create_table(
        "offline_queue",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("run", sa.Uuid(), nullable=False),
        sa.Column("next_sequence", sa.BigInteger(), nullable=False),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_offline_queue_device_id")),
        sa.PrimaryKeyConstraint("device_id", "run", name=op.f("pk_offline_queue")),
    )

    op.create_table(
        "offline_post",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("run", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("policy_id", sa.Uuid(), nullable=True),
        sa.Column("pass_id", sa.Uuid(), nullable=True),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("goods", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("owed", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("visit_id", sa.Uuid(), nullable=True),
        sa.Column("outcome", sa.String(length=12), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.String(length=80), nullable=True),
        sa.Column("note", sa.String(length=200), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("kind in ('entry', 'exit', 'sale')", name=op.f("ck_offline_post_kind_known")),
        sa.CheckConstraint("outcome in ('charged', 'waived', 'explained')", name=op.f("ck_offline_post_outcome_known")),
        sa.CheckConstraint(
            "verdict in ('accepted', 'accepted_with_debt', 'disputed')", name=op.f("ck_offline_post_verdict_known")
        ),
        sa.CheckConstraint(
            "num_nonnulls(outcome, resolved_at, resolved_by) in (0, 3)",
            name=op.f("ck_offline_post_resolved_by_somebody"),
        ),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_offline_post_device_id")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_offline_post_member_id")),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name=op.f("fk_offline_post_order_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_offline_post_store_id")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_offline_post_visit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offline_post")),
    )
    op.create_index(op.f("ix_offline_post_member_id"), "offline_post", ["member_id"])
    op.create_index(
        "ix_offline_post_unsettled",
        "offline_post",
        ["store_id", "id"],
        postgresql_where=sa.text("verdict = 'disputed' and resolved_at is null"),
    )
    op.create_index(op.f("ix_offline_post_visit_id"), "offline_post", ["visit_id"])
    op.create_index("uq_offline_post_sequence", "offline_post", ["device_id", "run", "sequence"], unique=True)
