"""What goes on behind the requests."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from facepay.housekeeping import Task, keep_house_once, tasks_of
from facepay.kernel.database import Database
from facepay.kernel.idempotency import Idempotency
from facepay.kernel.secrets import MasterKey
from facepay.kernel.upkeep import overdue_seconds
from facepay.privacy.receipts import Signer
from facepay.settings import Settings
from tests.conftest import Clock
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


def tasks_on(database: Database, clock: Clock) -> tuple[Task, ...]:
    lasts = timedelta(hours=1)
    idempotency = Idempotency(database, [b"secret"], clock, lease=lasts, retention=lasts)
    signer = Signer(MasterKey.from_text(MasterKey.generate_text()))
    return tasks_of(database, idempotency, clock, settings=Settings(_env_file=None), signer=signer)


LEFT = """
    select (select count(*) from ledger.transfers t left join chain.links l on l.record_id = t.id
             where l.number is null) as unsealed,
           (select count(*) from ledger.accounts a left join ledger.folds f on f.account_id = a.id
             where a.kind = 'sales' and f.position is null) as unfolded
"""


async def test_behind_the_payments_the_chain_and_the_sums_follow(shop: Shop, database_url: str, clock: Clock) -> None:
    await shop.add_member(0, balance=10_000)
    await shop.at_kiosk(0, {"TEA-001": 1})
    database = Database(database_url)
    left: tuple[int, ...] = ()
    for _ in range(20):  # a transaction that is still under way holds up both
        assert await keep_house_once(database, list(tasks_on(database, clock)))
        async with database.begin() as session:
            left = tuple((await session.execute(text(LEFT))).one())
        if left == (0, 0):
            break
    assert left == (0, 0)
    await database.close()


@pytest.mark.parametrize("failure", [OperationalError("select 1", {}, Exception("gone")), AssertionError("a bug")])
async def test_a_task_that_fails_holds_up_no_other_and_replicas_take_turns(
    database_url: str, failure: Exception
) -> None:
    database, replica = Database(database_url), Database(database_url)
    ran: list[str] = []
    holding, release = asyncio.Event(), asyncio.Event()

    async def fail() -> None:
        raise failure

    async def hold() -> None:
        holding.set()
        await release.wait()

    async def last() -> None:
        ran.append("last")

    tasks = [Task("fail", 0, fail), Task("hold", 0, hold), Task("last", 0, last)]
    first = asyncio.create_task(keep_house_once(database, tasks))
    await holding.wait()
    assert not await keep_house_once(replica, tasks)
    release.set()
    assert await first
    assert ran == ["last"]
    assert await keep_house_once(replica, tasks)
    await database.close()
    await replica.close()


async def test_whoever_runs_the_shop_sees_that_a_task_isnt_done_any_more(
    database_url: str, owner_database_url: str
) -> None:
    database, works = Database(database_url), [True]

    async def seal() -> None:
        if not works[0]:
            raise OSError("the disk is full")

    async def fold() -> None:
        pass

    tasks = [Task("seal", 5, seal), Task("fold", 3600, fold)]
    await keep_house_once(database, tasks)
    works[0] = False
    async with database.begin() as session:
        overdue = await overdue_seconds(session)
        assert (overdue["seal"], overdue["fold"]) == (0, 0)
        an_hour_ago = "done_at - interval '1 hour', tried_at = tried_at - interval '1 hour'"
        await session.execute(text(f"update upkeep_task set done_at = {an_hour_ago}"))
        await session.execute(
            text("insert into upkeep_task select 'gone', 5, d, d, d, null from (select now() - interval '8 days') t(d)")
        )
    await keep_house_once(database, tasks)
    async with database.begin() as session:
        overdue = await overdue_seconds(session)
        failing = (await session.execute(text("select name, error from upkeep_task where error is not null"))).all()
    assert "gone" not in overdue, "what no release has any more isn't asked for"
    assert overdue["fold"] == 0
    assert 3590 < overdue["seal"] < 3700
    assert ("seal", "OSError") in [tuple(row) for row in failing]
    await database.close()
