"""A wallet's past, as its owner reads it."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest

from facepay.checkout.selling import Sold
from facepay.kernel.clock import utc_now
from facepay.kernel.embedded import SUPERUSER, EmbeddedPostgres
from facepay.kernel.money import in_major_units
from tests.answers import verdict
from tests.checkout.counter import Counter
from tests.conftest import Clock
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
# The last second of October and the first of November in Shanghai, eight hours ahead of UTC.
LAST, FIRST = datetime(2025, 10, 31, 15, 59, 59, tzinfo=UTC), datetime(2025, 10, 31, 16, 0, 0, tzinfo=UTC)


def rewrite_history(server: EmbeddedPostgres, database: str, *instants: datetime) -> None:
    """Date the wallet's entries, in their order: only the superuser can, and only with the triggers off."""
    address = server.url(role=SUPERUSER, database=database).replace("+psycopg", "")
    with psycopg.connect(address) as connection:
        connection.execute("set session_replication_role = replica")
        for position, instant in enumerate(instants, start=1):
            connection.execute(
                "update ledger.entries set created_at = %s where posted_after is not null and position = %s",
                (instant, position),
            )


async def month(shop: Shop, member_id: str, which: str) -> list[list[str]]:
    path = f"/v1/members/{member_id}/wallet/statements/{which}"
    response = await shop.client.get(path, headers=shop.staff | {"Accept": "text/csv"})
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert rows[0] == ["booked_at", "description", "reference", "amount", "balance", "currency"]
    return rows[1:]


async def test_a_month_ends_at_midnight_in_the_chains_time_zone(
    counter: Counter, postgres: EmbeddedPostgres, database_name: str
) -> None:
    shop, member_id = counter.shop, await counter.shop.add_member_without_face(balance=10_000)
    order = await counter.order((await counter.sold(member_id, {"UMB-003": 1})).order.id)
    back = {"Idempotency-Key": "back"}
    refund = await shop.do(
        "POST", f"/v1/orders/{order['id']}/refunds", json={"reason": "torn", "amount": 900}, headers=back
    )
    rewrite_history(postgres, database_name, LAST - timedelta(days=40), LAST, FIRST)
    assert await month(shop, member_id, "2025-10") == [
        ["2025-10-01T00:00:00+08:00", "Opening balance", "", "", "100.00", "CNY"],
        ["2025-10-31T23:59:59+08:00", "Purchase at Xixi Road", order["id"], "-59.00", "41.00", "CNY"],
        ["2025-11-01T00:00:00+08:00", "Closing balance", "", "", "41.00", "CNY"],
    ]
    assert await month(shop, member_id, "2025-11") == [
        ["2025-11-01T00:00:00+08:00", "Opening balance", "", "", "41.00", "CNY"],
        ["2025-11-01T00:00:00+08:00", "Refund from Xixi Road", refund["id"], "9.00", "50.00", "CNY"],
        ["2025-12-01T00:00:00+08:00", "Closing balance", "", "", "50.00", "CNY"],
    ]
    assert [row[4] for row in await month(shop, member_id, "2025-08")] == ["0.00", "0.00"]
    assert [row[4] for row in await month(shop, member_id, "2025-12")] == ["50.00", "50.00"]

    async def balance(at: datetime) -> int:
        seen = await shop.do("GET", f"/v1/members/{member_id}/wallet", params={"at": at.isoformat()})
        return int(seen["posted"])

    assert await balance(LAST - timedelta(seconds=1)) == 10_000
    assert await balance(LAST) == 4100
    assert await balance(FIRST) == await shop.balance(member_id) == 5000
    assert await balance(LAST - timedelta(days=41)) == 0


async def test_the_page_shows_the_name_as_text_and_runs_nothing_and_a_month_that_has_not_begun_has_none(
    shop: Shop, clock: Clock
) -> None:
    member_id = await shop.add_member(0, enrol=False, balance=123_450, phone="+8613800138001")
    await shop.do("PATCH", f"/v1/members/{member_id}", json={"display_name": "<script>Lin & Yue"})
    path = f"/v1/members/{member_id}/wallet/statements"
    this_month = f"{path}/{clock() + timedelta(hours=8):%Y-%m}"
    response = await shop.client.get(this_month, headers=shop.staff)
    page = response.text
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["content-security-policy"].startswith("default-src 'none'")
    assert "&lt;script&gt;Lin &amp; Yue" in page
    assert "<script" not in page
    assert "13800138001" not in page
    assert page.count("1,234.50") >= 3  # top-up, balance after it, closing balance
    assert "so far" in page
    as_csv = await shop.client.get(f"{this_month}?format=csv", headers=shop.staff)
    assert as_csv.headers["content-disposition"]

    refused = await shop.client.get(f"{path}/{clock().year + 1}-12", headers=shop.staff)
    assert verdict(refused) == (404, "statement_not_found")
    assert verdict(await shop.client.get(f"{path}/2025-13", headers=shop.staff)) == (422, "invalid_request")
    unknown = await shop.client.get(f"/v1/members/{uuid4()}/wallet/statements/2025-10", headers=shop.staff)
    assert verdict(unknown) == (404, "member_not_found")


def test_amounts_have_as_many_places_as_their_currency() -> None:
    assert [str(in_major_units(-1234, currency)) for currency in ("CNY", "JPY", "KWD")] == ["-12.34", "-1234", "-1.234"]


async def test_a_statement_shows_what_was_lent_paid_back_charged_later_and_undone(counter: Counter) -> None:
    shop, member = counter.shop, await counter.shop.add_member_without_face(balance=500)
    this_month = f"{utc_now().astimezone(ZoneInfo('Asia/Shanghai')):%Y-%m}"
    first = await counter.sold(member, {"TEA-001": 1})
    later = await counter.charge_more(first.order.id, {"TEA-001": 1})
    assert isinstance(later, Sold)
    await shop.top_up(member, 1000)
    await counter.sold(member, {"UMB-003": 1}, advance_max=None)
    await counter.returned(first.order.id, {"TEA-001": 1})
    await counter.cancelled(later.order.id)
    lines = (await month(shop, member, this_month))[1:-1]
    assert [(words, amount) for _, words, _, amount, _, _ in lines] == [
        ("Top-up", "5.00"),
        ("Purchase at Xixi Road", "-4.50"),
        ("Lent for a purchase", "4.00"),
        ("Charged later by Xixi Road", "-4.50"),
        ("Top-up", "10.00"),
        ("Debt paid", "-4.00"),
        ("Lent for a purchase", "53.00"),
        ("Purchase at Xixi Road", "-59.00"),
        ("Goods returned to Xixi Road", "4.50"),
        ("Debt paid", "-4.50"),
        ("Purchase cancelled by Xixi Road", "4.50"),
        ("Debt paid", "-4.50"),
    ]
    path = f"/v1/members/{member}/wallet/statements/{this_month}"
    page = (await shop.client.get(path, headers=shop.staff)).text
    assert "<dt>Owed to the shop</dt><dd>44.00</dd>" in page
