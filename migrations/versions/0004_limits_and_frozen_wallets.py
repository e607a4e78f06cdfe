"""Limits and frozen wallets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "spending_limit",
        sa.Column("store_id", sa.Uuid(), nullable=True),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("payment_max", sa.BigInteger(), nullable=True),
        sa.Column("daily_spend_max", sa.BigInteger(), nullable=True),
        sa.Column("store_daily_spend_max", sa.BigInteger(), nullable=True),
        sa.Column("ten_minute_payments_max", sa.BigInteger(), nullable=True),
        sa.Column("step_up_above", sa.BigInteger(), nullable=True),
        sa.Column("changed_by", sa.String(length=80), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("num_nonnulls(store_id, member_id) = 1", name=op.f("ck_spending_limit_of_one")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_spending_limit_member_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_spending_limit_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spending_limit")),
        sa.UniqueConstraint("member_id", name=op.f("uq_spending_limit_member_id")),
        sa.UniqueConstraint("store_id", name=op.f("uq_spending_limit_store_id")),
    )
    op.create_table(
        "wallet_freeze",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("frozen_by", sa.String(length=80), nullable=False),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("thawed_by", sa.String(length=80), nullable=True),
        sa.Column("thawed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(thawed_at is null) = (thawed_by is null)", name=op.f("ck_wallet_freeze_thawed_by_someone")
        ),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_wallet_freeze_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wallet_freeze")),
    )
    op.create_index(
        "uq_wallet_freeze_member_id",
        "wallet_freeze",
        ["member_id"],
        unique=True,
        postgresql_where=sa.text("thawed_at is null"),
    )
    op.drop_index(op.f("ix_shop_order_member_id"), table_name="shop_order")
    op.create_index("ix_shop_order_member_id_created_at", "shop_order", ["member_id", "created_at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_shop_order_member_id_created_at", table_name="shop_order")
    op.create_index(op.f("ix_shop_order_member_id"), "shop_order", ["member_id"], unique=False)
    op.drop_index(
        "uq_wallet_freeze_member_id", table_name="wallet_freeze", postgresql_where=sa.text("thawed_at is null")
    )
    op.drop_table("wallet_freeze")
    op.drop_table("spending_limit")
