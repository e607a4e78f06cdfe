"""Hash chains over logs: linked behind the writers, and walked to prove them. The rules are in migrations/chain.sql."""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from facepay.kernel.database import Database
from facepay.kernel.proofs import Finding, Progress, Report

POSITIONS_MAX = 2000
LINKS_A_PAGE = 2000
# Number and hash of a chain's last link, as an earlier report had it.
Head = tuple[int, str]
MOVED = "is not where the chain was when it was last verified"
_SEAL = text("select chain.seal(:log, :most)")
_LAST_POSITION = text("select chain.last_position(:log)")
_STATE = text(
    "select coalesce(k.number, 0) as number, encode(k.hash, 'hex') as hash, l.sealed,"
    " coalesce(chain.last_position(l.name), 0) as last"
    " from chain.logs l left join lateral (select number, hash from chain.links where log = l.name"
    " order by number desc limit 1) k on true where l.name = :log"
)
_LAST_LINK = text("select max(number) from chain.links where log = :log")


@dataclass(frozen=True, slots=True)
class Link:
    """A place in a chain. Before the first link is number 0, with a hash of zeros."""

    number: int = 0
    position: int = 0
    digest: bytes = bytes(32)


@dataclass(frozen=True, slots=True)
class ChainState:
    """The last link, by its number and hash in hexadecimal, and how many positions wait to be linked."""

    number: int
    hash: str | None
    waiting: int


@dataclass(frozen=True, slots=True)
class Log:
    """A chained log: its name in chain.logs, what its records are called, and the SQL function that words one of them
    for the chain.
    """

    name: str
    record: str
    sealed_text: str

    async def seal(self, database: Database, *, positions_max: int = POSITIONS_MAX) -> int:
        """Link the next records that can't change any more; answers the position that the chain reaches."""
        async with database.begin() as session:
            return int(await session.scalar(_SEAL, {"log": self.name, "most": positions_max}) or 0)

    async def seal_all(self, database: Database, *, patience_seconds: float = 2.0) -> int:
        """Link all that has been written until now; answers the position that the chain reaches.

        A transaction that is still under way, anywhere on the server, holds the chain up. Without progress for
        `patience_seconds` the rest is left for the next time.
        """
        async with database.begin() as session:
            goal = int(await session.scalar(_LAST_POSITION, {"log": self.name}) or 0)
        reached, waiting_since = -1, time.monotonic()
        while reached < goal and time.monotonic() - waiting_since < patience_seconds:
            now = await self.seal(database)
            if now > reached:
                reached, waiting_since = now, time.monotonic()
            else:
                await asyncio.sleep(0.005)
        return reached

    async def state(self, session: AsyncSession) -> ChainState:
        row = (await session.execute(_STATE, {"log": self.name})).one()
        return ChainState(row.number, row.hash, max(0, row.last - row.sealed))

    async def walk(
        self,
        connection: AsyncConnection,
        report: Report,
        *,
        progress: Progress,
        expected_head: Head | None = None,
        since: Link = Link(),
    ) -> None:
        """Recompute every hash after `since`, until the first wrong link; the chain must still hold `expected_head`.

        It is done here, so that the proof doesn't rest on the database's own function for it.
        """
        if _differs(since, expected_head):
            report.findings.append(Finding("chain", f"link {since.number}", MOVED))
            return
        if expected_head and expected_head[0] < since.number:
            report.notes.append(f"The head that was given is link {expected_head[0]}, which was cut off since.")
        total = int(await connection.scalar(_LAST_LINK, {"log": self.name}) or 0)
        at = since
        while rows := (await connection.execute(self._page(), {"log": self.name, "after": at.number})).all():
            for row in rows:
                link = Link(row.number, row.position, hashlib.sha256(at.digest + (row.sealed or "").encode()).digest())
                if problem := _problem(row, link, after=at, expected_head=expected_head):
                    report.findings.append(Finding("chain", f"{self.record} {row.record_id}", problem))
                    return
                at = link
            progress("chain", at.number, total)
        report.checked["links"] = at.number - since.number
        report.head = (at.number, at.digest.hex())
        if expected_head and expected_head[0] > at.number:
            report.findings.append(Finding("chain", f"link {expected_head[0]}", "is gone: the chain was cut"))

    def _page(self) -> TextClause:
        return text(
            f"select l.number, l.position, l.record_id, l.hash, {self.sealed_text}(l.record_id) as sealed"  # noqa: S608
            f" from chain.links l where l.log = :log and l.number > :after order by l.number limit {LINKS_A_PAGE}"
        )


def _problem(row: Row[Any], link: Link, *, after: Link, expected_head: Head | None) -> str | None:
    """What is wrong with the row of a link, given what it should be."""
    if link.number != after.number + 1 or link.position <= after.position:
        return f"is link {link.number} where {after.number + 1} belongs"
    if row.sealed is None:
        return "was sealed, and is gone"
    if link.digest != bytes(row.hash):
        return "is not what was sealed"
    return MOVED if _differs(link, expected_head) else None


def _differs(link: Link, expected_head: Head | None) -> bool:
    return expected_head is not None and expected_head[0] == link.number and expected_head[1] != link.digest.hex()
