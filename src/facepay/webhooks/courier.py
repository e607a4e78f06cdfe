"""The courier of a process: claims deliveries, sends them, and notes what came of it. Any number of processes have one.

A delivery whose courier dies after sending and before noting is sent again, under the same id.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime
from random import Random
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from facepay.kernel.clock import Clock
from facepay.kernel.database import Database
from facepay.kernel.hub import Hub
from facepay.kernel.ids import new_id
from facepay.kernel.metrics import Metrics
from facepay.kernel.secrets import MasterKey
from facepay.kernel.webhooks import sign
from facepay.webhooks.deliveries import Claimed, claim
from facepay.webhooks.destinations import Destinations
from facepay.webhooks.endpoints import WebhookEndpoint, open_secret
from facepay.webhooks.events import PING, TOPIC, Ping, body_of
from facepay.webhooks.outcomes import WhenStopped, record
from facepay.webhooks.schedule import Uniform
from facepay.webhooks.sending import Reply, Sender

log = structlog.get_logger()
AT_ONCE_MAX = 32
AT_ONCE_EACH_MAX = 8  # to one endpoint
POLL_SECONDS = 5.0
LEAVE_SECONDS = 5.0  # for what is under way when the process ends


class Courier:
    def __init__(
        self,
        database: Database,
        sender: Sender,
        *,
        key: MasterKey,
        clock: Clock,
        metrics: Metrics,
        when_stopped: WhenStopped,
        uniform: Uniform = Random().uniform,  # noqa: S311 (jitter, not a secret)
    ) -> None:
        self._database, self._sender, self._key, self._clock = database, sender, key, clock
        self._metrics, self._when_stopped, self._uniform = metrics, when_stopped, uniform
        self._busy: Counter[UUID] = Counter()

    @property
    def destinations(self) -> Destinations:
        return self._sender.destinations

    async def run(self, hub: Hub) -> None:
        """Until cancelled."""
        under_way: set[asyncio.Task[None]] = set()

        def end(task: asyncio.Task[None]) -> None:
            under_way.discard(task)
            woken.wake()  # what waited for this one, or for its place, may go now

        try:
            async with hub.subscribe(TOPIC) as woken:
                while True:
                    for claimed in await self._claim_or_wait():
                        task = asyncio.create_task(self.deliver(claimed))
                        under_way.add(task)
                        task.add_done_callback(end)
                    await woken.wait(POLL_SECONDS)
        finally:
            if under_way:
                _, late = await asyncio.wait(under_way, timeout=LEAVE_SECONDS)
                for task in late:
                    task.cancel()

    async def claim(self) -> list[Claimed]:
        """What may be sent now."""
        room = AT_ONCE_MAX - self._busy.total()
        if room <= 0:
            return []
        async with self._database.begin() as session:
            taken = await claim(session, each_max=AT_ONCE_EACH_MAX, all_max=room, busy=self._busy, now=self._clock())
        self._busy.update(each.endpoint_id for each in taken)
        return taken

    async def deliver(self, claimed: Claimed) -> None:
        """One attempt."""
        try:
            reply = await self._send(claimed)
            now = self._clock()
            async with self._database.begin() as session:
                outcome, stopped = await record(session, claimed, reply, now=now, uniform=self._uniform)
                if stopped is not None:
                    log.error("webhook_endpoint_stopped", endpoint_id=str(stopped.endpoint_id), why=stopped.why)
                    await self._when_stopped(session, stopped, now)
            self._metrics.webhook_deliveries.labels(outcome).inc()
        except (SQLAlchemyError, OSError) as error:
            log.warning("webhook_unrecorded", event_id=str(claimed.event_id), error=type(error).__name__)
        finally:
            self._busy[claimed.endpoint_id] -= 1
            self._busy += Counter()  # drops the zeros

    async def ping(self, endpoint: WebhookEndpoint) -> Reply:
        """Send an event that means nothing, now, and see what comes back. Nothing is kept of it."""
        now = self._clock()
        claimed = Claimed(
            endpoint_id=endpoint.id,
            event_id=new_id(),
            attempts=1,
            url=endpoint.url,
            body=body_of(PING, Ping(endpoint_id=endpoint.id), now=now),
            secret=endpoint.secret,
            former_secret=endpoint.former_secret,
            former_secret_until=endpoint.former_secret_until,
        )
        return await self._send(claimed)

    async def close(self) -> None:
        await self._sender.close()

    async def _claim_or_wait(self) -> list[Claimed]:
        try:
            return await self.claim()
        except (SQLAlchemyError, OSError) as error:
            log.warning("database_unavailable", error=type(error).__name__)
            return []

    async def _send(self, claimed: Claimed) -> Reply:
        now, body = self._clock(), claimed.body.encode()
        try:
            headers = sign(*self._secrets(claimed, now), message_id=str(claimed.event_id), body=body, now=now)
            return await self._sender.send(claimed.url, headers=headers, body=body, now=now)
        except Exception as error:  # a bug, or a secret under a master key that is gone: try again as if it hadn't gone
            log.error("webhook_unsendable", endpoint_id=str(claimed.endpoint_id), exc_info=error)
            return Reply(failure="could_not_be_sent")

    def _secrets(self, claimed: Claimed, now: datetime) -> list[bytes]:
        """The endpoint's, and the one before where it is still good."""
        secrets = [open_secret(claimed.secret, self._key, claimed.endpoint_id)]
        if claimed.former_secret and claimed.former_secret_until and claimed.former_secret_until > now:
            secrets.append(open_secret(claimed.former_secret, self._key, claimed.endpoint_id))
        return secrets
