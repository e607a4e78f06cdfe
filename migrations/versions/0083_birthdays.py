"""birthdays: the shop's offer, and who was given its coupon in which year"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0083"
down_revision = "0082"
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
        "ix_birthday_coupon_open",
        "birthday_coupon",
        ["coupon_id"],
        unique=False,
        postgresql_where=sa.text("closed_at is null"),
    )


def downgrade() -> None:
    op.drop_table("birthday_coupon")
    op.drop_table("birthday_offer")
