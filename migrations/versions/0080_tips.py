"""tips beside an order's total; goods that were counted out of the stock before they were sold"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0080"
down_revision = "0079"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("shop_order", sa.Column("tip", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("shop_order", sa.Column("tip_refunded", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("shop_order", sa.Column("tip_transfer_id", sa.Uuid(), nullable=True))
    op.create_check_constraint(
        op.f("ck_shop_order_tip_refund_within_tip"), "shop_order", "tip_refunded between 0 and tip"
    )
    op.create_check_constraint(
        op.f("ck_shop_order_tip_is_posted"), "shop_order", "(tip > 0) = (tip_transfer_id is not null)"
    )
    op.add_column("refund", sa.Column("tip", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("refund", sa.Column("tip_transfer_id", sa.Uuid(), nullable=True))
    op.create_check_constraint(
        op.f("ck_refund_tip_is_posted"), "refund", "tip >= 0 and (tip > 0) = (tip_transfer_id is not null)"
    )
    op.add_column("order_line", sa.Column("stocked", sa.Boolean(), server_default="true", nullable=False))


def downgrade() -> None:
    op.drop_column("order_line", "stocked")
    op.drop_constraint(op.f("ck_refund_tip_is_posted"), "refund", type_="check")
    op.drop_column("refund", "tip_transfer_id")
    op.drop_column("refund", "tip")
    op.drop_constraint(op.f("ck_shop_order_tip_is_posted"), "shop_order", type_="check")
    op.drop_constraint(op.f("ck_shop_order_tip_refund_within_tip"), "shop_order", type_="check")
    op.drop_column("shop_order", "tip_transfer_id")
    op.drop_column("shop_order", "tip_refunded")
    op.drop_column("shop_order", "tip")
