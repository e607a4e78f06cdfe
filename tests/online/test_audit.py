"""What shops on the web were told is what was paid, or `facepay ledger verify` says so."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import text

from facepay.kernel.database import Database
from facepay.online.audit import CHECKS
from facepay.wallet.verify import verify
from tests.online.web import PIN, WebShop, assert_books_verify, came_to
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


# What is done to the payment, what is said of it then, and how it's undone.
TAMPERING = (
    (
        "payment_intent set amount = amount + 1",
        "was paid by an order for something else",
        "payment_intent set amount = amount - 1",
    ),
    (
        "payment_intent set device_id = :gate",
        "was paid by an order for something else",
        "payment_intent set device_id = :web",
    ),
    ("payment_intent set member_id = :other", "was paid by another member", "payment_intent set member_id = :payer"),
    (
        "shop_order set payment_intent_id = null",
        "was paid by an order that says otherwise",
        "shop_order set payment_intent_id = (select id from payment_intent)",
    ),
    (
        "payment_intent set status = 'canceled', order_id = null, cancellation_reason = 'expired'",
        "was paid in a shop on the web that had not asked for it",
        "",
    ),
)


async def test_a_payment_that_was_tampered_with_is_found(shop: Shop, database: Database) -> None:
    web = await WebShop.open(shop)
    other = await shop.add_member_without_face(name="Lu")
    web.member_id = await shop.add_member_without_face(balance=50_000, pin=PIN)
    assert came_to(await (await web.ask()).type(PIN)) == ("succeeded", None)
    ids = {"gate": shop.gate_id, "web": web.id, "other": other, "payer": web.member_id}
    for tampering, problem, undoing in TAMPERING:
        await assert_books_verify(database)
        await update(database, tampering, ids)
        (finding,) = (await verify(database, extra_checks=CHECKS)).findings
        assert finding.problem == problem
        if undoing:
            await update(database, undoing, ids)


async def update(database: Database, what: str, ids: dict[str, str]) -> None:
    typed = re.sub(r":(\w+)", r"cast(:\1 as uuid)", what)
    async with database.begin() as session:
        await session.execute(text(f"update {typed}"), ids)
