"""What a lane decided can be disputed, too."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None
STANDING = sa.text("verdict is distinct from 'right'")
ONE = "ck_dispute_one_decision"
ONE_BEFORE = "ck_dispute_ck_dispute_one_decision"  # as 0014 named it


def upgrade() -> None:
    op.add_column("dispute", sa.Column("passage_id", sa.Uuid(), nullable=True))
    op.create_index("ix_dispute_passage_id", "dispute", ["passage_id"])
    op.create_index("uq_dispute_passage_id", "dispute", ["passage_id"], unique=True, postgresql_where=STANDING)
    op.create_foreign_key("fk_dispute_passage_id", "dispute", "passage", ["passage_id"], ["id"])
    op.drop_constraint(op.f(ONE_BEFORE), "dispute", type_="check")
    op.create_check_constraint(op.f(ONE), "dispute", "num_nonnulls(gate_attempt_id, checkout_id, passage_id) = 1")


def downgrade() -> None:
    op.drop_constraint(op.f(ONE), "dispute", type_="check")
    op.create_check_constraint(op.f(ONE_BEFORE), "dispute", "num_nonnulls(gate_attempt_id, checkout_id) = 1")
    op.drop_constraint("fk_dispute_passage_id", "dispute", type_="foreignkey")
    op.drop_index("uq_dispute_passage_id", "dispute")
    op.drop_index("ix_dispute_passage_id", "dispute")
    op.drop_column("dispute", "passage_id")
