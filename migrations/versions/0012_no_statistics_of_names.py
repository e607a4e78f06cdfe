"""No statistics of names and phone numbers: their samples would outlive the members who were erased."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

COLUMNS = {"display_name": "varchar(200)", "phone": "varchar(16)"}


def upgrade() -> None:
    for column, kind in COLUMNS.items():
        # The same type again drops what was sampled before.
        op.execute(f"alter table member alter column {column} type {kind}, alter column {column} set statistics 0")
    op.execute("alter index ix_member_phone_ending alter column 1 set statistics 0")


def downgrade() -> None:
    for column in COLUMNS:
        op.execute(f"alter table member alter column {column} set statistics -1")
    op.execute("alter index ix_member_phone_ending alter column 1 set statistics -1")
