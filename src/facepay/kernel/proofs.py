"""Proofs of what was written down, on one snapshot, live or on a copy: no writer waits for them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from facepay.kernel.database import Database

# Called with what is being checked, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], None]
# Before every id.
FIRST = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class Finding:
    """The first row that a check found wrong, and what is wrong with it."""

    check: str
    row: str
    problem: str

    def __str__(self) -> str:
        return f"{self.check}: {self.row} {self.problem}"


@dataclass(slots=True)
class Report:
    """What was checked, and what was found. Keep `head` elsewhere: a chain that was cut short is a chain too."""

    checked: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    head: tuple[int, str] = (0, "")

    @property
    def ok(self) -> bool:
        return not self.findings

    def __str__(self) -> str:
        if self.findings:
            return "WRONG. " + "; ".join(map(str, self.findings))
        counts = ", ".join(f"{count:,} {what}" for what, count in self.checked.items())
        return f"in order ({counts})"


# A check of another room (orders against payments): answers how many rows it read, and the first wrong one.
Check = Callable[[AsyncConnection], Awaitable[tuple[int, Finding | None]]]


@dataclass(frozen=True, slots=True)
class Paged:
    """A check that SQL can make: each page answers its rows, where it ended, and the first wrong row.

    `page` takes `after` and gives rows, last (None at the end), row and problem (None where all is well).
    """

    total: str
    page: str
    start: int | str


@asynccontextmanager
async def snapshot(database: Database) -> AsyncIterator[AsyncConnection]:
    """A connection that reads what was committed until now, however long that takes."""
    async with database.engine.connect() as connection:
        await connection.execution_options(isolation_level="REPEATABLE READ")
        await connection.execute(text("set transaction read only"))
        await connection.execute(
            text(
                "select set_config(name, '0', true) from unnest(array['statement_timeout',"
                " 'idle_in_transaction_session_timeout']) name"
            )
        )
        yield connection


async def pages_of(connection: AsyncConnection, page: str, start: int | str) -> AsyncIterator[Row[Any]]:
    """The answers of a query that is given where its page starts (`after`) and says where it ended (`last`)."""
    after: int | str | None = start
    while after is not None:
        found = (await connection.execute(text(page), {"after": after})).one()
        yield found
        after = found.last


async def turn_pages(connection: AsyncConnection, report: Report, name: str, paged: Paged, progress: Progress) -> None:
    """Run a check page by page, until its first wrong row."""
    total = int(await connection.scalar(text(paged.total)) or 0)
    done = 0
    async for page in pages_of(connection, paged.page, paged.start):
        if page.problem is not None:
            report.findings.append(Finding(name, page.row, page.problem))
            break
        done += page.rows
        progress(name, done, max(total, done))
    report.checked[name] = done
