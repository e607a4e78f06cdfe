"""Waiting for what another process commits."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from sqlalchemy import text

from facepay.kernel import hub as hubs
from facepay.kernel.database import Database
from facepay.kernel.hub import Hub, closing_on_signals, notify

pytestmark = pytest.mark.anyio
SECONDS_MAX = 10  # never reached: a wake-up takes milliseconds


@pytest.fixture
async def hub(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hub]:
    """One that is connected."""
    monkeypatch.setattr(hubs, "RECONNECT_SECONDS", 0.01)
    hub = Hub()
    async with hub.subscribe("anything") as connected:
        task = asyncio.create_task(hub.run(database))
        assert await connected.wait(SECONDS_MAX)
    yield hub
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_a_commit_wakes_who_waits_for_its_topic_and_nobody_else(hub: Hub, database: Database) -> None:
    async with hub.subscribe("door") as one, hub.subscribe("door") as two, hub.subscribe("shelf") as other:
        async with database.begin() as session:
            await notify(session, "door")
        assert await one.wait(SECONDS_MAX)
        assert await two.wait(SECONDS_MAX)
        assert not await one.wait(0)
        assert not await other.wait(0)


async def test_what_is_rolled_back_wakes_nobody(hub: Hub, database: Database) -> None:
    async def notify_and_fail() -> None:
        async with database.begin() as session:
            await notify(session, "door")
            raise ZeroDivisionError

    async with hub.subscribe("door") as door, hub.subscribe("shelf") as shelf:
        with pytest.raises(ZeroDivisionError):
            await notify_and_fail()
        async with database.begin() as session:
            await notify(session, "shelf")
        assert await shelf.wait(SECONDS_MAX)
        assert not await door.wait(0)


async def test_a_wake_up_between_reading_and_waiting_is_kept(hub: Hub, database: Database) -> None:
    async with hub.subscribe("door") as early, hub.subscribe("door") as witness:
        async with database.begin() as session:
            await notify(session, "door")
        await witness.wait(SECONDS_MAX)
        assert await early.wait(0)


async def test_who_waits_while_the_connection_is_lost_is_woken_when_it_is_back(hub: Hub, database: Database) -> None:
    async with hub.subscribe("door") as door:
        async with database.begin() as session:
            await session.execute(
                text(
                    "select pg_terminate_backend(pid) from pg_stat_activity "
                    "where datname = current_database() and query ilike 'listen%'"
                )
            )
        assert await door.wait(SECONDS_MAX)
        async with database.begin() as session:
            await notify(session, "door")
        assert await door.wait(SECONDS_MAX)


async def test_whoever_waits_is_let_go_when_the_process_is_told_to_end() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    hub = Hub()
    async with hub.subscribe("door") as door:
        with closing_on_signals(hub):
            signal.raise_signal(signal.SIGTERM)
            assert await door.wait(SECONDS_MAX)
        assert hub.closing
        assert heard == [signal.SIGTERM]  # and the server hears it, too
    signal.signal(signal.SIGTERM, before)
