"""A backup that is made while the shop is open opens the same shop elsewhere: its members, its books, its log."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from facepay.access_log.verify import verify as verify_access
from facepay.app import create_app
from facepay.backups import ABOUT, DUMP, About, NoBackup, back_up, restore
from facepay.kernel.clock import utc_now
from facepay.kernel.database import Database
from facepay.kernel.embedded import OWNER, EmbeddedPostgres
from facepay.kernel.secrets import MasterKey
from facepay.migrate import connect, newest_revision
from facepay.online.audit import CHECKS
from facepay.vision.engine import Engine
from facepay.wallet.verify import verify as verify_ledger
from tests.conftest import MASTER_KEY, administer, client_of, settings_for
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.one_shop]
KEY = MasterKey.from_text(MASTER_KEY)
EMPTY = "restored"


@pytest.fixture
def empty(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The address of an empty database, for its owner."""
    administer(postgres, f"create database {EMPTY} owner {OWNER}")
    yield postgres.url(role=OWNER, database=EMPTY)
    administer(postgres, f"drop database {EMPTY} with (force)")


def backed_up(url: str, file: Path) -> About:
    with connect(url) as connection:
        return back_up(connection, file, key=KEY, now=utc_now(), progress=lambda carried: None)


def restored(url: str, file: Path, *, key: MasterKey = KEY, app: str | None = None) -> About:
    with connect(url) as connection:
        return restore(connection, file, key=key, app=make_url(app) if app else None, progress=lambda carried: None)


async def test_a_shop_is_backed_up_while_it_sells_and_opens_elsewhere(
    shop: Shop, postgres: EmbeddedPostgres, owner_database_url: str, empty: str, engine: Engine, tmp_path: Path
) -> None:
    member = await shop.add_member(0, balance=10_000)
    await shop.at_gate(0)
    await shop.at_kiosk(0, {"TEA-001": 2})
    file = tmp_path / "shop.facepay"
    selling = asyncio.create_task(shop.at_kiosk(0, {"TEA-001": 1}))
    about = await asyncio.to_thread(backed_up, owner_database_url, file)
    assert (await selling).json()["decision"] == "paid"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == [file.name], "and nothing half done"
    assert about.rows["public.shop_order"] in (1, 2), "a sale at that moment is in it whole, or not at all"

    url = postgres.url(database=EMPTY)
    assert await asyncio.to_thread(restored, empty, file, app=url) == about
    app = create_app(settings_for(url), engine=engine)
    async with app.router.lifespan_context(app), client_of(app) as client:
        there = await shop.reached_by(client)
        spent = 1 if about.rows["public.shop_order"] == 1 else 2
        wallet = await there.do("GET", f"/v1/members/{member}/wallet")
        orders = (await there.do("GET", "/v1/orders"))["items"]
        assert len(orders) == spent
        assert wallet["available"] == 10_000 - sum(order["total"] for order in orders)
        assert (await there.at_gate(0)).json()["code"] == "already_inside", "recognised, and where they were"
        assert (await there.at_kiosk(0, {"TEA-001": 1})).json()["decision"] == "paid"
        database: Database = app.state.database
        for report in (await verify_ledger(database, extra_checks=CHECKS), await verify_access(database)):
            assert report.ok, str(report)


async def test_nothing_is_put_where_something_is_nor_under_another_key(
    shop: Shop, owner_database_url: str, empty: str, tmp_path: Path
) -> None:
    file = tmp_path / "shop.facepay"
    await asyncio.to_thread(backed_up, owner_database_url, file)

    def refusal(url: str, backup: Path = file, key: MasterKey = KEY) -> str:
        with pytest.raises(NoBackup) as refused:
            restored(url, backup, key=key)
        return str(refused.value)

    def changed(**values: object) -> Path:
        with zipfile.ZipFile(file) as whole, zipfile.ZipFile(tmp_path / "changed", "w") as other:
            about = json.loads(whole.read(ABOUT)) | values
            other.writestr(ABOUT, json.dumps(about))
            other.writestr(DUMP, whole.read(DUMP))
        return tmp_path / "changed"

    def cut(kept: float) -> Path:
        with zipfile.ZipFile(file) as whole, zipfile.ZipFile(tmp_path / "cut", "w") as other:
            other.writestr(ABOUT, whole.read(ABOUT))
            dump = whole.read(DUMP)
            other.writestr(DUMP, dump[: int(len(dump) * kept)])
        return tmp_path / "cut"

    assert "goes into an empty one only" in refusal(owner_database_url)
    assert "made under the master key" in refusal(empty, key=MasterKey.from_text(MasterKey.generate_text()))
    assert "newer than this one" in refusal(empty, changed(revision="9999_tomorrow"))
    assert "of Postgres 99" in refusal(empty, changed(postgres=99))
    assert "a format this one doesn't know" in refusal(empty, changed(format=2))
    assert "no whole backup" in refusal(empty, Path(__file__))
    assert "pg_restore failed" in refusal(empty, cut(0.9))
    rows = About.of(file).rows
    with connect(empty) as connection:
        assert connection.scalar(text("select count(*) from pg_tables where schemaname = 'public'")) == 0, "or nothing"
    assert "missing or too many in public.product" in refusal(empty, changed(rows=rows | {"public.product": 10**6}))


async def test_a_former_key_opens_too(shop: Shop, owner_database_url: str, empty: str, tmp_path: Path) -> None:
    await asyncio.to_thread(backed_up, owner_database_url, tmp_path / "shop.facepay")
    successor = MasterKey.from_text(f"{MasterKey.generate_text()}, {MASTER_KEY}")
    about = await asyncio.to_thread(restored, empty, tmp_path / "shop.facepay", key=successor)
    assert about.revision == newest_revision()
