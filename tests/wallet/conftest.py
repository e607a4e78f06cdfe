from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from facepay.kernel.database import Database
from facepay.kernel.embedded import SUPERUSER, EmbeddedPostgres
from tests.wallet.books import Books


@pytest.fixture
async def books(database_url: str) -> AsyncIterator[Books]:
    """Empty books, under the app's role."""
    database = Database(database_url, pool_size=64)
    yield Books(database)
    await database.close()


@pytest.fixture
def superuser_url(postgres: EmbeddedPostgres, database_name: str) -> str:
    """The same database under the role that nothing stops, as psycopg takes it."""
    return postgres.url(role=SUPERUSER, database=database_name).replace("+psycopg", "")
