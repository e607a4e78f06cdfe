from __future__ import annotations

import pytest

from tests.dining.dinner import Dinner
from tests.shop import Shop


@pytest.fixture
async def dinner(shop: Shop) -> Dinner:
    return await Dinner.at(shop)
