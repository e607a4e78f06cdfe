"""The books: verify, reconcile."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from facepay.cli.proving import HeadOption, prove
from facepay.cli.running import console, on_database
from facepay.settings import Settings

ledger_app = typer.Typer(no_args_is_help=True, help="The books.")


@ledger_app.command("verify")
def verify_command(head: HeadOption = None) -> None:
    """Prove the books: sums, holds, refunds, the chain, orders, debts, payments on the web. Exits 1 where one is wrong.

    No payment waits for it. Keep the head that it prints somewhere else: only that shows a chain that was cut short.
    """
    from facepay.online.audit import CHECKS
    from facepay.wallet.verify import verify

    prove(
        head,
        lambda database, expected, progress: verify(
            database, expected_head=expected, extra_checks=CHECKS, progress=progress
        ),
    )


@ledger_app.command("reconcile")
def reconcile_command(
    day: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The day that the provider settled, in UTC.")],
    file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Its settlement file; asked for where not given.")
    ] = None,
) -> None:
    """Compare the provider's settlement with the books, and move what agrees to the bank. Exits 1 on differences."""
    from facepay.bootstrap import master_key, payment_provider
    from facepay.kernel.database import Database
    from facepay.wallet.providers.provider import ProviderUnavailable
    from facepay.wallet.reconciliation import Report, reconcile
    from facepay.wallet.settlement import MalformedSettlement

    async def compare(database: Database) -> Report:
        provider = payment_provider(Settings(), database, key=master_key(Settings()))
        settlement = file.read_bytes() if file else await provider.settlement(day.date())
        return await reconcile(database, day=day.date(), file=settlement)

    try:
        report = on_database(compare)
    except (MalformedSettlement, ProviderUnavailable) as error:
        console.print(f"[red]No settlement to compare with:[/] {error}")
        raise typer.Exit(2) from error
    table = Table("difference", "top-up", "provider", "here", "there", "detail", box=None, header_style="bold")
    for found in report.differences:
        cells = (found.kind, found.reference, found.provider_id, found.here, found.there, found.detail)
        table.add_row(*("" if cell is None else str(cell) for cell in cells))
    if report.differences:
        console.print(table)
    console.print(f"{day:%Y-%m-%d}: {len(report.matched)} lines agree, {len(report.differences)} differ.")
    raise typer.Exit(0 if report.ok else 1)
