from __future__ import annotations

import pytest
from fastapi import FastAPI

from tests.checkout.counter import Counter
from tests.shop import Shop


@pytest.fixture
async def counter(app: FastAPI, shop: Shop) -> Counter:
    return Counter.of(app, shop)
