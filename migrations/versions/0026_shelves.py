"""Planograms, what shelves weigh, and baskets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0026_shelves"
down_revision = "0025_checkout"
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
        "restock",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("slots", postgresql.ARRAY(sa.String(length=64)), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("begun_by", sa.String(length=80), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("ends_at > begun_at", name=op.f("ck_restock_lasts")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_restock_device_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restock")),
    )
    op.create_index("ix_restock_device_id_ends_at", "restock", ["device_id", "ends_at"])

    op.create_table(
        "shelf_event",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("run", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("slot", sa.String(length=64), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delta_grams", sa.Double(), nullable=False),
        sa.Column("noise_grams", sa.Double(), nullable=True),
        sa.Column("hand", sa.Boolean(), nullable=True),
        sa.Column("finding", sa.String(length=16), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_shelf_event_device_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_shelf_event_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shelf_event")),
        sa.UniqueConstraint("device_id", "run", "sequence", name=op.f("uq_shelf_event_device_id")),
    )
    op.create_index("ix_shelf_event_store_id_id", "shelf_event", ["store_id", "id"])

    op.create_table(
        "shelf_motion",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("slot", sa.String(length=64), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("hand", sa.Boolean(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_shelf_motion_device_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shelf_motion")),
    )
    op.create_index("ix_shelf_motion_device_id_ended_at", "shelf_motion", ["device_id", "ended_at"])

    op.create_table(
        "slot_scale",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("slot", sa.String(length=64), nullable=False),
        sa.Column("run", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("state", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_slot_scale_device_id")),
        sa.PrimaryKeyConstraint("device_id", "slot", name=op.f("pk_slot_scale")),
    )

    op.create_table(
        "slot_stock",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("slot", sa.String(length=64), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("pieces", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("pieces >= 0", name=op.f("ck_slot_stock_not_negative")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_slot_stock_device_id")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_slot_stock_product_id")),
        sa.PrimaryKeyConstraint("device_id", "slot", "product_id", name=op.f("pk_slot_stock")),
    )

    op.create_table(
        "shelf_slot",
        sa.Column("planogram_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("noise_grams", sa.Double(), nullable=False),
        sa.Column("capacity_grams", sa.Double(), nullable=True),
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
        "basket_change",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=True),
        sa.Column("visit_id", sa.Uuid(), nullable=True),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("standing", sa.String(length=12), nullable=False),
        sa.Column("sources", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("for_review", sa.Boolean(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("event_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.String(length=80), nullable=True),
        sa.Column("note", sa.String(length=200), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "standing in ('sure', 'doubtful', 'confirmed', 'dismissed')", name=op.f("ck_basket_change_standing_known")
        ),
        sa.CheckConstraint("confidence between 0 and 1", name=op.f("ck_basket_change_confidence_in_bounds")),
        sa.CheckConstraint("quantity <> 0", name=op.f("ck_basket_change_moves_something")),
        sa.ForeignKeyConstraint(["event_id"], ["shelf_event.id"], name=op.f("fk_basket_change_event_id")),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name=op.f("fk_basket_change_order_id")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_basket_change_product_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_basket_change_store_id")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_basket_change_visit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_basket_change")),
    )
    op.create_index(op.f("ix_basket_change_event_id"), "basket_change", ["event_id"])
    op.create_index(
        "ix_basket_change_in_review",
        "basket_change",
        ["store_id", "id"],
        postgresql_where=sa.text("for_review and standing = 'doubtful'"),
    )
    op.create_index(
        "ix_basket_change_late", "basket_change", ["id"], postgresql_where=sa.text("late and settled_at is null")
    )
    op.create_index(
        "ix_basket_change_unpaid",
        "basket_change",
        ["visit_id"],
        postgresql_where=sa.text("settled_at is null and late is false"),
    )
    op.create_index(op.f("ix_basket_change_visit_id"), "basket_change", ["visit_id"])

    op.create_table(
        "basket_closing",
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name=op.f("fk_basket_closing_order_id")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_basket_closing_visit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_basket_closing")),
    )
    op.create_index(op.f("ix_basket_closing_order_id"), "basket_closing", ["order_id"])
    op.create_index(op.f("ix_basket_closing_visit_id"), "basket_closing", ["visit_id"])

    op.create_table(
        "shelf_presence",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("similarity", sa.Double(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_shelf_presence_device_id")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_shelf_presence_visit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shelf_presence")),
    )
    op.create_index("ix_shelf_presence_device_id_seen_at", "shelf_presence", ["device_id", "seen_at"])
    op.create_index(op.f("ix_shelf_presence_visit_id"), "shelf_presence", ["visit_id"])

    op.create_table(
        "slot_product",
        sa.Column("slot_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("unit_weight_grams", sa.Double(), nullable=False),
        sa.Column("tolerance_grams", sa.Double(), nullable=False),
        sa.Column("full_quantity", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("full_quantity > 0", name=op.f("ck_slot_product_holds_something")),
        sa.CheckConstraint(
            "unit_weight_grams > 0 and tolerance_grams >= 0", name=op.f("ck_slot_product_weighs_something")
        ),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_slot_product_product_id")),
        sa.ForeignKeyConstraint(["slot_id"], ["shelf_slot.id"], name=op.f("fk_slot_product_slot_id")),
        sa.PrimaryKeyConstraint("slot_id", "product_id", name=op.f("pk_slot_product")),
    )
    op.create_index(op.f("ix_slot_product_product_id"), "slot_product", ["product_id"])
