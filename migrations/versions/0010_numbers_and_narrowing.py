"""What a decision was made by, and the regions and phone endings that a search is narrowed by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

RECORDS = ("gate_attempt", "checkout")


def upgrade() -> None:
    for table in RECORDS:
        op.add_column(table, sa.Column("false_positive_rate", sa.Float(), nullable=True))
        op.add_column(table, sa.Column("narrowed_by", sa.String(16), nullable=True))
        op.add_column(table, sa.Column("basis", sa.String(100), nullable=True))
    op.add_column("store", sa.Column("region", sa.String(64), nullable=True))
    op.add_column("member", sa.Column("home_region", sa.String(64), nullable=True))
    op.create_index("ix_member_home_region", "member", ["home_region"])
    op.create_index(
        "ix_member_phone_ending",
        "member",
        [sa.text('"right"(phone, 4)')],
        postgresql_where=sa.text("phone is not null"),
    )


def downgrade() -> None:
    op.drop_index("ix_member_phone_ending", table_name="member")
    op.drop_index("ix_member_home_region", table_name="member")
    op.drop_column("member", "home_region")
    op.drop_column("store", "region")
    for table in RECORDS:
        for column in ("basis", "narrowed_by", "false_positive_rate"):
            op.drop_column(table, column)
