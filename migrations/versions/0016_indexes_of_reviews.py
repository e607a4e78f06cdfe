"""Find what points at a visit, and disputes of a store or open ones of all stores, without reading a whole table."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_gate_attempt_visit_id", "gate_attempt", ["visit_id"])
    op.create_index("ix_dispute_store_id", "dispute", ["store_id"])
    op.drop_index("ix_dispute_open", "dispute")
    op.create_index("ix_dispute_open", "dispute", ["id"], postgresql_where=sa.text("verdict is null"))


def downgrade() -> None:
    op.drop_index("ix_dispute_open", "dispute")
    op.create_index("ix_dispute_open", "dispute", ["store_id", "id"], postgresql_where=sa.text("verdict is null"))
    op.drop_index("ix_dispute_store_id", "dispute")
    op.drop_index("ix_gate_attempt_visit_id", "gate_attempt")
