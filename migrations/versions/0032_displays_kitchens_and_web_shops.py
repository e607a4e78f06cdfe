"""Displays, kitchens and shops on the web are devices too"""

from __future__ import annotations

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

BEFORE = "'gate', 'kiosk', 'lane', 'shelf', 'monitor'"


def upgrade() -> None:
    _allow(f"{BEFORE}, 'display', 'kitchen', 'webshop'")


def downgrade() -> None:
    _allow(BEFORE)


def _allow(roles: str) -> None:
    op.drop_constraint(op.f("ck_device_role_known"), "device", type_="check")
    op.create_check_constraint(op.f("ck_device_role_known"), "device", f"role in ({roles})")
