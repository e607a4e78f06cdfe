"""What is suggested to members: how well it fits them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from facepay.cli.running import console, on_database, printed
from facepay.settings import Settings

if TYPE_CHECKING:
    from facepay.evaluation.suggestions import Findings

recommender_app = typer.Typer(no_args_is_help=True, help="What is suggested to members.")


@recommender_app.command("evaluate")
def evaluate_command(
    days: Annotated[int, typer.Option(min=1, max=60, help="Of which the orders are tried.")] = 7,
    members: Annotated[int, typer.Option(min=10, help="So many members at most.")] = 500,
) -> None:
    """Learn from the orders before the last days, try it on those since, and compare it with mere popularity.

    Nothing that the shop has learnt changes, and nobody is named. Learning by itself waits meanwhile.
    """
    from rich.progress import Progress

    from facepay.evaluation.suggestions import VARIANTS, evaluate_suggestions, words_of
    from facepay.housekeeping import LEARNING_LOCK, alone_with
    from facepay.kernel.clock import utc_now
    from facepay.kernel.database import Database

    now = utc_now()

    async def evaluate(database: Database) -> dict[str, Findings] | None:
        with Progress(console=console) as progress:
            task = progress.add_task("suggesting", total=members * len(VARIANTS))
            async with alone_with(database, LEARNING_LOCK) as alone:
                if not alone:
                    return None
                return await evaluate_suggestions(
                    database,
                    settings=Settings(),
                    since=now - timedelta(days=days),
                    now=now,
                    members_max=members,
                    progress=lambda: progress.advance(task),
                )

    findings = on_database(evaluate)
    if findings is None:
        console.print("[red]A server is learning just now: try again in a minute.[/]")
        raise typer.Exit(1)
    console.print(printed(words_of(findings)))
