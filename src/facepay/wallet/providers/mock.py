"""A payment provider to try the shop with, as nasty as a real one: late, failing, repeating itself, out of order.

What it owes (decisions, webhooks) are rows, so that a crash of the process loses none of it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any
from uuid import UUID

import httpx
import structlog
from pydantic import TypeAdapter
from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.clock import Clock, utc_now
from facepay.kernel.database import Database
from facepay.kernel.ids import new_id
from facepay.kernel.webhooks import sign, verify
from facepay.wallet.providers.mock_books import MockCustomer, MockDelivery, MockMovement, settlement_file
from facepay.wallet.providers.provider import Event, MalformedEvent, Movement, ProviderUnavailable

log = structlog.get_logger()
IDLE_SECONDS_MAX = 1.0
# A day of attempts: 1, 2, 4, … seconds apart, from the twelfth on an hour.
ATTEMPTS_MAX = 36
SHUFFLED_WITHIN = timedelta(milliseconds=300)
_movements = TypeAdapter(Movement)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How nasty it is; the rates are probabilities.

    `failure_rate`: requests that it declines. `outage_rate`: calls that break off, half of them after they had
    their effect. `duplicate_rate`: webhooks that it sends twice, at once. `shuffle`: webhooks in no order.
    """

    delay: timedelta = timedelta()
    failure_rate: float = 0.0
    outage_rate: float = 0.0
    duplicate_rate: float = 0.0
    shuffle: bool = False
    seed: int | None = None


# Takes a webhook's headers and body to whoever receives them, and answers the HTTP status.
Deliver = Callable[[dict[str, str], bytes], Awaitable[int]]


