"""Products and stock."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020_catalog"
down_revision = "0019_doors"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "product",
        sa.Column("sku", sa.String(length=64), nullable=False),
        sa.Column("gtin", sa.String(length=14), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("category", sa.String(length=200), nullable=True),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("tax_rate_basis_points", sa.BigInteger(), nullable=False),
        sa.Column("sold_by", sa.String(length=8), server_default="piece", nullable=False),
        sa.Column("tare_grams", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("prepared", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("allergens", sa.ARRAY(sa.String(length=16)), nullable=True),
        sa.Column("ingredients", sa.ARRAY(sa.String(length=80)), server_default="{}", nullable=False),
        sa.Column("colour", sa.String(length=7), nullable=True),
        sa.Column("age_min", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("colour ~ '^#[0-9a-f]{6}$'", name=op.f("ck_product_colour_is_srgb")),
        sa.CheckConstraint("sold_by in ('piece', 'weight')", name=op.f("ck_product_sold_by_known")),
        sa.CheckConstraint(
            "tare_grams is null or (sold_by = 'weight' and tare_grams > 0)",
            name=op.f("ck_product_tare_of_weighed_goods"),
        ),
        sa.CheckConstraint("age_min between 1 and 99", name=op.f("ck_product_age_in_bounds")),
        sa.CheckConstraint("price between 0 and 10000000000000", name=op.f("ck_product_price_in_bounds")),
        sa.CheckConstraint("tax_rate_basis_points between 0 and 10000", name=op.f("ck_product_tax_rate_in_bounds")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product")),
        sa.UniqueConstraint("gtin"),
        sa.UniqueConstraint("gtin", name=op.f("uq_product_gtin")),
        sa.UniqueConstraint("sku"),
        sa.UniqueConstraint("sku", name=op.f("uq_product_sku")),
    )

    op.create_table(
        "stock",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("quantity >= 0", name=op.f("ck_stock_not_negative")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_stock_product_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_stock_store_id")),
        sa.PrimaryKeyConstraint("store_id", "product_id", name=op.f("pk_stock")),
    )
    op.create_index(op.f("ix_stock_product_id"), "stock", ["product_id"])
