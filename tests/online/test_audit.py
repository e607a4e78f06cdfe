"""What shops on the web were told is what was paid, or `facepay ledger verify` says so."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from facepay.kernel.database import Database
from facepay.online.audit import CHECKS
from facepay.wallet.verify import verify
from tests.online.web import PIN, WebShop, assert_books_verify, came_to
from tests.shop import Shop

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("tampering", "problem"),
    [
        ("amount = amount + 1", "was paid by an order for something else"),
        ("device_id = (select id from device where role = 'gate')", "was paid by an order for something else"),
        ("member_id = (select id from member where display_name = 'Lu')", "was paid by another member"),
        (
            "status = 'canceled', order_id = null, cancellation_reason = 'expired'",
            "was paid in a shop on the web that had not asked for it",
        ),
    ],
)
async def test_a_payment_that_was_tampered_with_is_found(
    shop: Shop, database: Database, tampering: str, problem: str
) -> None:
    web = await WebShop.open(shop)
    await shop.add_member_without_face(name="Lu")
    web.member_id = await shop.add_member_without_face(balance=50_000, pin=PIN)
    assert came_to(await (await web.ask()).type(PIN)) == ("succeeded", None)
    await assert_books_verify(database)
    async with database.begin() as session:
        await session.execute(text(f"update payment_intent set {tampering}"))
    (finding,) = (await verify(database, extra_checks=CHECKS)).findings
    assert finding.problem == problem
