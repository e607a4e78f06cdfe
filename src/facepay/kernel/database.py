"""The database: one engine, one declarative base, one unit of work for each request."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any, ClassVar
from uuid import UUID

import psycopg
from fastapi import Depends, Request
from pydantic_core import to_json
from sqlalchemy import (
    BigInteger,
    ClauseElement,
    ColumnElement,
    CursorResult,
    DateTime,
    MetaData,
    ScalarSelect,
    Select,
    Uuid,
    delete,
    func,
    inspect,
    literal_column,
    make_url,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import QueuePool
from sqlalchemy.sql.compiler import SQLCompiler

from facepay.kernel import telemetry
from facepay.kernel.errors import Problem
from facepay.kernel.ids import new_id

SERVER_OPTIONS = (
    "-c statement_timeout=15s -c lock_timeout=5s -c idle_in_transaction_session_timeout=30s -c timezone=UTC"
    # A host that vanishes keeps its locks, housekeeping's too, for half a minute, and not for the system's two hours.
    " -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=4"
)
DRIVER = "driver"


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    # Every int is a bigint: most of them are money.
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        int: BigInteger(),
        UUID: Uuid(),
    }


class Identified:
    """A row with a UUIDv7 of its own."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)


class Database:
    """A pool of connections under the app's role."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = make_url(url)
        self.engine = create_async_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=5,
            pool_use_lifo=True,  # whoever worked last has tables and statements at hand
            hide_parameters=True,  # an error's message would quote them, and some are personal
            connect_args={"options": SERVER_OPTIONS, "connect_timeout": 5},
        )
        self._session = async_sessionmaker(self.engine, expire_on_commit=False, autoflush=False)
        reading = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._reading_session = async_sessionmaker(reading, expire_on_commit=False, autoflush=False)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncSession]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        with telemetry.stage_aside("transaction"):
            async with self._session.begin() as session:
                yield session

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """For single statements, each a transaction of its own: one round trip each, where one that is begun takes
        three.
        """
        async with self._reading_session() as session:
            yield session

    @property
    def connections_in_use(self) -> int:
        pool = self.engine.pool
        assert isinstance(pool, QueuePool)
        return pool.checkedout()

    async def close(self) -> None:
        await self.engine.dispose()

    async def schema_version(self) -> str | None:
        """The Alembic revision the database stands at, or None where it was never migrated."""
        async with self.begin() as session:
            known = await session.scalar(text("select to_regclass('alembic_version')::text"))
            return await session.scalar(text("select version_num from alembic_version")) if known else None


class Prepared:
    """A statement that every request of a kind sends: composed and compiled once, then sent by the driver itself.

    In a transaction that takes a fifth to a third of the CPU that the ORM takes. Parameters are those of its
    `bindparam`s, by name, as the driver takes them (`Jsonb(…)`); rows are tuples of columns, and no mapped objects.
    """

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement

    async def rows(self, session: AsyncSession, **parameters: Any) -> Sequence[tuple[Any, ...]]:
        """In the session's transaction. Raises SQLAlchemy's errors."""
        sql, literals = self._compiled
        driver = await _driver_of(session)
        try:
            cursor = await driver.execute(sql, {**literals, **parameters})
            return await cursor.fetchall() if cursor.description else ()
        except psycopg.Error as error:
            if driver.closed:  # SQLAlchemy raises that too, and opens all its connections anew
                await session.execute(text("select 1"))
            raise DBAPIError.instance(sql.decode(), None, error, psycopg.Error, hide_parameters=True) from error

    @cached_property
    def _compiled(self) -> tuple[bytes, Mapping[str, Any]]:
        compiled = self._statement.compile(dialect=PGDialect_psycopg())  # type: ignore[no-untyped-call]
        assert isinstance(compiled, SQLCompiler)
        return str(compiled).encode(), {name: each.value for name, each in compiled.binds.items() if not each.required}


async def _driver_of(session: AsyncSession) -> psycopg.AsyncConnection[tuple[Any, ...]]:
    """The connection that the session has until its transaction ends, as the driver knows it."""
    known: Any = session.info.get(DRIVER)
    if known is None or known[0] is not session.sync_session.get_transaction():
        pooled = await (await session.connection()).get_raw_connection()
        known = session.info[DRIVER] = session.sync_session.get_transaction(), pooled.driver_connection
    driver: psycopg.AsyncConnection[tuple[Any, ...]] = known[1]
    return driver


def rows_of(query: Select[*tuple[Any, ...]]) -> ScalarSelect[Any]:
    """A query's rows as one value, a JSON list of lists, so that one statement brings those of several."""
    row = func.json_build_array(*query.subquery().c)
    return select(func.coalesce(func.json_agg(row), literal_column("'[]'::json"))).scalar_subquery()


def insertion(table: str, columns: Sequence[str], rows: str) -> str:
    """Into the table, from the JSON list of rows that is the parameter of this name. All have the same columns."""
    names = ", ".join(columns)
    recordset = f"json_populate_recordset(null::{table}, cast(:{rows} as json))"
    return f"insert into {table} ({names}) select {names} from {recordset}"  # noqa: S608 - our own names


async def insert_rows(session: AsyncSession, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """In one statement, however many: several times as fast as one for each. All have the same columns."""
    statement = insertion(table.__tablename__, list(rows[0]), "rows")
    await session.execute(text(statement), {"rows": to_json(rows).decode()})


async def drop_rows(database: Database, table: type[Base], where: ColumnElement[bool], *, portion: int = 5_000) -> int:
    """Delete what is old, so many rows at a time with a transaction each: a day's in one would meet its timeout, and
    then never go. Answers how many rows.
    """
    key = inspect(table).primary_key
    some = delete(table).where(tuple_(*key).in_(select(*key).where(where).limit(portion)))
    dropped = 0
    while True:
        async with database.begin() as session:
            gone = await session.execute(some, execution_options={"synchronize_session": False})
        assert isinstance(gone, CursorResult)
        dropped += gone.rowcount
        if gone.rowcount < portion:
            return dropped


async def saved(session: AsyncSession, taken: Problem, *, unique: str = "uq_") -> None:
    """Flush; raises `taken` where somebody else has what only one can have, by an index whose name holds `unique`."""
    try:
        await session.flush()
    except IntegrityError as error:
        if unique in str(error.orig):
            raise taken from error
        raise


async def get_database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


async def _request_session(
    database: Annotated[Database, Depends(get_database)],
) -> AsyncIterator[AsyncSession]:
    async with database.begin() as session:
        yield session


# The function scope commits before the answer is sent: a commit that fails must not have answered 200.
Session = Annotated[AsyncSession, Depends(_request_session, scope="function")]
Db = Annotated[Database, Depends(get_database)]
