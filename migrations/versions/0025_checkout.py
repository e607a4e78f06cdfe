"""Orders, what kiosks decided, limits and refunds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0025_checkout"
down_revision = "0024_campaigns"
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
        sa.UniqueConstraint("member_id"),
        sa.UniqueConstraint("member_id", name=op.f("uq_spending_limit_member_id")),
        sa.UniqueConstraint("store_id"),
        sa.UniqueConstraint("store_id", name=op.f("uq_spending_limit_store_id")),
    )

    op.create_table(
        "shop_order",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("buyer_id", sa.Uuid(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("tax", sa.BigInteger(), nullable=False),
        sa.Column("description", sa.String(length=200), nullable=True),
        sa.Column("payment_intent_id", sa.Uuid(), nullable=True),
        sa.Column("gift", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("points_value", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("points", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("points_earned", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("advance", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("advance_transfer_id", sa.Uuid(), nullable=True),
        sa.Column("tip", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("tip_refunded", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("tip_transfer_id", sa.Uuid(), nullable=True),
        sa.Column("refunded", sa.BigInteger(), nullable=False),
        sa.Column("tax_refunded", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("supplements_id", sa.Uuid(), nullable=True),
        sa.Column("charged_by", sa.String(length=80), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.Column("pickup_number", sa.String(length=8), nullable=True),
        sa.Column("transfer_id", sa.Uuid(), nullable=True),
        sa.Column("points_transfer_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(advance > 0) = (advance_transfer_id is not null)", name=op.f("ck_shop_order_advance_is_posted")
        ),
        sa.CheckConstraint("(tip > 0) = (tip_transfer_id is not null)", name=op.f("ck_shop_order_tip_is_posted")),
        sa.CheckConstraint(
            "advance >= 0 and advance <= total - gift - points_value", name=op.f("ck_shop_order_advance_within_wallet")
        ),
        sa.CheckConstraint("buyer_id <> member_id", name=op.f("ck_shop_order_buyer_is_another")),
        sa.CheckConstraint(
            "gift >= 0 and points_value >= 0 and gift + points_value <= total",
            name=op.f("ck_shop_order_tender_within_total"),
        ),
        sa.CheckConstraint(
            "num_nulls(supplements_id, charged_by, reason) in (0, 3)", name=op.f("ck_shop_order_supplement_says_why")
        ),
        sa.CheckConstraint("refunded >= 0 and refunded <= total", name=op.f("ck_shop_order_refund_within_total")),
        sa.CheckConstraint(
            "tax_refunded >= 0 and tax_refunded <= tax and tax_refunded <= refunded",
            name=op.f("ck_shop_order_tax_refunded"),
        ),
        sa.CheckConstraint("tip_refunded between 0 and tip", name=op.f("ck_shop_order_tip_refund_within_tip")),
        sa.CheckConstraint("total >= 0 and tax >= 0 and tax <= total", name=op.f("ck_shop_order_amounts")),
        sa.ForeignKeyConstraint(["buyer_id"], ["member.id"], name=op.f("fk_shop_order_buyer_id")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_shop_order_device_id")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_shop_order_member_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_shop_order_store_id")),
        sa.ForeignKeyConstraint(["supplements_id"], ["shop_order.id"], name=op.f("fk_shop_order_supplements_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop_order")),
    )
    op.create_index(
        "ix_shop_order_buyer_id_created_at",
        "shop_order",
        ["buyer_id", "created_at"],
        postgresql_where=sa.text("buyer_id is not null"),
    )
    op.create_index("ix_shop_order_member_id_created_at", "shop_order", ["member_id", "created_at"])
    op.create_index("ix_shop_order_store_id_created_at", "shop_order", ["store_id", "created_at"])
    op.create_index("ix_shop_order_store_id_id", "shop_order", ["store_id", "id"])
    op.create_index(
        "ix_shop_order_undone",
        "shop_order",
        ["store_id", "id"],
        postgresql_where=sa.text("refunded > 0 or cancelled_at is not null"),
    )
    op.create_index(
        "ix_shop_order_supplements_id",
        "shop_order",
        ["supplements_id"],
        postgresql_where=sa.text("supplements_id is not null"),
    )

    op.create_table(
        "checkout",
        sa.Column("kiosk_id", sa.Uuid(), nullable=False),
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("basket", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("weighings", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("coupons", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("redeem_points", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("receipts_mailed", sa.BigInteger(), server_default="0", nullable=False),
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
        sa.CheckConstraint("(decision = 'paid') = (order_id is not null)", name=op.f("ck_checkout_paid_has_order")),
        sa.CheckConstraint("decision in ('paid', 'declined', 'step_up')", name=op.f("ck_checkout_decision_known")),
        sa.CheckConstraint("identified_by in ('face', 'pass')", name=op.f("ck_checkout_identified_by_known")),
        sa.ForeignKeyConstraint(["kiosk_id"], ["device.id"], name=op.f("fk_checkout_kiosk_id")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_checkout_member_id")),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name=op.f("fk_checkout_order_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_checkout_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checkout")),
    )
    op.create_index(
        "ix_checkout_declined",
        "checkout",
        ["store_id", "decided_at"],
        postgresql_where=sa.text("decision = 'declined'"),
    )
    op.create_index("ix_checkout_kiosk_id_id", "checkout", ["kiosk_id", "id"])
    op.create_index(op.f("ix_checkout_member_id"), "checkout", ["member_id"])
    op.create_index("ix_checkout_store_id_decided_at", "checkout", ["store_id", "decided_at"])
    op.create_index("ix_checkout_store_id_code_id", "checkout", ["store_id", "code", "id"])
    op.create_index("ix_checkout_store_id_id", "checkout", ["store_id", "id"])
    op.create_index(
        "ix_checkout_worth_review",
        "checkout",
        ["id"],
        postgresql_where=sa.text("similarity < threshold + 0.05 or code in ('wrong_answer', 'step_up_impossible')"),
    )

    op.create_table(
        "order_discount",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=8), nullable=False),
        sa.Column("label", sa.String(length=200), nullable=False),
        sa.Column("coupon_id", sa.Uuid(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "reason in ('tier', 'coupon', 'smile') and amount > 0", name=op.f("ck_order_discount_takes_off")
        ),
        sa.ForeignKeyConstraint(["coupon_id"], ["coupon.id"], name=op.f("fk_order_discount_coupon_id")),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name=op.f("fk_order_discount_order_id")),
        sa.PrimaryKeyConstraint("order_id", "position", name=op.f("pk_order_discount")),
    )
    op.create_index(op.f("ix_order_discount_coupon_id"), "order_discount", ["coupon_id"])

    op.create_table(
        "order_line",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("sku", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("sold_by", sa.String(length=8), server_default="piece", nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("weighings", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("unit_price", sa.BigInteger(), nullable=False),
        sa.Column("tax_rate_basis_points", sa.BigInteger(), nullable=False),
        sa.Column("discount", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("tax", sa.BigInteger(), nullable=False),
        sa.Column("returned", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("stocked", sa.Boolean(), server_default="true", nullable=False),
        sa.CheckConstraint("sold_by = 'weight' or weighings = '[]'", name=op.f("ck_order_line_pieces_are_not_weighed")),
        sa.CheckConstraint("sold_by in ('piece', 'weight')", name=op.f("ck_order_line_sold_by_known")),
        sa.CheckConstraint("returned between 0 and quantity", name=op.f("ck_order_line_returned_within_quantity")),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name=op.f("fk_order_line_order_id")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_order_line_product_id")),
        sa.PrimaryKeyConstraint("order_id", "position", name=op.f("pk_order_line")),
    )

    op.create_table(
        "refund",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=16), server_default="refund", nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("tax", sa.BigInteger(), nullable=False),
        sa.Column("gift", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("points_value", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("points", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("points_taken", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("points_owed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("tip", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("tip_transfer_id", sa.Uuid(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("goods", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("transfer_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("kind in ('refund', 'return', 'cancellation')", name=op.f("ck_refund_kind_known")),
        sa.CheckConstraint("amount = 0 or transfer_id is not null", name=op.f("ck_refund_amount_is_posted")),
        sa.CheckConstraint("amount >= 0 and tax >= 0 and tax <= amount", name=op.f("ck_refund_amounts")),
        sa.CheckConstraint(
            "tip >= 0 and (tip > 0) = (tip_transfer_id is not null)", name=op.f("ck_refund_tip_is_posted")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name=op.f("fk_refund_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund")),
    )
    op.create_index(op.f("ix_refund_created_at"), "refund", ["created_at"])
    op.create_index(op.f("ix_refund_order_id"), "refund", ["order_id"])

    op.create_table(
        "sold_tag",
        sa.Column("epc", sa.String(length=24), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("sold_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("returned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("epc ~ '^[0-9A-F]{24}$'", name=op.f("ck_sold_tag_epc_in_hex")),
        sa.ForeignKeyConstraint(
            ["order_id"], ["shop_order.id"], name=op.f("fk_sold_tag_order_id"), initially="DEFERRED", deferrable=True
        ),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_sold_tag_product_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sold_tag")),
    )
    op.create_index("ix_sold_tag_epc_id", "sold_tag", ["epc", "id"])
    op.create_index(op.f("ix_sold_tag_order_id"), "sold_tag", ["order_id"])
    op.create_index(
        "uq_sold_tag_sold", "sold_tag", ["epc"], unique=True, postgresql_where=sa.text("returned_at is null")
    )

    op.create_foreign_key(op.f("fk_coupon_use_order_id"), "coupon_use", "shop_order", ["order_id"], ["id"])

    op.create_foreign_key(op.f("fk_kitchen_ticket_order_id"), "kitchen_ticket", "shop_order", ["order_id"], ["id"])
