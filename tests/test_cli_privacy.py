"""`facepay privacy`, as whoever answers for the members' data runs it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from sqlalchemy import update
from typer.testing import CliRunner, Result

from facepay.cli import app as command_line
from facepay.kernel.clock import utc_now
from facepay.kernel.database import Database
from facepay.kernel.secrets import MasterKey
from facepay.members.consents import Consent
from tests.conftest import OpenShop

pytestmark = pytest.mark.anyio


async def test_what_is_due_is_shown_then_erased_and_its_receipt_checked(
    open_shop: OpenShop, database_url: str, tmp_path: Path
) -> None:
    key = MasterKey.generate_text()
    environment = {"FACEPAY_DATABASE_URL": database_url, "FACEPAY_MASTER_KEY": key, "COLUMNS": "200"}

    async def privacy(*words: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, command_line, ["privacy", *words], env=environment)

    shop = await open_shop(master_key=key)
    member = await shop.add_member(0)
    database = Database(database_url)
    async with database.begin() as session:
        await session.execute(update(Consent).values(expires_at=utc_now()))
    await database.close()
    shown = await privacy("status")
    assert "CN " in shown.output, shown.output
    assert "1 have run out, 0 are about to" in shown.output
    assert "1 consents have run out" in (await privacy("retain", "--dry-run")).output
    assert await shop.do("GET", f"/v1/members/{member}/face"), "a dry run erases nothing"
    assert "1 faces erased" in (await privacy("retain")).output

    (receipt,) = (await shop.do("GET", "/v1/erasures"))["items"]
    file = tmp_path / "receipt.json"
    file.write_text(json.dumps(receipt))
    assert (await privacy("verify", str(file))).exit_code == 0
    assert (await privacy("verify", str(file), "--public-key", "00" * 32)).exit_code == 1
    file.write_text(json.dumps(receipt | {"reason": "request"}))
    assert (await privacy("verify", str(file))).exit_code == 1
    file.write_text("[]")
    assert (await privacy("verify", str(file))).exit_code == 1
    file.write_text("no receipt")
    assert (await privacy("verify", str(file))).exit_code == 2
