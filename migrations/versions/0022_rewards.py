"""Tiers, points, coupons and gift balance."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022_rewards"
down_revision = "0021_families"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "birthday_offer",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("basis_points", sa.BigInteger(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("amount_max", sa.BigInteger(), nullable=True),
        sa.Column("min_basket", sa.BigInteger(), nullable=False),
        sa.Column("days_before", sa.BigInteger(), nullable=False),
        sa.Column("days_after", sa.BigInteger(), nullable=False),
        sa.Column("tiers", sa.ARRAY(sa.String(length=200)), nullable=False),
        sa.Column("budget", sa.BigInteger(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("changed_by", sa.String(length=80), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(amount_max is null) = (basis_points is null)", name=op.f("ck_birthday_offer_percent_is_bounded")
        ),
        sa.CheckConstraint(
            "basis_points between 1 and 10000 and amount_max > 0 or amount > 0",
            name=op.f("ck_birthday_offer_takes_off"),
        ),
        sa.CheckConstraint("budget >= 0 and min_basket >= 0", name=op.f("ck_birthday_offer_amounts_in_bounds")),
        sa.CheckConstraint(
            "days_before between 0 and 31 and days_after between 0 and 31",
            name=op.f("ck_birthday_offer_days_in_bounds"),
        ),
        sa.CheckConstraint("id = 1", name=op.f("ck_birthday_offer_one")),
        sa.CheckConstraint("num_nonnulls(basis_points, amount) = 1", name=op.f("ck_birthday_offer_percent_or_amount")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_birthday_offer")),
    )

    op.create_table(
        "earning_rule",
        sa.Column("category", sa.String(length=200), nullable=True),
        sa.Column("points_per_100", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("points_per_100 >= 0", name=op.f("ck_earning_rule_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_earning_rule")),
        sa.UniqueConstraint("category", name=op.f("uq_earning_rule_category"), postgresql_nulls_not_distinct=True),
    )

    op.create_table(
        "tier",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("min_spend", sa.BigInteger(), nullable=False),
        sa.Column("discount_basis_points", sa.BigInteger(), nullable=False),
        sa.Column("points_multiplier_basis_points", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("discount_basis_points between 0 and 10000", name=op.f("ck_tier_discount_in_bounds")),
        sa.CheckConstraint("min_spend >= 0 and points_multiplier_basis_points >= 0", name=op.f("ck_tier_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tier")),
        sa.UniqueConstraint("min_spend"),
        sa.UniqueConstraint("min_spend", name=op.f("uq_tier_min_spend")),
        sa.UniqueConstraint("name"),
        sa.UniqueConstraint("name", name=op.f("uq_tier_name")),
    )

    op.create_table(
        "coupon",
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("basis_points", sa.BigInteger(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("budget", sa.BigInteger(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("per_member_max", sa.BigInteger(), nullable=False),
        sa.Column("min_basket", sa.BigInteger(), nullable=False),
        sa.Column("skus", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("categories", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("stacks_with_tier", sa.Boolean(), nullable=False),
        sa.Column("stacks_with_coupons", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("store_ids", postgresql.ARRAY(sa.Uuid()), server_default="{}", nullable=False),
        sa.Column("label", sa.String(length=200), nullable=True),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("campaign_id", sa.Uuid(), nullable=True),
        sa.Column("hold_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "basis_points between 1 and 10000 and amount is null or amount > 0", name=op.f("ck_coupon_takes_off")
        ),
        sa.CheckConstraint("budget >= 0 and per_member_max > 0 and min_basket >= 0", name=op.f("ck_coupon_bounds")),
        sa.CheckConstraint("campaign_id is null or member_id is not null", name=op.f("ck_coupon_won_by_a_member")),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_coupon_period")),
        sa.CheckConstraint("num_nonnulls(basis_points, amount) = 1", name=op.f("ck_coupon_percent_or_amount")),
        sa.CheckConstraint("num_nulls(campaign_id, hold_id) in (0, 2)", name=op.f("ck_coupon_won_is_on_hold")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_coupon_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coupon")),
        sa.UniqueConstraint("code"),
        sa.UniqueConstraint("code", name=op.f("uq_coupon_code")),
    )
    op.create_index(
        "ix_coupon_campaign_id", "coupon", ["campaign_id", "id"], postgresql_where=sa.text("campaign_id is not null")
    )
    op.create_index(
        "ix_coupon_member_id", "coupon", ["member_id", "ends_at"], postgresql_where=sa.text("member_id is not null")
    )

    op.create_table(
        "value_lot",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("unit", sa.String(length=12), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("remaining", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cause", sa.String(length=16), nullable=False),
        sa.Column("cause_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "amount > 0 and remaining between 0 and amount", name=op.f("ck_value_lot_remaining_within_amount")
        ),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_value_lot_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_value_lot")),
    )
    op.create_index(
        "ix_value_lot_account_id", "value_lot", ["account_id", "expires_at"], postgresql_where=sa.text("remaining > 0")
    )
    op.create_index("ix_value_lot_expires_at", "value_lot", ["expires_at"], postgresql_where=sa.text("remaining > 0"))

    op.create_table(
        "birthday_coupon",
        sa.Column("coupon_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("year", sa.BigInteger(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["coupon_id"], ["coupon.id"], name=op.f("fk_birthday_coupon_coupon_id")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_birthday_coupon_member_id")),
        sa.PrimaryKeyConstraint("coupon_id", name=op.f("pk_birthday_coupon")),
        sa.UniqueConstraint("member_id", "year", name=op.f("uq_birthday_coupon_member_id")),
    )
    op.create_index(
        "ix_birthday_coupon_open", "birthday_coupon", ["coupon_id"], postgresql_where=sa.text("closed_at is null")
    )

    op.create_table(
        "lot_draw",
        sa.Column("lot_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.String(length=16), nullable=False),
        sa.Column("cause_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_lot_draw_takes")),
        sa.ForeignKeyConstraint(["lot_id"], ["value_lot.id"], name=op.f("fk_lot_draw_lot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lot_draw")),
    )
    op.create_index(op.f("ix_lot_draw_cause_id"), "lot_draw", ["cause_id"])
    op.create_index(op.f("ix_lot_draw_lot_id"), "lot_draw", ["lot_id"])

    op.create_table(
        "coupon_use",
        sa.Column("coupon_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("returned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("transfer_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["coupon_id"], ["coupon.id"], name=op.f("fk_coupon_use_coupon_id")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_coupon_use_member_id")),
        sa.PrimaryKeyConstraint("coupon_id", "order_id", name=op.f("pk_coupon_use")),
    )
    op.create_index("ix_coupon_use_member_id", "coupon_use", ["member_id", "coupon_id"])
    op.create_index(op.f("ix_coupon_use_order_id"), "coupon_use", ["order_id"])
