"""All that is held of a member, as one JSON document, written piece by piece: years of visits fit no memory.

Each page is a statement of its own, so that somebody who reads slowly holds no connection. The face itself is not in
it: a template isn't what the member provided (GDPR art. 20(1); WP 242 rev.01, III), means nothing to a person, and in
a file it would be a key to their wallet that can't be changed. That it is held, since when, from which model and how
good it was, is in it (art. 15(1)).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import Table, select, tuple_

from facepay.kernel.database import Base, Database
from facepay.privacy.holdings import held_rows, holding_of, shown_columns
from facepay.rewards.lots import GIFT, POINTS, POINTS_OWED
from facepay.wallet.accounts import DEBT, WALLET, accounts_of
from facepay.wallet.statements import statement

FORMAT = "facepay-member-1"
PAGE = 500


async def exported(database: Database, *, member_id: UUID, now: datetime) -> AsyncIterator[bytes]:
    """The document, in pieces: every table's rows by its name, then the wallets with all their entries."""
    yield to_json({"format": FORMAT, "member_id": member_id, "exported_at": now})[:-1] + b',"tables":{'
    for number, table in enumerate(_exported_tables()):
        yield (b"," if number else b"") + to_json(table.name) + b":["
        async for piece in _listed(_rows(database, table, member_id)):
            yield piece
        yield b"]"
    yield b'},"accounts":['
    async with database.read() as session:
        accounts = await accounts_of(session, owner_id=member_id, kinds=(WALLET, GIFT, POINTS, POINTS_OWED, DEBT))
    for number, (account, balance) in enumerate(accounts.items()):
        head = {"kind": account.kind.name, "unit": account.unit, "posted": balance.posted, "held": balance.held}
        yield (b"," if number else b"") + to_json(head)[:-1] + b',"entries":['
        async for piece in _listed(_entries(database, account.id)):
            yield piece
        yield b"]}"
    yield b"]}"


def _exported_tables() -> list[Table]:
    held = ((table, holding_of(table.name)) for table in Base.metadata.sorted_tables)
    return [table for table, holding in held if holding.exported and (holding.by or holding.through)]


async def _rows(database: Database, table: Table, member_id: UUID) -> AsyncIterator[list[Any]]:
    """Pages of rows, in the order of their key."""
    key = list(table.primary_key)
    query = select(*key, *shown_columns(table)).where(held_rows(table, member_id)).order_by(*key).limit(PAGE)
    after: tuple[Any, ...] | None = None
    while True:
        page = query if after is None else query.where(tuple_(*key) > tuple_(*after))
        async with database.read() as session:
            rows = (await session.execute(page)).all()
        yield [
            dict(zip((column.name for column in shown_columns(table)), row[len(key) :], strict=True)) for row in rows
        ]
        if len(rows) < PAGE:
            return
        after = tuple(rows[-1][: len(key)])


async def _entries(database: Database, account_id: UUID) -> AsyncIterator[list[Any]]:
    before: int | None = None
    while True:
        async with database.read() as session:
            found = await statement(session, account_id, before=before, limit=PAGE)
        yield list(found.lines)
        before = found.next_before
        if before is None:
            return


async def _listed(pages: AsyncIterator[list[Any]]) -> AsyncIterator[bytes]:
    """The items of a JSON array, a page a piece."""
    begun = False
    async for page in pages:
        if page:
            yield (b"," if begun else b"") + b",".join(map(to_json, page))
            begun = True
