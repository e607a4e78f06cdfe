"""`facepay ledger verify`, as whoever looks after the books runs it."""

from __future__ import annotations

import asyncio
import re

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from facepay.cli import app as command_line
from facepay.kernel.database import Database
from facepay.wallet.upkeep import LEDGER
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def verify(database_url: str, *options: str) -> Result:
    def run() -> Result:
        environment = {"FACEPAY_DATABASE_URL": database_url, "COLUMNS": "200"}
        return CliRunner().invoke(command_line, ["ledger", "verify", *options], env=environment)

    return await asyncio.to_thread(run)


async def test_books_are_proved_down_to_the_head_of_an_earlier_proof(shop: Shop, database_url: str) -> None:
    await shop.add_member(0, balance=10_000)
    await shop.at_kiosk(0, {"TEA-001": 1})
    database = Database(database_url)
    await LEDGER.seal_all(database)
    proved = await verify(database_url)
    assert proved.exit_code == 0, proved.output
    for check in ("transfers", "entries", "holds", "refunds", "orders", "order refunds", "sales"):
        assert re.search(rf"^{check} +\d+ +in order", proved.output, re.MULTILINE), proved.output
    head = re.search(r"head (\d+:[0-9a-f]{64})", proved.output)
    assert head

    await shop.at_kiosk(0, {"TEA-001": 1})
    await LEDGER.seal_all(database)
    await database.close()
    assert (await verify(database_url, "--head", head[1])).exit_code == 0
    number, digest = head[1].split(":")
    other = await verify(database_url, "--head", f"{number}:{digest[::-1]}")
    assert (other.exit_code, "is not where the chain was" in other.output) == (1, True)
    cut = await verify(database_url, "--head", f"99:{digest}")
    assert (cut.exit_code, "the chain was cut" in cut.output) == (1, True)
    assert (await verify(database_url, "--head", "latest")).exit_code == 2


async def test_the_first_wrong_row_is_named_and_the_command_fails(shop: Shop, database_url: str) -> None:
    await shop.add_member(0, balance=10_000)
    order = (await shop.at_kiosk(0, {"TEA-001": 1})).json()["order"]
    database = Database(database_url)
    async with database.begin() as session:
        await session.execute(text("update shop_order set total = total + 100"))
    await database.close()
    wrong = await verify(database_url)
    assert wrong.exit_code == 1
    output = " ".join(wrong.output.split())
    assert f"orders: order {order['id']} was paid another amount than its total and tax" in output
    assert "head" not in wrong.output
