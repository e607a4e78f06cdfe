"""People in a small store: what they were answered is what the server wrote down, however many answers got lost."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from fastapi import FastAPI
from rich.console import Console

from facepay.online.audit import CHECKS
from facepay.simulate.books import proved
from facepay.simulate.crowd import Plan
from facepay.simulate.opening import opened
from facepay.simulate.play import Server, play
from facepay.wallet.upkeep import LEDGER
from facepay.wallet.verify import verify
from tests.server import on_a_socket
from tests.shop import PASSWORD, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened(ten_minute_payments_max=1000)]
PLAN = Plan(
    gates=2,
    kiosks=2,
    shoppers=4,
    seconds=1.5,
    arrivals_per_minute=200,
    lost_answers=0.5,
    seed=1,
    dwell_seconds=0.05,
)


async def test_every_payment_is_one_order_though_answers_get_lost(shop: Shop, app: FastAPI, tmp_path: Path) -> None:
    console, written = Console(file=StringIO(), width=120), tmp_path / "report.json"
    async with on_a_socket(app) as address:
        status = await asyncio.to_thread(play, console, PLAN, Server(address, "owner", PASSWORD), written)
    assert isinstance(console.file, StringIO)
    assert status == 0, console.file.getvalue()
    report = json.loads(written.read_text())
    assert report["books"]["faults"] == []
    assert report["books"]["paid"] == report["books"]["orders"] > 0
    assert sum(codes.get("answer_lost", 0) for codes in report["errors"].values()) > 0
    assert {"unknown_face"} == report["refused"]["entries"].keys()
    assert {"insufficient_funds"} == report["refused"]["checkouts"].keys()
    assert report["record"]["strangers_let_in"] == 0
    assert set(report["operations"]) == {"entries", "checkouts", "exits"}
    await LEDGER.seal_all(app.state.database)
    books = await verify(app.state.database, extra_checks=CHECKS)
    assert books.ok, str(books)


async def test_books_that_differ_from_what_people_were_told_are_found(shop: Shop, app: FastAPI) -> None:
    alone = replace(PLAN, shoppers=1, seconds=0.5, arrivals_per_minute=600, lost_answers=0)
    async with on_a_socket(app) as address, opened(address, "owner", PASSWORD, alone) as store:
        await store.crowd.live()
        record, (person,) = store.crowd.record, store.crowd.people
        assert (await proved(store)).faults == ()
        record.paid.append(record.paid[0])
        assert [fault.split()[-1] for fault in (await proved(store)).faults] == ["orders"]
        del record.paid[-2:]
        assert "nobody was told of" in (await proved(store)).faults[0]
        record.unknown += 1
        assert (await proved(store)).faults == ()
        assert person.member_id
        await shop.top_up(str(person.member_id), 1)
        assert "left of" in (await proved(store)).faults[0]
    assert (await shop.do("GET", f"/v1/members/{person.member_id}"))["consent"] is None
