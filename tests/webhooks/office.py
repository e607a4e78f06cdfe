"""What tells and sends events in a test: a database, couriers on it, and a time that stands still."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.database import Database
from facepay.kernel.ids import new_id
from facepay.kernel.metrics import Metrics
from facepay.kernel.secrets import MasterKey
from facepay.webhooks import endpoints
from facepay.webhooks.courier import Courier
from facepay.webhooks.deliveries import WebhookDelivery
from facepay.webhooks.destinations import Destinations
from facepay.webhooks.endpoints import WebhookEndpoint
from facepay.webhooks.events import EventType, emit
from facepay.webhooks.outcomes import Stopped
from facepay.webhooks.sending import Sender
from tests.wallet.desk import Time
from tests.webhooks.receiver import Receiver

TLS = ssl.create_default_context()  # which takes longer to make than a delivery
LOCALHOST = Destinations.from_text("127.0.0.1")


class Counted(BaseModel):
    number: int


COUNTED = EventType("thing.counted", "Somebody counted.", Counted)
FORGOTTEN = EventType("thing.forgotten", "Somebody forgot.", Counted)


def no_jitter(low: float, high: float) -> float:
    return low


@dataclass
class Office:
    database: Database
    receiver: Receiver
    time: Time = field(default_factory=Time)
    key: MasterKey = field(default_factory=lambda: MasterKey(bytes(32)))
    stopped: list[Stopped] = field(default_factory=list)
    metrics: Metrics = field(default_factory=Metrics)
    secrets: dict[UUID, str] = field(default_factory=dict)

    def courier(self, destinations: Destinations = LOCALHOST, **sender: Any) -> Courier:
        """As each process has one."""

        async def note(session: AsyncSession, stopped: Stopped, now: datetime) -> None:
            self.stopped.append(stopped)

        return Courier(
            self.database,
            Sender(destinations, connections_max=100, **{"tls": TLS, **sender}),
            key=self.key,
            clock=self.time,
            metrics=self.metrics,
            when_stopped=note,
            uniform=no_jitter,
        )

    async def add_endpoint(
        self, path: str = "/hooks", *, types: list[str] | None = None, url: str | None = None
    ) -> UUID:
        async with self.database.begin() as session:
            endpoint, secret = await endpoints.add_endpoint(
                session,
                url=url or self.receiver.url(path),
                types=types or ["*"],
                description=None,
                device_id=None,
                key=self.key,
                now=self.time(),
            )
        self.secrets[endpoint.id] = secret
        return endpoint.id

    async def tell(self, *numbers: int, subject_id: UUID | None = None, type: EventType[Counted] = COUNTED) -> None:
        """Events of one subject, each in a transaction of its own."""
        subject_id = subject_id or new_id()
        for number in numbers:
            async with self.database.begin() as session:
                await emit(session, type=type, subject_id=subject_id, data=Counted(number=number), now=self.time())

    async def work(self, courier: Courier | None = None) -> int:
        """Deliver until nothing is due; answers how many attempts that took."""
        courier, attempts = courier or self.courier(), 0
        while claimed := await courier.claim():
            await asyncio.gather(*map(courier.deliver, claimed))
            attempts += len(claimed)
        return attempts

    async def deliveries(self, endpoint_id: UUID) -> list[WebhookDelivery]:
        """In the order of their events."""
        query = select(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint_id)
        async with self.database.begin() as session:
            return list(await session.scalars(query.order_by(WebhookDelivery.number)))

    async def states(self, endpoint_id: UUID) -> list[str]:
        return [each.state for each in await self.deliveries(endpoint_id)]

    async def endpoint(self, endpoint_id: UUID) -> WebhookEndpoint:
        async with self.database.begin() as session:
            return await session.get_one(WebhookEndpoint, endpoint_id)

    async def change(self, endpoint_id: UUID, **changes: Any) -> None:
        async with self.database.begin() as session:
            await endpoints.change_endpoint(session, endpoint_id=endpoint_id, changes=changes, now=self.time())
