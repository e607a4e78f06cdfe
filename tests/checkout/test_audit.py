"""Orders against payments: whatever a bug in the shop does to its own rows, the books tell."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from facepay.checkout.audit import CHECKS
from facepay.kernel.database import Database
from tests.checkout.counter import Counter
from tests.shop import PRICES, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
WRONGS = {
    "update shop_order set transfer_id = null where id = :order": "order {order} was never paid",
    "update shop_order set transfer_id = id where id = :order": "was paid by a transfer that does not exist",
    "update shop_order set transfer_id = :other_payment where id = :order": "was paid by a transfer for something else",
    "update shop_order set total = total + 1 where id = :order": "was paid another amount than its total and tax",
    "update shop_order set tax = tax - 1 where id = :order": "was paid another amount than its total and tax",
    "update shop_order set currency = 'EUR' where id = :order": "was paid to another store, or in another currency",
    "update shop_order set member_id = :other_member where id = :order": "was paid from another wallet",
    "update shop_order set refunded = refunded + 1 where id = :order": "was refunded another amount",
    "update shop_order set tax_refunded = 0 where id = :order": "was refunded another amount",
    "update refund set amount = amount - 1, tax = 0": "order {order} was refunded another amount",
    "update refund set tax = tax + 1": "refund {refund} was given back another amount than it says",
    "update refund set transfer_id = :other_payment": "was given back by a transfer for something else",
    "update refund set order_id = :other_order": "gives back another payment than its order's",
    "delete from refund; update shop_order set refunded = 0, tax_refunded = 0": "and there is no such refund",
    "update shop_order set cancelled_at = now() where id = :order": "was cancelled, and not all of it was given back",
    "update order_line set returned = 1 where order_id = :order": "had other goods returned than its refunds say",
    "update order_line set total = total - 1, tax = 0 where order_id = :order": "has lines that sum up to another",
    "update order_line set sold_by = 'weight', quantity = 150, weighings = jsonb_build_array(jsonb_build_object("
    "'net_grams', 149, 'amount', total)) where order_id = :order": "has another weight or price than its scale showed",
    "update shop_order set advance = advance - 1 where id = :owing": "order {owing} was advanced another amount",
    "update shop_order set advance_transfer_id = id where id = :owing": "order {owing} was advanced another amount",
    "update shop_order set advance = 0, advance_transfer_id = null where id = :owing": "owes another amount than",
    "update debt_write_off set amount = amount + 1": "owes another amount than was advanced",
    "delete from debt_write_off": "owes another amount than was advanced, less what was collected and written off",
    "update shop_order set supplements_id = :other_order, reason = '', charged_by = '' where id = :order": (
        "supplements no order of the same member and store"
    ),
    "update member set payer_id = :other_member where id = (select member_id from shop_order where id = :order)": (
        "is paid for by somebody else than their family's payer"
    ),
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


async def test_an_order_a_refund_or_a_payment_that_fits_no_other_is_named(
    counter: Counter, shop: Shop, database_url: str
) -> None:
    member_id, other_member = [await shop.add_member_without_face(balance=10_000) for _ in "ab"]
    order, other = [
        (await shop.pass_at_kiosk((await shop.issue_pass(member))["pass"], {sku: 1})).json()["order"]
        for member, sku in ((member_id, "UMB-003"), (other_member, "TEA-001"))
    ]
    refund = await shop.do(
        "POST",
        f"/v1/orders/{order['id']}/refunds",
        json={"reason": "torn", "amount": 1000},
        headers={"Idempotency-Key": "torn"},
    )
    assert await shop.balance(member_id) == 10_000 - PRICES["UMB-003"] + 1000
    owing = await counter.sold(member_id, {"UMB-003": 3}, advance_max=None)
    await shop.top_up(member_id, 500)
    body = {"reason": "moved abroad"}
    await shop.do("POST", f"/v1/members/{member_id}/debts/write-off", json=body, headers={"Idempotency-Key": "gone"})
    database = Database(database_url)
    assert await findings(database) == []
    values = {
        "order": order["id"],
        "other_order": other["id"],
        "other_payment": other["transfer_id"],
        "other_member": other_member,
        "owing": owing.order.id,
    }
    for statements, expected in WRONGS.items():
        found = await findings(database, statements, **values)
        sentence = expected.format(order=order["id"], refund=refund["id"], owing=owing.order.id)
        assert any(sentence in each for each in found), (statements, found)
    await database.close()
