from __future__ import annotations

import pytest
from fastapi import FastAPI

from tests.shelves.office import Office
from tests.shop import Shop


@pytest.fixture
def office(shop: Shop, app: FastAPI) -> Office:
    return Office(shop, app.state.database, app.state.settings)
