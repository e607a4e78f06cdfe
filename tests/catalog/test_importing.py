from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from facepay.catalog.sheets import LINES_MAX
from tests.answers import verdict
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
HEADER = "sku,gtin,name,price,tax_rate_basis_points,category,store_code,stock"
GOOD = [
    "TEA-001,6901234567892,Jasmine tea,460,1300,Drinks,XIXI,20",
    'RICE-5,,"Rice, 5 kg",4990,900,,XIXI,0',
    "BAG,,Paper bag,0,0,,,",
]


async def send(shop: Shop, lines: list[str] | bytes, **query: Any) -> httpx.Response:
    data = lines if isinstance(lines, bytes) else "\n".join(lines).encode()
    headers = shop.staff | {"Content-Type": "text/csv; charset=utf-8"}
    return await shop.client.post("/v1/products/import", content=data, params=query, headers=headers)


async def products(shop: Shop) -> dict[str, dict[str, Any]]:
    return {each["sku"]: each for each in (await shop.do("GET", "/v1/products?limit=200"))["items"]}


async def stock(shop: Shop) -> dict[str, int]:
    items = (await shop.do("GET", f"/v1/stores/{shop.store_id}/stock"))["items"]
    return {item["sku"]: item["quantity"] for item in items}


def faults(response: httpx.Response) -> list[tuple[int, str, str]]:
    return [(each["line"], each["field"], each["code"]) for each in response.json()["bad"]]


async def test_known_skus_are_changed_and_new_ones_added(shop: Shop) -> None:
    before = await products(shop)
    report = (await send(shop, [HEADER, *GOOD])).json()
    assert (report["imported"], report["lines"], report["bad"]) == (True, 3, [])
    assert (report["created"], report["updated"], report["stock_set"]) == (2, 1, 2)
    after = await products(shop)
    tea = after["TEA-001"]
    assert (tea["id"], tea["price"], tea["gtin"]) == (before["TEA-001"]["id"], 460, "06901234567892")
    assert (after["RICE-5"]["name"], after["RICE-5"]["currency"]) == ("Rice, 5 kg", "CNY")
    assert after["UMB-003"] == before["UMB-003"]
    assert await stock(shop) == {"TEA-001": 20, "RICE-5": 0}
    again = (await send(shop, [HEADER, *GOOD])).json()
    assert (again["created"], again["updated"]) == (0, 3)


async def test_columns_that_are_not_there_keep_their_values(shop: Shop) -> None:
    await send(shop, [HEADER, *GOOD])
    await send(shop, ["name,price,sku,tax_rate_basis_points", "Green tea,1,TEA-001,600"])
    tea = (await products(shop))["TEA-001"]
    assert (tea["name"], tea["price"], tea["gtin"], tea["category"]) == ("Green tea", 1, "06901234567892", "Drinks")
    await send(shop, [HEADER, "TEA-001,,Green tea,1,600,,,"])
    tea = (await products(shop))["TEA-001"]
    assert (tea["gtin"], tea["category"]) == (None, None)
    assert (await stock(shop))["TEA-001"] == 20


async def test_every_fault_is_named_by_its_line_and_nothing_is_imported(shop: Shop) -> None:
    before = await products(shop)
    lines = [
        HEADER,
        *GOOD,
        "two words,,Name,1,0,,,",
        "S-1,6901234567893,Name,1,0,,,",
        "S-2,,,1,0,,,",
        "S-3,,Name,4.50,0,,,",
        "S-4,,Name,-1,10001,,,",
        "S-5,,Name,99999999999999,0,,,",
        "S-6,,Name,1,0,,NOWHERE,1",
        "S-7,,Name,1,0,,,1",
        "S-8,,Name,1,0,,XIXI,1.5",
        "S-9,,Name,1,0",
        "S-10,,a\0b,1,0,,,",
        "TEA-001,,Other tea,1,0,,,",
        'RICE-5,,"Rice, 5 kg",4990,900,,XIXI,0',
        "S-11,6901234567892,Name,1,0,,,",
    ]
    response = await send(shop, lines)
    assert verdict(response) == (422, "bad_lines")
    assert faults(response) == [
        (5, "sku", "string_pattern_mismatch"),
        (6, "gtin", "gtin_check_digit"),
        (7, "name", "missing"),
        (8, "price", "whole_number"),
        (9, "price", "greater_than_equal"),
        (9, "tax_rate_basis_points", "less_than_equal"),
        (10, "price", "less_than_equal"),
        (11, "store_code", "store_not_found"),
        (12, "store_code", "missing"),
        (13, "stock", "whole_number"),
        (14, None, "cell_count"),
        (15, "name", "value_error"),
        (16, "sku", "sku_conflict"),
        (17, "sku", "sku_repeated"),
        (18, "gtin", "gtin_taken"),
    ]
    assert response.json()["bad_lines"] == 14
    assert "NOWHERE" not in response.text
    assert "S-1" not in response.text
    assert await products(shop) == before
    assert await stock(shop) == {}


