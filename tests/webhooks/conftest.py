from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import delete

from facepay.kernel.database import Database
from facepay.webhooks.deliveries import WebhookDelivery
from facepay.webhooks.endpoints import WebhookEndpoint
from facepay.webhooks.events import WebhookEvent
from tests.webhooks.office import Office
from tests.webhooks.receiver import Receiver, receiving


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def office(database_url: str, receiver: Receiver) -> AsyncIterator[Office]:
    """Alone in a database that it leaves as it was found: the tests of a module may share that."""
    database = Database(database_url)
    yield Office(database, receiver)
    async with database.begin() as session:
        for table in (WebhookDelivery, WebhookEvent, WebhookEndpoint):
            await session.execute(delete(table))
    await database.close()
