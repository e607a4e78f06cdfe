"""How often an entry asks the database: each time somebody waits at the gate for it."""

from __future__ import annotations

import pytest
from fastapi import FastAPI

from tests.checkout.test_round_trips import recorded
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def test_coming_in_and_going_out_ask_the_database_no_more_often_than_they_must(shop: Shop, app: FastAPI) -> None:
    await shop.add_member(0)
    await shop.at_gate(0)
    await shop.at_gate(0, "exits")
    for way, code, most in (("entries", "welcome", 8), ("exits", "goodbye", 9)):
        with recorded() as sent:
            assert (await shop.at_gate(0, way)).json()["code"] == code
        assert len(sent) <= most, "\n".join(sent)
