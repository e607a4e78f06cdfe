"""Sales of days that are over, summed up."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0038_reports"
down_revision = "0037_privacy"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "closed_day",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("orders", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_closed_day_store_id")),
        sa.PrimaryKeyConstraint("store_id", "starts_at", name=op.f("pk_closed_day")),
    )

    op.create_table(
        "hour_sales",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("orders", "sales", "tax", "tips", "gift", "points", "owed", "tier", "coupon", "smile")
        ),
        sa.ForeignKeyConstraint(
            ["store_id", "starts_at"],
            ["closed_day.store_id", "closed_day.starts_at"],
            name=op.f("fk_hour_sales_store_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("store_id", "starts_at", "currency", "at", "role", name=op.f("pk_hour_sales")),
    )

    op.create_table(
        "product_sales",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("sold_by", sa.String(length=8), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("sales", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_product_sales_product_id")),
        sa.ForeignKeyConstraint(
            ["store_id", "starts_at"],
            ["closed_day.store_id", "closed_day.starts_at"],
            name=op.f("fk_product_sales_store_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "store_id", "starts_at", "currency", "product_id", "sold_by", name=op.f("pk_product_sales")
        ),
    )
