"""Proof of the books, on one snapshot, live or on a copy: no payment waits for it."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from facepay.kernel.database import Database
from facepay.wallet import proofs

# Called with what is being checked, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], None]


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


async def verify(
    database: Database,
    *,
    expected_head: tuple[int, str] | None = None,
    extra_checks: Sequence[tuple[str, Check]] = (),
    progress: Progress = lambda check, done, total: None,
) -> Report:
    """Recompute everything: sums, balances against entries, holds, refunds, and the chain.

    `expected_head` is the head of an earlier report, which the chain must still contain.
    """
    report = Report()
    async with database.engine.connect() as connection:
        await connection.execution_options(isolation_level="REPEATABLE READ")
        await connection.execute(text("set transaction read only"))
        await connection.execute(
            text(
                "select set_config(name, '0', true) from unnest(array['statement_timeout',"
                " 'idle_in_transaction_session_timeout']) name"
            )
        )
        for name, paged in proofs.CHECKS.items():
            await _walk(connection, report, name, paged, progress)
        await _chain(connection, report, expected_head, progress)
        for name, check in extra_checks:
            progress(name, 0, 0)
            rows, finding = await check(connection)
            progress(name, rows, rows)
            report.checked[name] = rows
            report.findings += [finding] if finding else []
    return report


async def _walk(
    connection: AsyncConnection, report: Report, name: str, paged: proofs.Paged, progress: Progress
) -> None:
    """Run a check page by page, until its first wrong row."""
    total = int(await connection.scalar(text(paged.total)) or 0)
    done, after = 0, paged.start
    while True:
        page = (await connection.execute(text(paged.page), {"after": after})).one()
        if page.problem is not None:
            report.findings.append(Finding(name, page.row, page.problem))
            break
        done += page.rows
        progress(name, done, max(total, done))
        if page.last is None:
            break
        after = page.last
    report.checked[name] = done


async def _chain(
    connection: AsyncConnection, report: Report, expected: tuple[int, str] | None, progress: Progress
) -> None:
    """Recompute every hash here, so that the proof doesn't rest on the database's own function for it."""
    total = int(await connection.scalar(text("select coalesce(max(number), 0) from ledger.links")) or 0)
    number, position, digest = 0, 0, bytes(32)
    while number < total:
        links = await connection.execute(text(proofs.LINKS), {"after": number})
        for link in links:
            row = f"transfer {link.transfer_id}"
            expected_digest = hashlib.sha256(digest + (link.sealed or "").encode()).digest()
            if link.number != number + 1 or link.position <= position:
                report.findings.append(Finding("chain", row, f"is link {link.number} where {number + 1} belongs"))
                return
            if link.sealed is None or expected_digest != bytes(link.hash):
                report.findings.append(Finding("chain", row, "is not what was sealed"))
                return
            number, position, digest = link.number, link.position, expected_digest
            if expected and expected[0] == number and expected[1] != digest.hex():
                report.findings.append(Finding("chain", row, "is not where the chain was when it was last verified"))
                return
        progress("chain", number, total)
    report.checked["links"] = number
    report.head = (number, digest.hex())
    if expected and expected[0] > number:
        report.findings.append(Finding("chain", f"link {expected[0]}", "is gone: the chain was cut"))