def deliver_to(app: Any, path: str) -> Deliver:
    """To an ASGI app in this process, as a request like any other."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    client = httpx.AsyncClient(transport=transport, base_url="http://mock-provider")

    async def deliver(headers: dict[str, str], body: bytes) -> int:
        response = await client.post(path, content=body, headers={"Content-Type": "application/json", **headers})
        return response.status_code

    return deliver


class MockProvider:
    """A PaymentProvider. `run` does what it owes, in any number of processes."""

    def __init__(
        self,
        database: Database,
        *,
        secret: bytes,
        behaviour: Behaviour | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self.database = database
        self.secret = secret
        self.behaviour = behaviour or Behaviour()
        self.clock = clock
        self._random = Random(self.behaviour.seed)  # noqa: S311 (plays dice, keeps no secret)
        self._woken = asyncio.Event()

    async def bind(self, member_id: UUID) -> str:
        async with self._call() as session:
            fresh = insert(MockCustomer).values(id=f"cus_{new_id().hex}", member_id=member_id)
            await session.execute(fresh.on_conflict_do_nothing())
            return (await session.scalars(select(MockCustomer.id).filter_by(member_id=member_id))).one()

    async def charge(self, *, key: str, customer_id: str, amount: int, currency: str, reference: UUID) -> Movement:
        async with self._call() as session:
            return await self._take_on(
                session,
                id=f"ch_{new_id().hex}",
                kind="charge",
                key=key,
                customer_id=customer_id,
                amount=amount,
                currency=currency,
                reference=reference,
            )

    async def refund(self, *, key: str, charge_id: str, amount: int, reference: UUID) -> Movement:
        async with self._call() as session:
            charge = await session.get_one(MockMovement, charge_id, with_for_update=True)
            given = await session.scalar(
                select(func.coalesce(func.sum(MockMovement.amount), 0)).where(
                    MockMovement.charge_id == charge_id, MockMovement.status != "failed", MockMovement.key != key
                )
            )
            refundable = charge.amount - int(given or 0) if charge.status == "succeeded" else 0
            return await self._take_on(
                session,
                id=f"re_{new_id().hex}",
                kind="refund",
                key=key,
                customer_id=charge.customer_id,
                charge_id=charge_id,
                amount=amount,
                currency=charge.currency,
                reference=reference,
                refused="over_refund" if amount > refundable else None,
            )

    async def find(self, reference: UUID) -> Movement | None:
        async with self._call() as session:
            row = (await session.scalars(select(MockMovement).filter_by(reference=reference))).one_or_none()
            return row.shown() if row else None

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> Event | None:
        verify(self.secret, headers=headers, body=body, now=self.clock())
        try:
            message = json.loads(body)
            kind, _, status = message["type"].partition(".")
            if kind not in ("charge", "refund") or status not in ("pending", "succeeded", "failed"):
                return None
            return Event(headers["webhook-id"], message["type"], _movements.validate_python(message["data"]))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise MalformedEvent("The webhook's body is not an event.") from error

    async def settlement(self, day: date) -> bytes:
        start = datetime.combine(day, time(), UTC)
        async with self._call() as session:
            settled = select(MockMovement).where(
                MockMovement.status == "succeeded",
                MockMovement.decided_at >= start,
                MockMovement.decided_at < start + timedelta(days=1),
            )
            return settlement_file(await session.scalars(settled.order_by(MockMovement.decided_at, MockMovement.id)))

    async def run(self, deliver: Deliver) -> None:
        """Decide and deliver until cancelled."""
        while True:
            idle_seconds = IDLE_SECONDS_MAX
            try:
                await self.work(deliver)
                idle_seconds = await self._idle_seconds()
            except Exception as error:  # whatever it was, the rest is still owed
                log.error("mock_provider_failed", exc_info=error)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), idle_seconds)
            self._woken.clear()

    async def work(self, deliver: Deliver) -> None:
        """Decide what is due, and attempt each webhook that is due once."""
        await self._decide()
        now = self.clock()
        while delivery := await self._claim(now):
            await self._attempt(delivery, deliver)

    @asynccontextmanager
    async def _call(self) -> AsyncIterator[AsyncSession]:
        """One call over a line that may break before the provider hears it, or before its answer is heard."""
        broken = self._random.random() < self.behaviour.outage_rate
        if broken and self._random.random() < 0.5:
            raise ProviderUnavailable("the call broke off")
        async with self.database.begin() as session:
            yield session
        self._woken.set()
        if broken:
            raise ProviderUnavailable("the answer was lost")

    async def _take_on(
        self, session: AsyncSession, *, reference: UUID, refused: str | None = None, **columns: Any
    ) -> Movement:
        """Record a charge or a refund, or find the one that this key made before."""
        now = self.clock()
        declined = self._random.random() < self.behaviour.failure_rate
        fresh = insert(MockMovement).values(
            reference=reference,
            status="failed" if refused else "pending",
            fate=refused or ("declined" if declined else None),
            due_at=now + self.behaviour.delay,
            decided_at=now if refused else None,
            **columns,
        )
        made = await session.scalar(fresh.on_conflict_do_nothing(index_elements=["key"]).returning(MockMovement.id))
        row = (await session.scalars(select(MockMovement).filter_by(key=columns["key"]))).one()
        if made:
            self._announce(session, row, now)
        return row.shown()

    async def _decide(self) -> None:
        now = self.clock()
        async with self.database.begin() as session:
            due = select(MockMovement).where(MockMovement.status == "pending", MockMovement.due_at <= now)
            for row in await session.scalars(
                due.order_by(MockMovement.due_at).limit(100).with_for_update(skip_locked=True)
            ):
                row.status, row.decided_at = "failed" if row.fate else "succeeded", now
                self._announce(session, row, now)

    def _announce(self, session: AsyncSession, row: MockMovement, now: datetime) -> None:
        message = {
            "type": f"{row.kind}.{row.status}",
            "timestamp": now.isoformat(),
            "data": _movements.dump_python(row.shown(), mode="json"),
        }
        late = self._random.random() * SHUFFLED_WITHIN if self.behaviour.shuffle else timedelta()
        session.add(MockDelivery(body=json.dumps(message).encode(), due_at=now + late))

    async def _claim(self, now: datetime) -> MockDelivery | None:
        """The next webhook that is due, already put off to its next attempt: a crash may follow."""
        due = select(MockDelivery.id).where(MockDelivery.due_at <= now, MockDelivery.attempts < ATTEMPTS_MAX)
        next_one = due.order_by(MockDelivery.due_at, MockDelivery.id).limit(1).with_for_update(skip_locked=True)
        pause = func.least(func.power(2, MockDelivery.attempts), 3600) * timedelta(seconds=1)
        async with self.database.begin() as session:
            claimed = await session.scalars(
                update(MockDelivery)
                .where(MockDelivery.id == next_one.scalar_subquery())
                .values(attempts=MockDelivery.attempts + 1, due_at=now + pause)
                .returning(MockDelivery)
            )
            return claimed.one_or_none()

    async def _attempt(self, delivery: MockDelivery, deliver: Deliver) -> None:
        headers = sign(self.secret, message_id=str(delivery.id), body=delivery.body, now=self.clock())
        times = 2 if self._random.random() < self.behaviour.duplicate_rate else 1
        try:
            statuses = await asyncio.gather(*(deliver(headers, delivery.body) for _ in range(times)))
        except httpx.HTTPError as error:
            log.warning("webhook_undelivered", id=str(delivery.id), error=type(error).__name__)
            return
        if all(200 <= status < 300 for status in statuses):
            async with self.database.begin() as session:
                await session.execute(delete(MockDelivery).filter_by(id=delivery.id))

    async def _idle_seconds(self) -> float:
        """Until the next thing is due."""
        async with self.database.begin() as session:
            decision = select(func.min(MockMovement.due_at)).where(MockMovement.status == "pending")
            delivery = select(func.min(MockDelivery.due_at)).where(MockDelivery.attempts < ATTEMPTS_MAX)
            due = await session.scalar(select(func.least(decision.scalar_subquery(), delivery.scalar_subquery())))
        if due is None:
            return IDLE_SECONDS_MAX
        return float(min(max((due - self.clock()).total_seconds(), 0.01), IDLE_SECONDS_MAX))
