from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from facepay.kernel.database import Database
from tests.webhooks.office import Office
from tests.webhooks.receiver import Receiver, receiving


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def office(database_url: str, receiver: Receiver) -> AsyncIterator[Office]:
    database = Database(database_url)
    yield Office(database, receiver)
    await database.close()