async def test_the_good_lines_alone_are_imported_where_that_is_asked_for(shop: Shop) -> None:
    response = await send(shop, [HEADER, "two words,,Name,1,0,,,", *GOOD], skip_bad=True)
    report = response.json()
    assert response.status_code == 200
    assert (report["imported"], report["lines"], report["bad_lines"], report["created"]) == (True, 4, 1, 2)
    assert faults(response) == [(2, "sku", "string_pattern_mismatch")]
    assert "RICE-5" in await products(shop)


async def test_a_dry_run_reports_and_writes_nothing(shop: Shop) -> None:
    before = await products(shop)
    report = (await send(shop, [HEADER, "two words,,Name,1,0,,,", *GOOD], dry_run=True)).json()
    assert (report["imported"], report["created"], report["updated"], report["stock_set"]) == (False, 2, 1, 2)
    assert report["bad_lines"] == 1
    assert await products(shop) == before
    assert await stock(shop) == {}


async def test_one_sku_has_a_line_for_each_store(shop: Shop) -> None:
    other = (await shop.do("POST", "/v1/stores", json={"name": "Quai", "code": "QUAI"}))["id"]
    lines = [HEADER, "BAG,,Paper bag,10,0,,XIXI,5", "BAG,,Paper bag,10,0,,QUAI,7"]
    report = (await send(shop, lines)).json()
    assert (report["created"], report["stock_set"]) == (1, 2)
    assert await stock(shop) == {"BAG": 5}
    assert (await shop.do("GET", f"/v1/stores/{other}/stock"))["items"][0]["quantity"] == 7


async def test_files_from_spreadsheets_are_read_as_they_come(shop: Shop) -> None:
    text = f'\ufeff{HEADER}\r\n\r\nBAG,,"Paper\r\nbag, ""strong""",10,0,,,\r\n , ,,,,,,\r\n"two words",,x,1,0,,,\r\n'
    response = await send(shop, text.encode(), skip_bad=True)
    assert faults(response) == [(6, "sku", "string_pattern_mismatch")]
    assert (await products(shop))["BAG"]["name"] == 'Paper bag, "strong"'
    part = {"file": ("products.csv", "\n".join([HEADER, *GOOD]).encode(), "application/vnd.ms-excel")}
    response = await shop.client.post("/v1/products/import", files=part, headers=shop.staff)
    assert response.json()["created"] == 1 + 1 - 1  # the bag is there already
    old_mac = "\r".join([HEADER, "CUP,,Cup,10,0,,,"]).encode()
    assert (await send(shop, old_mac)).json()["created"] == 1


async def test_a_cell_in_another_encoding_spoils_its_own_line(shop: Shop) -> None:
    data = "\n".join([HEADER, "CUP,,茶杯,10,0,,,"]).encode() + b"\n" + "POT,,茶壶,10,0,,,".encode("gbk")
    response = await send(shop, data, skip_bad=True)
    assert faults(response) == [(3, "name", "not_utf8")]
    assert (await products(shop))["CUP"]["name"] == "茶杯"


async def test_files_that_are_no_such_csv_are_refused_whole(shop: Shop) -> None:
    for data in (
        b"",
        b"\n\n",
        b"sku,name,price\nA,B,1",
        f"{HEADER},flavour\n".encode(),
        f"{HEADER},sku\n".encode(),
        b"sku,name,price,tax_rate_basis_points,stock\n",
        HEADER.replace(",", ";").encode(),
        "\n".join([HEADER, *GOOD]).encode("utf-16"),
        f'{HEADER}\nA,,"never closed,1,0,,,\n'.encode(),
        f'{HEADER}\nA,,"x"y,1,0,,,\n'.encode(),
        f"{HEADER}\nA,,{'x' * 200_000},1,0,,,\n".encode(),
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        HEADER.encode() + b"\n" + b"A,,B,1,0,,,\n" * (LINES_MAX + 1),
    ):
        response = await send(shop, data, skip_bad=True)
        assert verdict(response) == (422, "unreadable_csv"), data[:60]
    assert (await send(shop, [HEADER])).json()["imported"] is False
    json = await shop.client.post("/v1/products/import", json=[], headers=shop.staff)
    assert verdict(json) == (415, "unsupported_media_type")
    field = await shop.client.post("/v1/products/import", files={"other": b"x"}, headers=shop.staff)
    assert verdict(field) == (422, "unreadable_csv")
    assert verdict(await send(shop, bytes(11 * 1024 * 1024))) == (413, "body_too_large")


async def test_a_full_file_goes_in_at_once(shop: Shop) -> None:
    stocked = 2_500  # more than go into one statement
    lines = [f"S-{number},,P,1,1300,,{'XIXI,1' if number < stocked else ','}" for number in range(LINES_MAX)]
    report = (await send(shop, [HEADER, *lines])).json()
    assert (report["created"], report["stock_set"]) == (LINES_MAX, stocked)


async def test_imports_at_the_same_time_do_not_wait_in_a_circle(shop: Shop) -> None:
    lines = [f"S-{number},,Product,{number},1300,,XIXI,{number}" for number in range(300)]
    answers = await asyncio.gather(*(send(shop, [HEADER, *order]) for order in (lines, lines[::-1], lines)))
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len(await stock(shop)) == 50  # a page of them
