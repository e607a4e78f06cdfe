from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy import delete

from facepay.kernel.database import Database
from facepay.presentation.replays import SeenFrame
from facepay.vision.engine import Engine
from tests.conftest import Clock
from tests.online.web import Person, WebShop, assert_books_verify
from tests.photos import people
from tests.shop import Shop


@pytest.fixture(scope="session")
def person(engine: Engine) -> Person:
    return Person(engine)


@pytest.fixture(scope="session")
def somebody_else(engine: Engine) -> Person:
    return Person(engine, people()[0])


@pytest.fixture
def database(app: FastAPI) -> Database:
    database: Database = app.state.database
    return database


@pytest.fixture
async def web(shop: Shop, database: Database, clock: Clock) -> AsyncIterator[WebShop]:
    """A shop on the web. Whatever a test did there, its books are in order then; its people and their frames go."""
    clock.ahead = timedelta()
    web = await WebShop.open(shop)
    yield web
    await assert_books_verify(database)
    for member_id in web.enrolled:
        await shop.client.delete(f"/v1/members/{member_id}/face", headers=shop.staff)
    async with database.begin() as session:
        await session.execute(delete(SeenFrame))
