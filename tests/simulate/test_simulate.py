from __future__ import annotations

import asyncio
import re
from io import StringIO

import pytest
from fastapi import FastAPI
from rich.console import Console

from facepay.online.audit import CHECKS
from facepay.simulate.run import simulate
from facepay.simulate.store import Plan
from facepay.wallet.upkeep import LEDGER
from facepay.wallet.verify import verify
from tests.server import on_a_socket
from tests.shop import PASSWORD

pytestmark = pytest.mark.anyio
# At this pace hardly anybody waits for an answer when the cable is cut: who does is told once it is whole again.
PLAN = Plan(visits=2, outage_seconds=1.5, gates=1, kiosks=1, lanes=1, pace_seconds=0.3, seed=1)


async def test_a_store_that_loses_its_network_loses_nothing_else(app: FastAPI) -> None:
    """A gate, a kiosk and a lane over a cut socket; the simulation itself checks posts and stock."""
    console = Console(file=StringIO(), width=120)
    async with on_a_socket(app) as address:
        status = await asyncio.to_thread(simulate, console, PLAN, url=address, password=PASSWORD)
    assert isinstance(console.file, StringIO)
    told = console.file.getvalue()
    assert status == 0, told
    later = re.search(r"Told later: (\d+)", told)
    assert later, told
    assert int(later[1]) > 0
    await LEDGER.seal_all(app.state.database)
    books = await verify(app.state.database, extra_checks=CHECKS)
    assert books.ok, str(books)
