"""The schema: Alembic's migrations under the owner's role, and the app role's rights."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from psycopg.errors import DeadlockDetected, LockNotAvailable
from sqlalchemy import URL, Connection, create_engine, make_url, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from facepay.settings import Settings

# Alembic is imported where it is called: of a start, most find the schema as it should be.
if TYPE_CHECKING:
    from alembic.config import Config

# A wheel carries the migrations inside the package; a checkout has them at its top.
INSIDE = Path(__file__).parent / "migrations"
MIGRATIONS = INSIDE if INSIDE.is_dir() else Path(__file__).parents[2] / "migrations"
MIGRATION_LOCK = 7_016_996_765
# Whoever waits for a table's lock has everybody else wait behind them: short, and again a little later.
LOCK_TIMEOUT_MS = 2_000
WAITS_SECONDS = (1, 2, 4, 8, 16, 32)


class NotMigrated(Exception):
    """The schema can't be brought to the newest revision; what to do about it."""


class AppRoleMissing(NotMigrated):
    """The app's role has to be made by somebody who may."""


class RevisionUnknown(NotMigrated):
    """The database is of another version of this software."""


class TablesBusy(NotMigrated):
    """Others kept a table locked, however often it was tried."""


def alembic_config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def revisions() -> set[str]:
    """All that there are here: each in the file of its name, numbered in their order."""
    return {file.stem for file in (MIGRATIONS / "versions").glob("[0-9]*.py")}


def newest_revision() -> str:
    return max(revisions())


@contextmanager
def owner_connection(settings: Settings) -> Iterator[Connection]:
    """A connection under the migration role, of the embedded server where no other is set."""
    from facepay.kernel.embedded import EmbeddedPostgres

    url = settings.migration_database_url or settings.database_url
    if url is not None:
        with connect(url) as connection:
            yield connection
        return
    with (
        EmbeddedPostgres(settings.data_dir / "postgres") as postgres,
        connect(postgres.url(role="facepay_owner")) as connection,
    ):
        yield connection


@contextmanager
def connect(url: str) -> Iterator[Connection]:
    engine = create_engine(url, hide_parameters=True)
    try:
        with engine.connect() as connection:
            yield connection
            connection.commit()
    finally:
        engine.dispose()


def migrate(
    connection: Connection, *, app_url: URL | None = None, waits_seconds: Sequence[float] = WAITS_SECONDS
) -> None:
    """Bring the schema to the newest revision, one transaction each, and give the app's role its rights.

    Whatever was migrated before an error stays; calling again goes on from there. Raises NotMigrated.
    """
    role = app_url.username if app_url else "facepay_app"
    needs_rights = role and role != connection.engine.url.username
    with _alone(connection):
        if role and needs_rights:
            _ensure_role(connection, role, app_url.password if app_url else None)
            connection.commit()
        _upgrade(connection, waits_seconds)
        if role and needs_rights:
            grant_rights(connection, role)
            connection.commit()


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Two replicas that start together migrate one after the other."""
    # A statement that waits for the lock would hold a snapshot, for which `create index concurrently` waits in turn.
    while not connection.scalar(text("select pg_try_advisory_lock(:key)"), {"key": MIGRATION_LOCK}):
        connection.commit()
        time.sleep(0.2)
    connection.commit()
    try:
        yield
    finally:
        connection.rollback()
        connection.execute(text("select pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
        connection.commit()


def _upgrade(connection: Connection, waits_seconds: Sequence[float]) -> None:
    """Upgrade, and again after each wait where somebody else held a lock for too long."""
    if _revision_of(connection) == newest_revision():
        return
    from alembic import command
    from alembic.util import CommandError

    config = alembic_config()
    config.attributes["connection"] = connection
    for wait_seconds in (*waits_seconds, None):
        connection.execute(text(f"set lock_timeout = '{LOCK_TIMEOUT_MS}ms'"))
        connection.commit()
        try:
            command.upgrade(config, "head")
            return
        except CommandError as error:
            if "Can't locate revision" not in str(error):
                raise
            raise RevisionUnknown(
                f"{error}: the database was made by a newer facepay, or by one from before its migrations were put"
                " together for 1.0. There is no way from there to here but an empty database."
            ) from None
        except OperationalError as error:
            if not isinstance(error.orig, LockNotAvailable | DeadlockDetected):
                raise
            connection.rollback()
            if wait_seconds is None:
                raise TablesBusy(
                    "Somebody held a lock on a table for too long, each time. What was migrated so far stays: migrate"
                    " again when less goes on, or end the long transaction (pg_stat_activity)."
                ) from error
            time.sleep(wait_seconds)


def _revision_of(connection: Connection) -> str | None:
    if connection.scalar(text("select to_regclass('alembic_version')")) is None:
        return None
    revision: str | None = connection.scalar(text("select version_num from alembic_version"))
    return revision


def check(connection: Connection) -> None:
    """Raises alembic.util.CommandError where the models and the migrated schema differ."""
    from alembic import command

    config = alembic_config()
    config.attributes["connection"] = connection
    command.check(config)


def _ensure_role(connection: Connection, role: str, password: object) -> None:
    if connection.scalar(text("select 1 from pg_roles where rolname = :role"), {"role": role}):
        return
    # CREATE ROLE takes no parameters, so the server itself does the quoting.
    create = connection.scalar(
        text("select format('create role %I login password %L', cast(:role as text), cast(:password as text))"),
        {"role": role, "password": str(password) if password else None},
    )
    try:
        connection.execute(text(str(create)))
    except ProgrammingError:
        # Not with its cause: that quotes the statement, and so the password.
        raise AppRoleMissing(
            f"There is no role {role}, and the owner's role may not create it: have an administrator run "
            f'`create role "{role}" login password …`, then migrate again.'
        ) from None


def grant_rights(connection: Connection, role: str) -> None:
    """Rows of the house to read and write; of what is chained only to read, and its functions to call."""
    name = connection.dialect.identifier_preparer.quote(role)
    for statement in (
        f"grant usage on schema public, chain, ledger, access_log to {name}",
        f"grant select, insert, update, delete on all tables in schema public to {name}",
        f"grant usage on all sequences in schema public to {name}",
        f"revoke insert, update, delete on alembic_version, access_event, access_event_person from {name}",
        f"grant select on all tables in schema chain, ledger to {name}",
        f"grant execute on all functions in schema chain, ledger, access_log to {name}",
    ):
        connection.execute(text(statement))


def app_url(settings: Settings) -> URL | None:
    return make_url(settings.database_url) if settings.database_url else None
