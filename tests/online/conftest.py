from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI

from facepay.kernel.database import Database
from facepay.vision.engine import Engine
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
async def web(shop: Shop, database: Database) -> AsyncIterator[WebShop]:
    """A shop on the web. Whatever a test did there, its books are in order then."""
    yield await WebShop.open(shop)
    await assert_books_verify(database)
