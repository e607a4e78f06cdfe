"""Payments in shops on the web."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0033_online"
down_revision = "0032_lanes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "payment_intent",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("status", sa.String(length=24), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("tax", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("description", sa.String(length=200), nullable=True),
        sa.Column("return_url", sa.String(length=2000), nullable=True),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("challenge_steps", postgresql.ARRAY(sa.String(length=16)), nullable=True),
        sa.Column("face_proven_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pin_proven_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("examination_id", sa.Uuid(), nullable=True),
        sa.Column("examined_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error_code", sa.String(length=40), nullable=True),
        sa.Column("error_message", sa.String(length=200), nullable=True),
        sa.Column("cancellation_reason", sa.String(length=32), nullable=True),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(status = 'canceled') = (cancellation_reason is not null)",
            name=op.f("ck_payment_intent_canceled_says_why"),
        ),
        sa.CheckConstraint(
            "(status = 'succeeded') = (order_id is not null)", name=op.f("ck_payment_intent_succeeded_is_paid")
        ),
        sa.CheckConstraint(
            "(status in ('succeeded', 'canceled')) = (ended_at is not null)",
            name=op.f("ck_payment_intent_ended_is_dated"),
        ),
        sa.CheckConstraint(
            "num_nulls(examination_id, examined_until) = case when status = 'processing' then 0 else 2 end",
            name=op.f("ck_payment_intent_processing_is_leased"),
        ),
        sa.CheckConstraint(
            "status in ('requires_confirmation', 'requires_action', 'processing', 'succeeded', 'canceled')",
            name=op.f("ck_payment_intent_status_known"),
        ),
        sa.CheckConstraint(
            "(error_code is null) = (error_message is null)", name=op.f("ck_payment_intent_error_in_words")
        ),
        sa.CheckConstraint("amount > 0 and tax >= 0 and tax <= amount", name=op.f("ck_payment_intent_amounts")),
        sa.CheckConstraint(
            "ended_at is not null or member_id is not null", name=op.f("ck_payment_intent_open_has_payer")
        ),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_payment_intent_device_id")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_payment_intent_member_id")),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name=op.f("fk_payment_intent_order_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_payment_intent_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_intent")),
        sa.UniqueConstraint("order_id"),
        sa.UniqueConstraint("order_id", name=op.f("uq_payment_intent_order_id")),
    )
    op.create_index("ix_payment_intent_device_id_id", "payment_intent", ["device_id", "id"])
    op.create_index(op.f("ix_payment_intent_member_id"), "payment_intent", ["member_id"])
    op.create_index(
        "ix_payment_intent_open", "payment_intent", ["expires_at"], postgresql_where=sa.text("ended_at is null")
    )
    op.create_index("ix_payment_intent_store_id_id", "payment_intent", ["store_id", "id"])

    op.create_table(
        "payment_attempt",
        sa.Column("intent_id", sa.Uuid(), nullable=False),
        sa.Column("way", sa.String(length=8), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("similarity", sa.Double(), nullable=True),
        sa.Column("threshold", sa.Double(), nullable=True),
        sa.Column("basis", sa.String(length=100), nullable=True),
        sa.Column("pack", sa.String(length=100), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("way in ('face', 'pin')", name=op.f("ck_payment_attempt_way_known")),
        sa.ForeignKeyConstraint(["intent_id"], ["payment_intent.id"], name=op.f("fk_payment_attempt_intent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_attempt")),
    )
    op.create_index(op.f("ix_payment_attempt_intent_id"), "payment_attempt", ["intent_id"])
