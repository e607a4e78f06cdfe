"""What the driver sends itself is a statement of its session like any other, and fails as others do."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import BigInteger, bindparam, literal, select, text
from sqlalchemy.exc import DataError, InvalidRequestError, OperationalError, ProgrammingError

from facepay.kernel.database import Database, Prepared
from facepay.kernel.embedded import EmbeddedPostgres
from tests.test_database_restart import end_backends

pytestmark = pytest.mark.anyio
TWICE = Prepared(select(bindparam("number", type_=BigInteger()) * literal(2)))
PROCESS = Prepared(text("select pg_backend_pid()"))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, pool_size=3)
    yield database
    await database.close()


async def test_it_is_part_of_its_sessions_transaction(database: Database) -> None:
    put = Prepared(text("create temporary table kept (number int)"))
    async with database.begin() as session:
        assert await put.rows(session) == ()
        await session.execute(text("insert into kept values (1)"))
        assert await Prepared(text("select number from kept")).rows(session) == [(1,)]
        await session.rollback()
        with pytest.raises(InvalidRequestError):
            await TWICE.rows(session, number=1)
    async with database.read() as session:
        assert await Prepared(text("select to_regclass('kept')::text")).rows(session) == [(None,)]


async def test_a_connection_that_was_given_back_is_anothers(database: Database) -> None:
    async with database.read() as one, database.read() as other:
        [before] = await PROCESS.rows(one)
        await one.commit()
        assert await PROCESS.rows(other) == [before]
        assert await PROCESS.rows(one) != [before]


async def test_its_errors_are_those_of_the_others_and_quote_no_parameter(database: Database) -> None:
    async with database.read() as session:
        with pytest.raises(DataError) as error:
            await TWICE.rows(session, number=2**63 - 1)
        assert str(2**63 - 1) not in str(error.value)
        with pytest.raises(ProgrammingError):
            await TWICE.rows(session)
        assert await TWICE.rows(session, number=1) == [(2,)]


async def test_a_restart_of_postgres_costs_one_statement(
    database: Database, postgres: EmbeddedPostgres, database_name: str
) -> None:
    async with database.read() as one, database.read() as other, database.read() as third:
        for session in (one, other, third):
            await TWICE.rows(session, number=1)
    assert end_backends(postgres, database_name) == 3
    with pytest.raises(OperationalError):
        async with database.read() as session:
            await TWICE.rows(session, number=1)
    async with database.read() as one, database.read() as other, database.begin() as third:
        assert [await TWICE.rows(each, number=1) for each in (one, other, third)] == [[(2,)]] * 3
