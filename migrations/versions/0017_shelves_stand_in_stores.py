"""Shelves stand in stores; an order is made by whichever device sold it"""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint(op.f("ck_device_role_known"), "device", type_="check")
    op.create_check_constraint(
        op.f("ck_device_role_known"), "device", "role in ('gate', 'kiosk', 'lane', 'shelf', 'monitor')"
    )
    op.alter_column("shop_order", "kiosk_id", new_column_name="device_id")
    op.execute("alter table shop_order rename constraint fk_shop_order_kiosk_id to fk_shop_order_device_id")


def downgrade() -> None:
    op.execute("alter table shop_order rename constraint fk_shop_order_device_id to fk_shop_order_kiosk_id")
    op.alter_column("shop_order", "device_id", new_column_name="kiosk_id")
    op.drop_constraint(op.f("ck_device_role_known"), "device", type_="check")
    op.create_check_constraint(op.f("ck_device_role_known"), "device", "role in ('gate', 'kiosk', 'lane', 'monitor')")
