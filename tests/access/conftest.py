"""A store's doors for every test in here."""

from __future__ import annotations

import pytest
from fastapi import FastAPI

from tests.access.site import Site
from tests.conftest import Clock
from tests.shop import Shop


@pytest.fixture
def site(shop: Shop, app: FastAPI, clock: Clock) -> Site:
    return Site(shop, app, clock)
