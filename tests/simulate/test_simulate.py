from __future__ import annotations

import asyncio
import re

import pytest
from fastapi import FastAPI
from typer.testing import CliRunner

from facepay.cli import app as command_line
from facepay.online.audit import CHECKS
from facepay.wallet.upkeep import LEDGER
from facepay.wallet.verify import verify
from tests.server import on_a_socket
from tests.shop import PASSWORD

pytestmark = pytest.mark.anyio
SMALL = ["--visits", "2", "--gates", "1", "--kiosks", "1"]
# At this pace hardly anybody waits for an answer when the cable is cut: who does is told once it is whole again.
CUT = ["--offline", "--outage", "1.5", "--pace", "0.3"]


async def test_a_store_that_loses_its_network_loses_nothing_else(app: FastAPI) -> None:
    """A gate, a kiosk and a lane over a cut socket; the command itself checks posts and stock."""
    async with on_a_socket(app) as address:
        options = [*CUT, *SMALL, "--api", address, "--password", PASSWORD]
        played = await asyncio.to_thread(CliRunner().invoke, command_line, ["simulate", *options])
    assert played.exit_code == 0, played.output
    told = re.search(r"Told later: (\d+)", played.output)
    assert told, played.output
    assert int(told[1]) > 0
    await LEDGER.seal_all(app.state.database)
    books = await verify(app.state.database, extra_checks=CHECKS)
    assert books.ok, str(books)
