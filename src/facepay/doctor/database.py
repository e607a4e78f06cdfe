"""What can be seen of the database, by the role that the app has there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.doctor.findings import Finding, fail, ok, warn
from facepay.kernel.clock import Clock
from facepay.kernel.database import Database
from facepay.kernel.upkeep import overdue_seconds
from facepay.migrate import newest_revision
from facepay.settings import Settings
from facepay.webhooks.deliveries import oldest_waiting_seconds

VERSION_LEAST = 150_000
APART_SECONDS_MAX, APART_SECONDS_FATAL = 2.0, 30.0
LATE_SECONDS_MAX = 300.0
WAITING_SECONDS_MAX = 900.0
SERVER = text("""
    select current_setting('server_version_num')::int as number, current_setting('server_version') as version,
           current_setting('max_connections')::int as connections_max, clock_timestamp() as now,
           (select ssl from pg_stat_ssl where pid = pg_backend_pid()) as ssl, inet_server_addr() is null as local,
           (select rolsuper from pg_roles where rolname = current_user) as superuser, current_user as role,
           exists (select from pg_extension where extname = 'btree_gist') as btree_gist
""")
RIGHTS = text("""
    select bool_and(has_table_privilege(format('%I.%I', schemaname, tablename), 'select')) as reads,
           bool_or(has_table_privilege(format('%I.%I', schemaname, tablename), 'insert, update, delete'))
             filter (where schemaname in ('chain', 'ledger', 'access_log') or tablename = 'access_event') as forges
    from pg_tables where schemaname in ('public', 'chain', 'ledger', 'access_log')
""")


async def look_at_database(database: Database, settings: Settings, clock: Clock) -> AsyncIterator[Finding]:
    try:
        async with database.read() as session:
            server = (await session.execute(SERVER)).one()
            for finding in (
                _version_of(server),
                _clock_of(server, clock()),
                _connections_of(server, settings),
                _line_of(server),
            ):
                yield finding
            version = await database.schema_version()
            if version != newest_revision():
                yield fail("schema", f"at {version}, needs {newest_revision()}", "Run `facepay migrate`.")
                return
            yield ok("schema", f"at {version}")
            yield _extension_of(server)
            yield _rights_of(server, (await session.execute(RIGHTS)).one())
            yield await _owner_of(session, settings)
            yield await _housekeeping_of(session)
            yield await _webhooks_of(session, clock())
    except (SQLAlchemyError, OSError) as error:
        # The driver's words name the host and the role, and no password.
        words = str(getattr(error, "orig", None) or type(error).__name__).strip().splitlines()[0]
        yield fail("database", words, "Is it up, and does FACEPAY_DATABASE_URL name it?")


def _version_of(server: Row[Any]) -> Finding:
    if server.number < VERSION_LEAST:
        return fail("database", f"Postgres {server.version}", "Postgres 15 or newer is needed.")
    return ok("database", f"Postgres {server.version}")


def _clock_of(server: Row[Any], now: datetime) -> Finding:
    apart = abs((server.now - now).total_seconds())
    found = f"{apart:.1f} s from the database's"
    if apart > APART_SECONDS_FATAL:
        return fail("clock", found, "Signatures and passes are refused: have NTP set both.")
    return warn("clock", found, "Have NTP set both.") if apart > APART_SECONDS_MAX else ok("clock", found)


def _connections_of(server: Row[Any], settings: Settings) -> Finding:
    found = f"{settings.database_pool_size} a process, of {server.connections_max} in all"
    if settings.database_pool_size >= server.connections_max:
        return fail("connections", found, "Lower FACEPAY_DATABASE_POOL_SIZE, or raise max_connections.")
    return ok("connections", found)


def _line_of(server: Row[Any]) -> Finding:
    if server.local or server.ssl:
        return ok("line to the database", "encrypted" if server.ssl else "within this machine")
    return warn("line to the database", "not encrypted", "Add ?sslmode=verify-full to FACEPAY_DATABASE_URL.")


def _extension_of(server: Row[Any]) -> Finding:
    if server.btree_gist:
        return ok("extensions", "btree_gist")
    return fail("extensions", "btree_gist is missing", "As the owner: create extension btree_gist.")


def _rights_of(server: Row[Any], rights: Row[Any]) -> Finding:
    if server.superuser or rights.forges:
        advice = "Give the app a role that owns nothing; FACEPAY_MIGRATION_DATABASE_URL names the owner."
        return warn("rights", f"{server.role} may rewrite the ledger", advice)
    if not rights.reads:
        return fail("rights", f"{server.role} may not read every table", "Run `facepay migrate`: it gives the rights.")
    return ok("rights", f"{server.role} may not rewrite the ledger")


async def _owner_of(session: AsyncSession, settings: Settings) -> Finding:
    owners = await session.scalar(text("select count(*) from staff_account where role = 'owner'"))
    if owners or settings.admin_password is not None:
        return ok("owner", f"{owners} owners" if owners else "FACEPAY_ADMIN_PASSWORD makes the first")
    return warn("owner", "nobody may sign in", "Run `facepay admin create`.")


async def _housekeeping_of(session: AsyncSession) -> Finding:
    overdue = await overdue_seconds(session)
    late = sorted(name for name, seconds in overdue.items() if seconds > LATE_SECONDS_MAX)
    if not overdue:
        return warn("housekeeping", "never ran here", "`facepay serve` runs it, some seconds after its start.")
    if late:
        advice = "Is `facepay serve` up? Its log says housekeeping_failed."
        return fail("housekeeping", f"not done in time: {', '.join(late)}", advice)
    return ok("housekeeping", f"{len(overdue)} tasks, all in time")


async def _webhooks_of(session: AsyncSession, now: datetime) -> Finding:
    seconds = await oldest_waiting_seconds(session, now=now)
    found = f"the oldest event waits for {seconds:.0f} s" if seconds else "nothing waits"
    if seconds > WAITING_SECONDS_MAX:
        return warn("webhooks", found, "The console's Webhooks show what the endpoint answers.")
    return ok("webhooks", found)
