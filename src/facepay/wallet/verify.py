"""Proof of the books, on one snapshot, live or on a copy: no payment waits for it."""

from __future__ import annotations

from collections.abc import Sequence

from facepay.kernel.chain import Head
from facepay.kernel.database import Database
from facepay.kernel.proofs import Check, Progress, Report, snapshot, turn_pages
from facepay.wallet.proofs import CHECKS
from facepay.wallet.upkeep import LEDGER


async def verify(
    database: Database,
    *,
    expected_head: Head | None = None,
    extra_checks: Sequence[tuple[str, Check]] = (),
    progress: Progress = lambda check, done, total: None,
) -> Report:
    """Recompute everything: sums, balances against entries, holds, refunds, and the chain.

    `expected_head` is the head of an earlier report, which the chain must still contain.
    """
    report = Report()
    async with snapshot(database) as connection:
        for name, paged in CHECKS.items():
            await turn_pages(connection, report, name, paged, progress)
        await LEDGER.walk(connection, report, expected_head=expected_head, progress=progress)
        for name, check in extra_checks:
            progress(name, 0, 0)
            rows, finding = await check(connection)
            progress(name, rows, rows)
            report.checked[name] = rows
            report.findings += [finding] if finding else []
    return report
