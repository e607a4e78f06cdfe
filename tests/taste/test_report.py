"""What people looked at in a store, beside what they took and bought."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from facepay.taste.counts import close_days
from facepay.taste.report import Attention
from facepay.taste.report_page import page_of
from tests.conftest import Clock, OpenShop
from tests.rewards.till import pass_by
from tests.shelves.shelf import Shelf, come_in
from tests.shop import Shop
from tests.taste.screen import AHEAD, Screen, standing

pytestmark = pytest.mark.anyio


async def report(shop: Shop, first: date, last: date, **query: Any) -> Any:
    params = {"first": str(first), "last": str(last)} | query
    return await shop.client.get(f"/v1/stores/{shop.store_id}/attention", params=params, headers=shop.staff)


async def take_one(shop: Shop) -> list[str]:
    """Off the shelf, by whoever is inside."""
    shelf = await Shelf.put_up(shop)
    found: list[str] = await shelf.tell(shelf.event("A1", -512.0))
    return found


async def test_a_report_says_how_many_looked_smiled_took_and_bought(open_shop: OpenShop, clock: Clock) -> None:
    shop = await open_shop(taste_group_min=2)
    app: Any = shop.client._transport.app  # type: ignore[attr-defined]
    await come_in(shop, 0)
    assert await take_one(shop) == ["take"]
    member = await shop.add_member(1, balance=10_000)
    screen = await Screen.put_up(shop, clock, view=[AHEAD, AHEAD | {"sku": "BAO-002", "pitch_degrees": 45}])
    begun = clock()
    await screen.see(standing(0, 5), frames=3)  # 5 smiles
    issued = await shop.issue_pass(member)
    assert (await shop.pass_at_kiosk(issued["pass"], {"TEA-001": 2, "BAO-002": 1})).json()["code"] == "paid"
    today = begun.date()
    assert (await report(shop, today, today)).json()["products"] == []
    await pass_by(shop, clock, days=1, hours=2)
    await close_days(app.state.database, group_min=2, now=clock())
    found = (await report(shop, today, today)).json()
    assert (found["group_min"], found["first"], len(found["products"])) == (2, str(today), 1)
    assert found["products"][0] == {
        "sku": "TEA-001",
        "name": "tea-001",
        "category": None,
        "since": str(today),
        "until": str(today),
        "looks": 2,
        "smiles": 1,
        "dwell_seconds": 6.0,
        "attention_seconds": 6.0,
        "takes": 1,
        "orders": 1,
        "conversion": 0.5,
    }
    tomorrow = today + timedelta(days=1)
    assert (await report(shop, tomorrow, tomorrow)).json()["products"] == []
    html = await report(shop, today, today, format="html")
    assert html.headers["content-type"].startswith("text/html")
    assert "Looks: 2, of 3.0 s each. Smiles: 1. Taken: 1. Orders: 1." in html.text


async def test_periods_have_bounds_and_reports_a_scope(shop: Shop) -> None:
    today = date(2026, 6, 1)
    for first, last in ((today, today - timedelta(days=1)), (today, today + timedelta(days=92))):
        assert (await report(shop, first, last)).json()["code"] == "period_out_of_bounds"
    assert (await report(shop, today, today + timedelta(days=91))).json()["products"] == []
    assert (await report(shop, date.min, date.min)).json()["products"] == []
    assert (await report(shop, date.max, date.max)).json()["products"] == []
    shop.staff = shop.kiosk
    assert (await report(shop, today, today)).status_code == 401


def test_the_page_draws_all_products_on_one_scale_and_escapes_names() -> None:
    day = date(2026, 6, 1)
    rows = [
        Attention("A", "<b>Tea</b>", None, day, day, 40, 10, 100_000, 80_000, 3, 20),
        Attention("B", "Bao", None, day, day, 10, 0, 9_000, 9_000, 0, 0),
    ]
    page = page_of("Shop & Co", rows, first=day, last=day, group_min=5)
    assert "&lt;b&gt;Tea" in page
    assert "Shop &amp; Co" in page
    assert [page.count(f"width:{width}%") for width in ("100.0", "25.0", "50.0", "0.0")] == [1, 2, 1, 2]
    assert "of 2.0 s each" in page
    assert "enough people" in page_of("Shop", [], first=day, last=day, group_min=5)
