"""Campaigns, smiles, and what is won by them: coupons of a member's own, on hold in the campaign's budget"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0037"
down_revision = "0036"
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
        sa.UniqueConstraint("coupon_id", name=op.f("uq_smile_play_coupon_id")),
    )
    op.create_index(op.f("ix_smile_play_device_id"), "smile_play", ["device_id"], unique=False)
    op.create_index(op.f("ix_smile_play_member_id"), "smile_play", ["member_id"], unique=False)
    op.create_index("ix_smile_play_store_id_id", "smile_play", ["store_id", "id"], unique=False)
    op.add_column("coupon", sa.Column("store_ids", postgresql.ARRAY(sa.Uuid()), server_default="{}", nullable=False))
    op.add_column("coupon", sa.Column("label", sa.String(length=200), nullable=True))
    op.add_column("coupon", sa.Column("member_id", sa.Uuid(), nullable=True))
    op.add_column("coupon", sa.Column("campaign_id", sa.Uuid(), nullable=True))
    op.add_column("coupon", sa.Column("hold_id", sa.Uuid(), nullable=True))
    op.create_index(
        "ix_coupon_campaign_id",
        "coupon",
        ["campaign_id", "id"],
        unique=False,
        postgresql_where=sa.text("campaign_id is not null"),
    )
    op.create_index(
        "ix_coupon_member_id",
        "coupon",
        ["member_id", "ends_at"],
        unique=False,
        postgresql_where=sa.text("member_id is not null"),
    )
    op.create_foreign_key(op.f("fk_coupon_campaign_id"), "coupon", "campaign", ["campaign_id"], ["id"])
    op.create_foreign_key(op.f("fk_coupon_member_id"), "coupon", "member", ["member_id"], ["id"])
    op.create_check_constraint(op.f("ck_coupon_won_is_on_hold"), "coupon", "num_nulls(campaign_id, hold_id) in (0, 2)")
    op.create_check_constraint(
        op.f("ck_coupon_won_by_a_member"), "coupon", "campaign_id is null or member_id is not null"
    )
    op.drop_constraint(op.f("ck_order_discount_takes_off"), "order_discount", type_="check")
    op.create_check_constraint(
        op.f("ck_order_discount_takes_off"), "order_discount", "reason in ('tier', 'coupon', 'smile') and amount > 0"
    )
    op.add_column("coupon_use", sa.Column("transfer_id", sa.Uuid(), nullable=True))


def downgrade() -> None:
    op.drop_column("coupon_use", "transfer_id")
    op.drop_constraint(op.f("ck_order_discount_takes_off"), "order_discount", type_="check")
    op.create_check_constraint(
        op.f("ck_order_discount_takes_off"), "order_discount", "reason in ('tier', 'coupon') and amount > 0"
    )
    op.drop_constraint(op.f("ck_coupon_won_by_a_member"), "coupon", type_="check")
    op.drop_constraint(op.f("ck_coupon_won_is_on_hold"), "coupon", type_="check")
    op.drop_constraint(op.f("fk_coupon_member_id"), "coupon", type_="foreignkey")
    op.drop_constraint(op.f("fk_coupon_campaign_id"), "coupon", type_="foreignkey")
    op.drop_index("ix_coupon_member_id", table_name="coupon", postgresql_where=sa.text("member_id is not null"))
    op.drop_index("ix_coupon_campaign_id", table_name="coupon", postgresql_where=sa.text("campaign_id is not null"))
    op.drop_column("coupon", "hold_id")
    op.drop_column("coupon", "campaign_id")
    op.drop_column("coupon", "member_id")
    op.drop_column("coupon", "label")
    op.drop_column("coupon", "store_ids")
    op.drop_index("ix_smile_play_store_id_id", table_name="smile_play")
    op.drop_index(op.f("ix_smile_play_member_id"), table_name="smile_play")
    op.drop_index(op.f("ix_smile_play_device_id"), table_name="smile_play")
    op.drop_table("smile_play")
    op.drop_table("campaign")
