"""Waking whoever waits for something, in whichever process: Postgres's NOTIFY, on one connection a process.

A wake-up says that something has changed and never what: whoever is woken reads it from the database. So none is
ever relied upon, and losing one costs a delay.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType
from typing import Annotated

import psycopg
import structlog
from fastapi import Depends, Request
from psycopg.conninfo import make_conninfo
from sqlalchemy import ARRAY, Text, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.database import Database, Prepared

log = structlog.get_logger()
CHANNEL = "facepay"  # a trigger in the database names it too
RECONNECT_SECONDS = 1.0
NOTIFY = Prepared(select(func.pg_notify(CHANNEL, func.unnest(bindparam("topics", type_=ARRAY(Text))))))
ENDING = (signal.SIGINT, signal.SIGTERM)
# A peer that is gone without a word is noticed after half a minute.
KEEPALIVES = {"keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3}


async def notify(session: AsyncSession, *topics: str) -> None:
    """Wake whoever subscribes to these topics once the transaction is committed. However often in one: once."""
    await NOTIFY.rows(session, topics=list(topics))


class Subscription:
    """Remembers one wake-up, so that none is lost between reading and waiting."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()

    async def wait(self, timeout_seconds: float | None = None) -> bool:
        """Whether there was a wake-up since the last wait, or there is one in time."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._woken.wait()
        except TimeoutError:
            return False
        self._woken.clear()
        return True

    def wake(self) -> None:
        self._woken.set()


class Hub:
    """The subscriptions of a process, and the connection that wakes them while `run` runs.

    Whoever answers a request by waiting looks at `closing` and ends.
    """

    def __init__(self) -> None:
        self.closing = False
        self._subscriptions: defaultdict[str, set[Subscription]] = defaultdict(set)

    @asynccontextmanager
    async def subscribe(self, *topics: str) -> AsyncIterator[Subscription]:
        """Subscribe first and read then: what is committed in between wakes you."""
        subscription = Subscription()
        for topic in topics:
            self._subscriptions[topic].add(subscription)
        try:
            yield subscription
        finally:
            for topic in topics:
                self._subscriptions[topic].discard(subscription)
                if not self._subscriptions[topic]:
                    del self._subscriptions[topic]

    async def run(self, database: Database) -> None:
        """Listen until cancelled. Whoever waits is woken after each new connection: they may have missed something."""
        url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
        conninfo = make_conninfo(url, **KEEPALIVES)
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
                    await connection.execute(f"listen {CHANNEL}")
                    self._wake(*self._subscriptions)
                    async for notice in connection.notifies():
                        self._wake(notice.payload)
            except Exception as error:  # whatever it was: without a listener everybody waits in vain
                log.warning("hub_connection_lost", error=type(error).__name__)
                await asyncio.sleep(RECONNECT_SECONDS)

    def close(self) -> None:
        """Wake everybody, so that no request holds up the process's end."""
        self.closing = True
        self._wake(*self._subscriptions)

    def _wake(self, *topics: str) -> None:
        for topic in topics:
            for subscription in self._subscriptions.get(topic, ()):
                subscription.wake()


@contextmanager
def closing_on_signals(hub: Hub) -> Iterator[None]:
    """Close the hub when the process is told to end. The server tells the app only after its last answer was sent, and
    a stream would be the last for ever; so this hears the signal too, and then lets the server hear it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # where no signal can be heard
        return
    loop = asyncio.get_running_loop()
    theirs = {number: handler for number in ENDING if callable(handler := signal.getsignal(number))}

    def hear(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(hub.close)
        theirs[signal.Signals(number)](number, frame)

    for number in theirs:
        signal.signal(number, hear)
    try:
        yield
    finally:
        for number, handler in theirs.items():
            signal.signal(number, handler)


async def get_hub(request: Request) -> Hub:
    hub: Hub = request.app.state.hub
    return hub


HubOf = Annotated[Hub, Depends(get_hub)]
