"""Whoever changes the access log behind its back is found, and the row is named."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from facepay.access_log.log import LOG, NewEvent, Person, write
from facepay.access_log.retention import unlink_member
from facepay.access_log.verify import verify
from facepay.cli import app as command_line
from facepay.kernel.clock import utc_now
from facepay.kernel.database import Database
from facepay.kernel.embedded import SUPERUSER, EmbeddedPostgres
from facepay.kernel.ids import new_id
from facepay.kernel.proofs import Report
from tests.conftest import Clones

TABLES = ("access_event", "access_event_person", "chain.links", "chain.logs")


@dataclass(frozen=True)
class Night:
    """A night's log: ten attempts, the second and third of somebody who was erased, one of whose was cut off since."""

    url: str
    superuser_url: str
    head: tuple[int, str]
    attempts: list[UUID]
    member: UUID
    other: UUID
    cut: UUID

    def proved(self, head: tuple[int, str] | None = None) -> Report:
        async def prove() -> Report:
            database = Database(self.url, pool_size=1)
            try:
                return await verify(database, expected_head=head)
            finally:
                await database.close()

        return asyncio.run(prove())

    def places(self) -> dict[str, UUID]:
        """What the statements below call the rows by."""
        return {f"a{number}": each for number, each in enumerate(self.attempts)} | vars(self)


async def _logged(database: Database, superuser_url: str) -> tuple[list[UUID], UUID, UUID, UUID]:
    member, other = new_id(), new_id()
    attempts = []
    async with database.begin() as session:
        for number in range(10):
            of = member if number in (1, 2, 3) else other
            persons = [Person(of, new_id(), {"similarity": 0.7})]
            event = NewEvent("attempt", new_id(), "granted", "device:1", "granted", persons=persons)
            attempts.append(await write(session, event, now=utc_now()))
        await unlink_member(session, member_id=member, actor="staff:1", now=utc_now())
    with psycopg.connect(superuser_url) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("update access_event set created_at = created_at - interval '31 days'")
    await LOG.seal_all(database)
    async with database.begin() as session:
        query = "select number, position, encode(hash, 'hex') as hash from chain.links where record_id = :second"
        second = (await session.execute(text(query), {"second": attempts[1]})).one()
        event = NewEvent("retention", None, "cut", "system:retention", details=dict(second._mapping))
        cut = await write(session, event, now=utc_now())
    await LOG.seal_all(database)
    async with database.begin() as session:
        assert await session.scalar(text("select access_log.forget(10)")) == 2
    return attempts, member, other, cut


@pytest.fixture(scope="module")
def log(postgres: EmbeddedPostgres, empty_clones: Clones) -> Iterator[Night]:
    name = empty_clones.take()
    url = postgres.url(database=name)
    superuser_url = postgres.url(role=SUPERUSER, database=name).replace("+psycopg", "")

    async def build() -> tuple[list[UUID], UUID, UUID, UUID, tuple[int, str]]:
        database = Database(url, pool_size=1)
        try:
            logged = await _logged(database, superuser_url)
            report = await verify(database)
            assert report.ok, report
            return *logged, report.head
        finally:
            await database.close()

    attempts, member, other, cut, head = asyncio.run(build())
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        # Whoever may drop them isn't held up by them.
        connection.execute("alter table access_event drop constraint uq_access_event_position")
        connection.execute("alter table chain.links drop constraint links_record_id_key")
    yield Night(url, superuser_url, head, attempts, member, other, cut)
    empty_clones.give_back(name)


@pytest.fixture
def superuser(log: Night) -> Iterator[psycopg.Connection]:
    """Whom no trigger stops; afterwards all is as it was."""
    with psycopg.connect(log.superuser_url, autocommit=True) as connection:
        connection.execute("set session_replication_role = replica")
        for table in TABLES:
            connection.execute(f"create temp table was_{table.replace('.', '_')} as table {table}")
        yield connection
        for table in TABLES:
            connection.execute(f"delete from {table}")
            connection.execute(f"insert into {table} table was_{table.replace('.', '_')}")


