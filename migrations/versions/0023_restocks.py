"""Times in which staff fill up a shelf."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "restock",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("slots", postgresql.ARRAY(sa.String(length=64)), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("begun_by", sa.String(length=80), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("ends_at > begun_at", name=op.f("ck_restock_lasts")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_restock_device_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restock")),
    )
    op.create_index("ix_restock_device_id_ends_at", "restock", ["device_id", "ends_at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_restock_device_id_ends_at", table_name="restock")
    op.drop_table("restock")
