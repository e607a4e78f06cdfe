"""Who was inside at a time, and which baskets aren't paid, without reading every visit and every change."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_visit_store_id_left_at", "visit", ["store_id", "left_at"], unique=False)
    op.create_index(
        "ix_basket_change_unpaid",
        "basket_change",
        ["visit_id"],
        unique=False,
        postgresql_where=sa.text("settled_at is null and late is false"),
    )


def downgrade() -> None:
    op.drop_index("ix_basket_change_unpaid", table_name="basket_change")
    op.drop_index("ix_visit_store_id_left_at", table_name="visit")
