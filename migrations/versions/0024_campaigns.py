"""Campaigns, and who smiled for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024_campaigns"
down_revision = "0023_kitchen"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "campaign",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("store_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("skus", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("categories", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("min_basket", sa.BigInteger(), nullable=False),
        sa.Column("steps", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("budget", sa.BigInteger(), nullable=False),
        sa.Column("per_member_max", sa.BigInteger(), nullable=False),
        sa.Column("per_member_per_day_max", sa.BigInteger(), nullable=False),
        sa.Column("stacks_with_tier", sa.Boolean(), nullable=False),
        sa.Column("stacks_with_coupons", sa.Boolean(), nullable=False),
        sa.Column("lasts_minutes", sa.BigInteger(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("budget >= 0 and min_basket >= 0 and lasts_minutes > 0", name=op.f("ck_campaign_bounds")),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_campaign_period")),
        sa.CheckConstraint("per_member_max > 0 and per_member_per_day_max > 0", name=op.f("ck_campaign_wins_counted")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign")),
    )

    op.create_table(
        "smile_play",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("wanted_id", sa.Uuid(), nullable=True),
        sa.Column("campaign_id", sa.Uuid(), nullable=True),
        sa.Column("strength", sa.Double(), nullable=True),
        sa.Column("neutral", sa.Double(), nullable=True),
        sa.Column("coupon_id", sa.Uuid(), nullable=True),
        sa.Column("decision", sa.String(length=8), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("identified_by", sa.String(length=8), server_default="face", nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("similarity", sa.Double(), nullable=True),
        sa.Column("threshold", sa.Double(), nullable=True),
        sa.Column("false_positive_rate", sa.Double(), nullable=True),
        sa.Column("margin", sa.Double(), nullable=True),
        sa.Column("searched", sa.BigInteger(), nullable=True),
        sa.Column("narrowed_by", sa.String(length=16), nullable=True),
        sa.Column("basis", sa.String(length=100), nullable=True),
        sa.Column("pack", sa.String(length=100), nullable=True),
        sa.Column("quality", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("work_ms", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("(decision = 'won') = (coupon_id is not null)", name=op.f("ck_smile_play_won_has_coupon")),
        sa.CheckConstraint(
            "decision in ('won', 'retry', 'declined', 'step_up')", name=op.f("ck_smile_play_decision_known")
        ),
        sa.CheckConstraint("identified_by = 'face'", name=op.f("ck_smile_play_identified_by_known")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_smile_play_campaign_id")),
        sa.ForeignKeyConstraint(["coupon_id"], ["coupon.id"], name=op.f("fk_smile_play_coupon_id")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_smile_play_device_id")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_smile_play_member_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_smile_play_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_smile_play")),
        sa.UniqueConstraint("coupon_id"),
        sa.UniqueConstraint("coupon_id", name=op.f("uq_smile_play_coupon_id")),
    )
    op.create_index(op.f("ix_smile_play_device_id"), "smile_play", ["device_id"])
    op.create_index(op.f("ix_smile_play_member_id"), "smile_play", ["member_id"])
    op.create_index("ix_smile_play_store_id_id", "smile_play", ["store_id", "id"])

    op.create_foreign_key(op.f("fk_coupon_campaign_id"), "coupon", "campaign", ["campaign_id"], ["id"])
