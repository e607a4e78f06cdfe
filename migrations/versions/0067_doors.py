"""doors, readers and cameras; guards"""

from __future__ import annotations

from alembic import op

revision = "0067"
down_revision = "0066"
branch_labels = None
depends_on = None

DEVICES = "('gate', 'kiosk', 'lane', 'shelf', 'display', 'kitchen', 'webshop', 'monitor'{})"
STAFF = "('owner', 'operator', 'auditor'{}, 'app')"


def upgrade() -> None:
    _roles("device", DEVICES.format(", 'door', 'reader', 'camera'"))
    _roles("staff_account", STAFF.format(", 'guard'"))


def downgrade() -> None:
    _roles("device", DEVICES.format(""))
    _roles("staff_account", STAFF.format(""))


def _roles(table: str, known: str) -> None:
    name = op.f(f"ck_{table}_role_known")
    op.drop_constraint(name, table)
    op.create_check_constraint(name, table, f"role in {known}")
