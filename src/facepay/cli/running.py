"""What the commands have in common: where they print, and the database they work on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console
from rich.table import Table

from facepay.settings import Settings

if TYPE_CHECKING:
    from facepay.evaluation.tables import Table as Words

T = TypeVar("T")
console = Console()


def on_database(work: Callable[..., Awaitable[T]]) -> T:
    """Run `work(database)` on the settings' database."""
    from facepay.bootstrap import with_database
    from facepay.kernel.database import Database

    async def run(url: str) -> T:
        database = Database(url, pool_size=4)
        try:
            return await work(database)
        finally:
            await database.close()

    with with_database(Settings()) as settings:
        assert settings.database_url
        return asyncio.run(run(settings.database_url))


def printed(words: Words) -> Table:
    """A report's table for the terminal."""
    table = Table(title=words.title, caption=words.note, title_justify="left", caption_justify="left", box=None)
    for number, column in enumerate(words.columns):
        table.add_column(column, justify="right" if number else "left")
    for row in words.rows:
        table.add_row(*row)
    return table