ALTERED = {
    "an outcome changed": ("update access_event set decision = 'denied' where id = %(a5)s", "a5"),
    "a time changed": ("update access_event set event_at = event_at + '1 microsecond' where id = %(a5)s", "a5"),
    "a detail added": ("update access_event set details = '{\"a\": 1}' where id = %(a5)s", "a5"),
    "an event deleted": ("delete from access_event where id = %(a5)s", "a5"),
    "an event deleted with its link": (
        "with l as (delete from chain.links where record_id = %(a5)s), p as (delete from access_event_person"
        " where event_id = %(a5)s) delete from access_event where id = %(a5)s",
        "a6",  # what is named is what no longer fits without it
    ),
    "two events in another order": (
        "update access_event e set position = o.position from access_event o"
        " where (e.id, o.id) in ((%(a5)s, %(a6)s), (%(a6)s, %(a5)s))",
        "a5",
    ),
    "two links in another order": (
        "update chain.links l set record_id = o.record_id, hash = o.hash from chain.links o"
        " where (l.record_id, o.record_id) in ((%(a5)s, %(a6)s), (%(a6)s, %(a5)s))",
        "a6",
    ),
    "an event of another time slipped in": (
        "insert into access_event select (jsonb_populate_record(e, jsonb_build_object('id', %(member)s,"
        " 'position', (select position from access_event where id = %(cut)s) - 100))).* from access_event e"
        " where id = %(a5)s",
        "member",  # which is the id it was given
    ),
    "an event slipped in where nobody drew a position": (
        "insert into access_event select (jsonb_populate_record(e, jsonb_build_object('id', %(member)s,"
        " 'position', 999999))).* from access_event e where id = %(a5)s",
        "member",
    ),
    "a link forged": ("update chain.links set hash = sha256(hash) where record_id = %(a5)s", "a5"),
    "another person named": ("update access_event_person set member_id = %(member)s where event_id = %(a5)s", "a5"),
    "a score changed": ("update access_event_person set details = '{}' where event_id = %(a5)s", "a5"),
    "another salt": ("update access_event_person set salt = sha256(salt) where event_id = %(a5)s", "a5"),
    "a person deleted": ("delete from access_event_person where event_id = %(a5)s", "a5"),
    "a person added": (
        "insert into access_event_person select event_id, 2, member_id, holder_id, details, salt"
        " from access_event_person where event_id = %(a5)s",
        "a5",
    ),
    "a person of no event": (
        "insert into access_event_person select %(member)s, place, member_id, holder_id, details, salt"
        " from access_event_person where event_id = %(a5)s",
        "member",
    ),
    "a person emptied, in nobody's name": (
        "update access_event_person set member_id = null, holder_id = null, details = null, salt = null,"
        " unlinked_by = %(member)s, unlinked_after = ''::bytea where event_id = %(a5)s",
        "a5",
    ),
    "a person emptied, in the name of an erasure of others": (
        "update access_event_person p set member_id = null, holder_id = null, details = null, salt = null,"
        " unlinked_by = o.unlinked_by, unlinked_after = o.unlinked_after"
        " from access_event_person o where p.event_id = %(a5)s and o.event_id = %(a3)s",
        "a3",  # with two behind the same one, neither fits
    ),
    "more cut off than retention says": (
        "with gone as (delete from chain.links where record_id = %(a2)s), p as (delete from access_event_person"
        " where event_id = %(a2)s) delete from access_event where id = %(a2)s",
        "link 3",
    ),
    "retention made to say more": (
        "update access_event set details = details || '{\"number\": 3}' where id = %(cut)s",
        "cut",
    ),
    "retention forgotten": ("delete from access_event where id = %(cut)s", "link 2"),
}


@pytest.mark.parametrize("tampering", ALTERED)
def test_tampering_is_found_and_its_row_named(log: Night, superuser: psycopg.Connection, tampering: str) -> None:
    statement, where = ALTERED[tampering]
    places = log.places()
    assert superuser.execute(statement, places).rowcount > 0
    report = log.proved()
    assert any(str(places.get(where, where)) in finding.row for finding in report.findings), report


def test_a_log_cut_short_differs_from_the_head_that_was_kept(log: Night, superuser: psycopg.Connection) -> None:
    superuser.execute("delete from access_event where id = %s", [log.cut])
    for table in ("access_event", "access_event_person", "chain.links"):
        superuser.execute(f"delete from {table}")
    assert log.proved().ok, "a log that is empty is a log"
    report = log.proved(log.head)
    assert [str(finding) for finding in report.findings] == [f"chain: link {log.head[0]} is gone: the chain was cut"]


def test_a_log_rewritten_from_beginning_to_end_differs_from_the_head_that_was_kept(
    log: Night, superuser: psycopg.Connection
) -> None:
    superuser.execute("update access_event set actor = 'nobody' where kind = 'attempt'")
    superuser.execute(
        "with recursive forged (number, hash) as ("
        " select 2::bigint, decode(e.details ->> 'hash', 'hex') from access_event e where e.id = %(cut)s union all"
        " select l.number, sha256(f.hash || convert_to(access_log.sealed_text(l.record_id), 'UTF8'))"
        "   from forged f join chain.links l on l.number = f.number + 1)"
        " update chain.links l set hash = f.hash from forged f where f.number = l.number",
        {"cut": log.cut},
    )
    assert log.proved().ok
    (finding,) = log.proved(log.head).findings
    assert (finding.check, finding.row) == ("chain", f"event {log.cut}")


def test_the_command_names_what_is_wrong_and_fails(log: Night, superuser: psycopg.Connection) -> None:
    def run(*options: str) -> tuple[int, str]:
        environment = {"FACEPAY_DATABASE_URL": log.url, "COLUMNS": "200"}
        result = CliRunner().invoke(command_line, ["access", "verify", *options], env=environment)
        return result.exit_code, " ".join(result.output.split())

    head = f"{log.head[0]}:{log.head[1]}"
    code, output = run("--head", head)
    assert (code, f"head {head}" in output, "The log begins behind link 2" in output) == (0, True, True), output
    superuser.execute("update access_event set code = 'denied' where id = %s", [log.attempts[5]])
    code, output = run()
    assert (code, f"chain: event {log.attempts[5]} is not what was sealed" in output) == (1, True), output
