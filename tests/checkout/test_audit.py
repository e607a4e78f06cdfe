"""Orders against payments: whatever a bug in the shop does to its own rows, the books tell."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from facepay.checkout.audit import CHECKS
from facepay.kernel.database import Database
from tests.shop import PRICES, Shop

pytestmark = pytest.mark.anyio
WRONGS = {
    "update shop_order set transfer_id = null where id = :order": "order {order} was never paid",
    "update shop_order set transfer_id = id where id = :order": "was paid by a transfer that does not exist",
    "update shop_order set transfer_id = :other_payment where id = :order": "was paid by a transfer for something else",
    "update shop_order set total = total + 1 where id = :order": "was paid another amount than its total and tax",
    "update shop_order set tax = tax - 1 where id = :order": "was paid another amount than its total and tax",
    "update shop_order set currency = 'EUR' where id = :order": "was paid to another store, or in another currency",
    "update shop_order set member_id = :other_member where id = :order": "was paid from another wallet",
    "update shop_order set refunded = refunded + 1 where id = :order": "was refunded another amount",
    "update refund set amount = amount - 1, tax = 0": "order {order} was refunded another amount",
    "update refund set tax = tax + 1": "refund {refund} was given back another amount than it says",
    "update refund set transfer_id = :other_payment": "was given back by a transfer for something else",
    "update refund set order_id = :other_order": "gives back another payment than its order's",
    "delete from refund; update shop_order set refunded = 0, tax_refunded = 0": "gives back, and there is no such refund",
    "update checkout set decision = 'declined', order_id = null; delete from refund; delete from order_line;"
    " delete from shop_order": "pays a store, and is no order's payment",
}


async def findings(database: Database, statements: str = "", **values: object) -> list[str]:
    """What the checks say after these statements, which are then taken back."""
    async with database.engine.connect() as connection:
        for statement in filter(None, statements.split(";")):
            named = {name: value for name, value in values.items() if f":{name}" in statement}
            await connection.execute(text(statement), named)
        found = [(await check(connection))[1] for _, check in CHECKS]
        await connection.rollback()
    return [str(finding) for finding in found if finding]


async def test_an_order_a_refund_or_a_payment_that_fits_no_other_is_named(shop: Shop, database_url: str) -> None:
    member_id = await shop.add_member(0, balance=10_000)
    other_member = await shop.add_member(1, balance=10_000)
    order = (await shop.at_kiosk(0, {"UMB-003": 1})).json()["order"]
    other = (await shop.at_kiosk(1, {"TEA-001": 1})).json()["order"]
    refund = await shop.do(
        "POST",
        f"/v1/orders/{order['id']}/refunds",
        json={"reason": "torn", "amount": 1000},
        headers={"Idempotency-Key": "torn"},
    )
    assert await shop.balance(member_id) == 10_000 - PRICES["UMB-003"] + 1000
    database = Database(database_url)
    assert await findings(database) == []
    values = {
        "order": order["id"],
        "other_order": other["id"],
        "other_payment": other["transfer_id"],
        "other_member": other_member,
    }
    for statements, expected in WRONGS.items():
        found = await findings(database, statements, **values)
        sentence = expected.format(order=order["id"], refund=refund["id"])
        assert any(sentence in each for each in found), (statements, found)
    await database.close()
