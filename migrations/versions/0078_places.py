"""tables, mirrors and machines; what products are made of; birthdays"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0078"
down_revision = "0077"
branch_labels = None
depends_on = None

BEFORE = "'gate', 'kiosk', 'lane', 'shelf', 'display', 'kitchen', 'webshop', 'monitor', 'door', 'reader', 'camera'"
ERASED = "status <> 'erased' or (display_name = '' and phone is null{})"


def upgrade() -> None:
    op.add_column("member", sa.Column("born_on", sa.Date(), nullable=True))
    op.add_column("member", sa.Column("age_checked_at", sa.DateTime(timezone=True), nullable=True))
    _check("member", "erased_is_empty", ERASED.format(" and born_on is null"))
    op.add_column("product", sa.Column("allergens", sa.ARRAY(sa.String(16)), nullable=True))
    op.add_column("product", sa.Column("ingredients", sa.ARRAY(sa.String(80)), server_default="{}", nullable=False))
    op.add_column("product", sa.Column("colour", sa.String(7), nullable=True))
    op.add_column("product", sa.Column("age_min", sa.BigInteger(), nullable=True))
    op.create_check_constraint(op.f("ck_product_age_in_bounds"), "product", "age_min between 1 and 99")
    op.create_check_constraint(op.f("ck_product_colour_is_srgb"), "product", "colour ~ '^#[0-9a-f]{6}$'")
    _check("device", "role_known", f"role in ({BEFORE}, 'table', 'mirror', 'vending')")


def downgrade() -> None:
    _check("device", "role_known", f"role in ({BEFORE})")
    for column in ("age_min", "colour", "ingredients", "allergens"):
        op.drop_column("product", column)
    _check("member", "erased_is_empty", ERASED.format(""))
    op.drop_column("member", "age_checked_at")
    op.drop_column("member", "born_on")


def _check(table: str, name: str, rule: str) -> None:
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule)
