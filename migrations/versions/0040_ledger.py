"""The ledger's schema, in SQL, on hash chains."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0040"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Each as one string of many statements, which only the driver's own cursor takes.
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    for name in ("chain.sql", "ledger.sql"):
        connection.execute((Path(__file__).parents[1] / name).read_text(encoding="utf-8"))


def downgrade() -> None:
    raise NotImplementedError("a ledger is not dropped by a migration")
