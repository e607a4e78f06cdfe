"""What members owe, what is undone or charged after a sale, and what members are told of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "debt_write_off",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("transfer_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_debt_write_off_amount_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_debt_write_off")),
    )
    op.create_index(op.f("ix_debt_write_off_member_id"), "debt_write_off", ["member_id"], unique=False)
    op.create_table(
        "member_notice",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_member_notice")),
    )
    op.create_index("ix_member_notice_member_id_id", "member_notice", ["member_id", "id"], unique=False)
    _let_orders_be_undone()
    _let_orders_be_charged_later()


def _let_orders_be_undone() -> None:
    op.add_column("order_line", sa.Column("returned", sa.BigInteger(), server_default="0", nullable=False))
    op.create_check_constraint(
        op.f("ck_order_line_returned_within_quantity"), "order_line", "returned between 0 and quantity"
    )
    op.add_column("refund", sa.Column("kind", sa.String(length=16), server_default="refund", nullable=False))
    op.add_column(
        "refund", sa.Column("goods", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False)
    )
    op.alter_column("refund", "transfer_id", existing_type=sa.UUID(), nullable=True)
    op.drop_constraint(op.f("ck_refund_amounts"), "refund", type_="check")
    op.create_check_constraint(op.f("ck_refund_amounts"), "refund", "amount >= 0 and tax >= 0 and tax <= amount")
    op.create_check_constraint(op.f("ck_refund_kind_known"), "refund", "kind in ('refund', 'return', 'cancellation')")
    op.create_check_constraint(op.f("ck_refund_amount_is_posted"), "refund", "amount = 0 or transfer_id is not null")
    op.add_column("shop_order", sa.Column("tax_refunded", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("shop_order", sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "update shop_order o set tax_refunded = r.tax from"
        " (select order_id, sum(tax) as tax from refund group by order_id) r where r.order_id = o.id"
    )
    # The goods of an order that was refunded at once came back; but not those that somebody else took (a dispute).
    op.execute(
        "update refund r set goods = ("
        "select jsonb_object_agg(l.sku, l.quantity) from order_line l where l.order_id = r.order_id)"
        " from shop_order o where o.id = r.order_id and o.total = r.amount"
        " and not exists (select from dispute d where d.refund_id = r.id)"
    )
    op.execute(
        "update order_line l set returned = l.quantity from refund r where r.order_id = l.order_id and r.goods <> '{}'"
    )
    op.create_check_constraint(
        op.f("ck_shop_order_tax_refunded"),
        "shop_order",
        "tax_refunded >= 0 and tax_refunded <= tax and tax_refunded <= refunded",
    )


def _let_orders_be_charged_later() -> None:
    op.add_column("shop_order", sa.Column("advance", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("shop_order", sa.Column("advance_transfer_id", sa.Uuid(), nullable=True))
    op.add_column("shop_order", sa.Column("supplements_id", sa.Uuid(), nullable=True))
    op.add_column("shop_order", sa.Column("charged_by", sa.String(length=80), nullable=True))
    op.add_column("shop_order", sa.Column("reason", sa.String(length=200), nullable=True))
    op.create_index(
        "ix_shop_order_supplements_id",
        "shop_order",
        ["supplements_id"],
        unique=False,
        postgresql_where=sa.text("supplements_id is not null"),
    )
    op.create_foreign_key(op.f("fk_shop_order_supplements_id"), "shop_order", "shop_order", ["supplements_id"], ["id"])
    for name, rule in (
        ("advance_within_wallet", "advance >= 0 and advance <= total - gift - points_value"),
        ("advance_is_posted", "(advance > 0) = (advance_transfer_id is not null)"),
        ("supplement_says_why", "num_nulls(supplements_id, charged_by, reason) in (0, 3)"),
    ):
        op.create_check_constraint(op.f(f"ck_shop_order_{name}"), "shop_order", rule)


def downgrade() -> None:
    for name in ("supplement_says_why", "advance_is_posted", "advance_within_wallet", "tax_refunded"):
        op.drop_constraint(op.f(f"ck_shop_order_{name}"), "shop_order", type_="check")
    op.drop_constraint(op.f("fk_shop_order_supplements_id"), "shop_order", type_="foreignkey")
    op.drop_index("ix_shop_order_supplements_id", table_name="shop_order")
    for column in (
        "reason",
        "charged_by",
        "supplements_id",
        "cancelled_at",
        "tax_refunded",
        "advance_transfer_id",
        "advance",
    ):
        op.drop_column("shop_order", column)
    for name in ("amount_is_posted", "kind_known", "amounts"):
        op.drop_constraint(op.f(f"ck_refund_{name}"), "refund", type_="check")
    op.create_check_constraint(op.f("ck_refund_amounts"), "refund", "amount > 0 and tax >= 0 and tax <= amount")
    op.alter_column("refund", "transfer_id", existing_type=sa.UUID(), nullable=False)
    op.drop_column("refund", "goods")
    op.drop_column("refund", "kind")
    op.drop_constraint(op.f("ck_order_line_returned_within_quantity"), "order_line", type_="check")
    op.drop_column("order_line", "returned")
    op.drop_index("ix_member_notice_member_id_id", table_name="member_notice")
    op.drop_table("member_notice")
    op.drop_index(op.f("ix_debt_write_off_member_id"), table_name="debt_write_off")
    op.drop_table("debt_write_off")
