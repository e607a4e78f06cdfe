"""What the commands have in common: where they print, and the database they work on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from rich.console import Console

from facepay.settings import Settings

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
