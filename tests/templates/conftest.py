from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from facepay.kernel.database import Database
from facepay.kernel.embedded import EmbeddedPostgres
from tests.reopening import KeptShop


@pytest.fixture
async def database(postgres: EmbeddedPostgres, shop_put_back: KeptShop) -> AsyncIterator[Database]:
    """What processes share: a shop without members, which is put back sooner than a database is made."""
    database = Database(postgres.url(database=shop_put_back.name))
    yield database
    await database.close()
