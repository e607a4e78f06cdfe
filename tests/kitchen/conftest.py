from __future__ import annotations

import pytest
from fastapi import FastAPI

from tests.kitchen.cook import Kitchen
from tests.shop import Shop


@pytest.fixture
async def kitchen(app: FastAPI, shop: Shop) -> Kitchen:
    return await Kitchen.open(app, shop)
