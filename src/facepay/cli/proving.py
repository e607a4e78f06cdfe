"""What `ledger verify` and `access verify` have in common: a bar for each check, the findings, and the chain's head."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from facepay.cli.running import console, on_database

if TYPE_CHECKING:
    from facepay.kernel.chain import Head
    from facepay.kernel.database import Database
    from facepay.kernel.proofs import Progress, Report


def parsed_head(text: str) -> tuple[int, str]:
    number, _, digest = text.partition(":")
    if not re.fullmatch(r"\d{1,18}:[0-9a-f]{64}", text):
        raise typer.BadParameter(f"{text!r} is not NUMBER:HASH, as verify prints it")
    return int(number), digest


HeadOption = Annotated[
    str | None, typer.Option(metavar="NUMBER:HASH", help="An earlier run's head, which the chain must still hold.")
]


def prove(head: str | None, verify: Callable[[Database, Head | None, Progress], Awaitable[Report]]) -> None:
    """Run a proof and print it; exits 1 where something is wrong."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    expected = parsed_head(head) if head else None
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        tasks = {}

        def progress(check: str, done: int, total: int) -> None:
            if check not in tasks:
                tasks[check] = bars.add_task(check)
            bars.update(tasks[check], completed=done, total=total or None)

        report = on_database(lambda database: verify(database, expected, progress))
    _print(report)
    raise typer.Exit(0 if report.ok else 1)


def _print(report: Report) -> None:
    table = Table("check", box=None, pad_edge=False, header_style="bold")
    table.add_column("rows", justify="right")
    table.add_column("")
    wrong = {"links" if finding.check == "chain" else finding.check for finding in report.findings}
    for check, rows in report.checked.items():
        table.add_row(check, f"{rows:,}", "[red]wrong[/]" if check in wrong else "[green]in order[/]")
    console.print(table)
    for note in report.notes:
        console.print(note, highlight=False)
    for finding in report.findings:
        console.print(f"[red]{finding}[/]", highlight=False)
    number, digest = report.head
    if report.ok and number:
        console.print(f"head {number}:{digest}", highlight=False, soft_wrap=True)
