"""Orders and checkouts of one store, newest first, without reading every other store's."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_checkout_store_id_id", "checkout", ["store_id", "id"], unique=False)
    op.create_index("ix_shop_order_store_id_id", "shop_order", ["store_id", "id"], unique=False)
    op.drop_index("ix_shop_order_store_id", table_name="shop_order")


def downgrade() -> None:
    op.create_index("ix_shop_order_store_id", "shop_order", ["store_id"], unique=False)
    op.drop_index("ix_shop_order_store_id_id", table_name="shop_order")
    op.drop_index("ix_checkout_store_id_id", table_name="checkout")
