"""A lane claims its tags before it charges for them, and says whether its door has a sensor."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None
ORDER_OF_TAG = "alter table sold_tag alter constraint fk_sold_tag_order_id"


def upgrade() -> None:
    op.execute(f"{ORDER_OF_TAG} deferrable initially deferred")
    op.add_column("lane_policy", sa.Column("door_sensor", sa.Boolean(), server_default="true", nullable=False))


def downgrade() -> None:
    op.drop_column("lane_policy", "door_sensor")
    op.execute(f"{ORDER_OF_TAG} not deferrable")
