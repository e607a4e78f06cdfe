"""What shows an alert, and when the store reacted to it"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0077"
down_revision = "0076"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("alert", sa.Column("evidence_kind", sa.String(length=40)))
    op.add_column("alert", sa.Column("evidence_id", sa.Uuid()))
    op.add_column("alert", sa.Column("reacted_at", sa.DateTime(timezone=True)))
    op.create_check_constraint(
        op.f("ck_alert_evidence_of_a_kind"), "alert", "(evidence_id is null) = (evidence_kind is null)"
    )
    op.create_index("ix_alert_reacted_at", "alert", ["id"], postgresql_where=sa.text("reacted_at is null"))


def downgrade() -> None:
    op.drop_index("ix_alert_reacted_at", table_name="alert")
    op.drop_constraint(op.f("ck_alert_evidence_of_a_kind"), "alert")
    op.drop_column("alert", "reacted_at")
    op.drop_column("alert", "evidence_id")
    op.drop_column("alert", "evidence_kind")
