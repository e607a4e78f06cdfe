"""Goods by weight: products and order lines in grams, and what scales read of them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

COUNTED = ("product", "order_line", "ticket_dish")


def upgrade() -> None:
    for table in COUNTED:
        op.add_column(table, sa.Column("sold_by", sa.String(length=8), server_default="piece", nullable=False))
        op.create_check_constraint(op.f(f"ck_{table}_sold_by_known"), table, "sold_by in ('piece', 'weight')")
    op.add_column("product", sa.Column("tare_grams", sa.BigInteger(), nullable=True))
    op.create_check_constraint(
        op.f("ck_product_tare_of_weighed_goods"),
        "product",
        "tare_grams is null or (sold_by = 'weight' and tare_grams > 0)",
    )
    op.add_column("order_line", sa.Column("weighings", postgresql.JSONB(), server_default="[]", nullable=False))
    op.create_check_constraint(
        op.f("ck_order_line_pieces_are_not_weighed"), "order_line", "sold_by = 'weight' or weighings = '[]'"
    )
    op.add_column("checkout", sa.Column("weighings", postgresql.JSONB(), server_default="{}", nullable=False))


def downgrade() -> None:
    op.drop_column("checkout", "weighings")
    op.drop_column("order_line", "weighings")
    op.drop_column("product", "tare_grams")
    for table in reversed(COUNTED):
        op.drop_column(table, "sold_by")
