"""What lies where on a shelf."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "planogram",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_by", sa.String(length=80), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_planogram_device_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_planogram")),
        sa.UniqueConstraint("device_id", "version", name=op.f("uq_planogram_device_id")),
    )
    op.create_table(
        "shelf_slot",
        sa.Column("planogram_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("noise_grams", sa.Float(), nullable=False),
        sa.Column("capacity_grams", sa.Float(), nullable=True),
        sa.Column("restock_below", sa.BigInteger(), nullable=False),
        sa.Column("zone", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("noise_grams > 0 and capacity_grams > 0", name=op.f("ck_shelf_slot_weighs_something")),
        sa.CheckConstraint("restock_below >= 0", name=op.f("ck_shelf_slot_restock_not_negative")),
        sa.ForeignKeyConstraint(["planogram_id"], ["planogram.id"], name=op.f("fk_shelf_slot_planogram_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shelf_slot")),
        sa.UniqueConstraint("planogram_id", "code", name=op.f("uq_shelf_slot_planogram_id")),
    )
    op.create_table(
        "slot_product",
        sa.Column("slot_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("unit_weight_grams", sa.Float(), nullable=False),
        sa.Column("tolerance_grams", sa.Float(), nullable=False),
        sa.Column("full_quantity", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "unit_weight_grams > 0 and tolerance_grams >= 0", name=op.f("ck_slot_product_weighs_something")
        ),
        sa.CheckConstraint("full_quantity > 0", name=op.f("ck_slot_product_holds_something")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_slot_product_product_id")),
        sa.ForeignKeyConstraint(["slot_id"], ["shelf_slot.id"], name=op.f("fk_slot_product_slot_id")),
        sa.PrimaryKeyConstraint("slot_id", "product_id", name=op.f("pk_slot_product")),
    )
    op.create_index(op.f("ix_slot_product_product_id"), "slot_product", ["product_id"], unique=False)


def downgrade() -> None:
    op.drop_table("slot_product")
    op.drop_table("shelf_slot")
    op.drop_table("planogram")
