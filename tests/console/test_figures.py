"""The pages of figures: pictures with tables beside them, and files for a spreadsheet."""

from __future__ import annotations

import csv
from datetime import timedelta
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepay.console.plotting import TICKS, along, decade, upright
from tests.conftest import Clock
from tests.console.desk import signed_in
from tests.nightwatch.watch import enter_by_pass
from tests.shop import PASSWORD, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def sold(shop: Shop) -> None:
    member = await shop.add_member_without_face(balance=20_000)
    await enter_by_pass(shop, member)
    for _ in range(2):
        bought = await shop.pass_at_kiosk((await shop.issue_pass(member))["pass"], {"TEA-001": 2, "UMB-003": 1})
        assert bought.json()["code"] == "paid"
    await signed_in(shop)


async def test_sales_are_shown_as_a_picture_a_table_and_a_file_with_every_day(shop: Shop) -> None:
    await sold(shop)
    path = f"/console/stores/{shop.store_id}/sales"
    page = (await shop.client.get(path)).text
    for shown in ("CN¥136.00", "CN¥68.00", '<svg class="plot"', "<title", 'class="bar-of"', "tea-001", "2 orders"):
        assert shown in page, shown
    assert page.count('<th scope="row">') >= 7
    hours = (await shop.client.get(path, params={"last": 1})).text
    assert '<th scope="col">Hour</th>' in hours
    assert "평균 구매액" in (await shop.client.get(path, headers={"Accept-Language": "ko"})).text
    file = await shop.client.get(f"/console/stores/{shop.store_id}/sales/export")
    assert file.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(StringIO(file.text)))
    assert len(rows) == 7
    assert (rows[-1]["currency"], rows[-1]["orders"], rows[-1]["turnover"], rows[-1]["refunds"]) == (
        "CNY",
        "2",
        "136.00",
        "0.00",
    )
    overview = (await shop.client.get("/console/overview", params={"last": 28})).text
    for shown in ("Xixi Road", "CN¥136.00", "Turnover in CNY"):
        assert shown in overview, shown


async def test_the_chain_s_today_is_that_of_a_store(shop: Shop, clock: Clock) -> None:
    await shop.do("PATCH", f"/v1/stores/{shop.store_id}", json={"timezone": "Asia/Shanghai"})
    clock.ahead = timedelta(hours=(20 - clock().hour) % 24)  # it is tomorrow there
    await signed_in(shop)
    page = (await shop.client.get("/console/overview", params={"last": 1})).text
    assert f'name="to" value="{clock().date() + timedelta(days=1)}"' in page


async def test_recognition_is_shown_from_five_decisions_on(shop: Shop) -> None:
    await signed_in(shop)
    path = f"/console/stores/{shop.store_id}/recognition"
    for _ in range(4):
        await enter_by_pass(shop)
    assert "At gates" not in (await shop.client.get(path)).text
    await enter_by_pass(shop)
    page = (await shop.client.get(path)).text
    assert "At gates" in page
    assert "100.0%" in page
    assert "welcome" in page
    rows = list(csv.DictReader(StringIO((await shop.client.get(f"{path}/export")).text)))
    assert [row["accepted"] for row in rows if row["use"] == "gate"] == ["0"] * 6 + ["5"]


async def test_the_calibration_has_a_page(shop: Shop) -> None:
    await signed_in(shop)
    calibration = (await shop.client.get("/console/calibration")).text
    for shown in ("Shipped", "in use", "buffalo_sc", "10⁻⁹", "1,000,000", 'class="line line-5"'):
        assert shown in calibration, shown


async def test_days_that_are_no_span_are_said_to_be_none(shop: Shop) -> None:
    await signed_in(shop)
    for days in ({"from": "2026-02-01", "to": "2026-01-01"}, {"from": "soon", "to": "2026-01-01"}):
        page = await shop.client.get(f"/console/stores/{shop.store_id}/sales", params=days)
        assert page.status_code == 422


async def test_a_guard_sees_how_sure_devices_are_but_not_what_was_sold(shop: Shop) -> None:
    body = {"username": "guard", "password": PASSWORD, "display_name": "guard", "role": "guard"}
    await shop.do("POST", "/v1/staff", json=body)
    await signed_in(shop, "guard")
    recognition = await shop.client.get(f"/console/stores/{shop.store_id}/recognition")
    assert recognition.status_code == 200
    assert f"/console/stores/{shop.store_id}/sales" not in recognition.text
    assert (await shop.client.get(f"/console/stores/{shop.store_id}/sales")).status_code == 403


@given(st.integers(0, 10**15))
def test_an_axis_reaches_its_highest_bar_by_few_round_ticks(highest: int) -> None:
    top, ticks = upright(highest)
    assert top >= highest
    assert 2 <= len(ticks) <= TICKS + 1
    step = ticks[1][1]
    assert [value for _, value in ticks] == [number * step for number in range(len(ticks))]
    assert str(step).rstrip("0") in ("1", "2", "5")
    assert (ticks[0][0], ticks[-1]) == (0, (1, top))


def test_labels_never_crowd_an_axis() -> None:
    assert [place for place, _ in along("ab")] == [0.25, 0.75]
    assert len(along(range(744))) <= 8
    assert along([]) == []
    assert decade(-9) == "10⁻⁹"
