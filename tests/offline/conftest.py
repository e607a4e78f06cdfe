from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Clock
from tests.offline.field import Field
from tests.shop import Shop


@pytest.fixture
async def field(shop: Shop, clock: Clock, tmp_path: Path) -> Field:
    """A shop that trusts signed passes while it has no network."""
    field = Field(shop, clock, tmp_path)
    await field.allow()
    return field
