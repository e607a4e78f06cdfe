"""Alembic's entry: runs on the connection it is handed (`facepay migrate`), or on the settings' database."""

from __future__ import annotations

from typing import Any

from alembic import context
from sqlalchemy import Connection

import facepay.tables
from facepay.kernel.database import Base
from facepay.migrate import owner_connection
from facepay.settings import Settings


def is_mapped(name: str | None, kind: str, parents: Any) -> bool:
    # Written in SQL, by hand: functions and rights are half of them.
    return not (kind == "schema" and name in ("chain", "ledger", "access_log"))


def spell_out() -> None:
    """The SQL alone (`--sql`), which `facepay migrate --check` reads."""
    context.configure(dialect_name="postgresql", literal_binds=True, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_name=is_mapped,
        compare_type=True,
        compare_server_default=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


assert facepay.tables, "imported so that every room's tables are known"
if context.is_offline_mode():
    spell_out()
elif handed := context.config.attributes.get("connection"):
    run(handed)
else:
    with owner_connection(Settings()) as own:
        run(own)
