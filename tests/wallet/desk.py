"""A member's side of the payment provider to test with: top-ups made, webhooks heard, time held still."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select

from facepay.kernel.database import Database
from facepay.kernel.errors import Problem
from facepay.wallet import resume, top_up_refunds, top_ups
from facepay.wallet.accounts import AccountKind, balance, house, wallet_balance
from facepay.wallet.providers.mock import Behaviour, MockProvider
from facepay.wallet.providers.mock_books import MockDelivery, MockMovement
from facepay.wallet.top_up_refunds import TopUpRefund
from facepay.wallet.top_ups import TopUp

SECRET = b"a secret of thirty-two bytes ...."
Message = tuple[dict[str, str], bytes]


@dataclass
class Time:
    now: datetime = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **lasting: float) -> None:
        self.now += timedelta(**lasting)


@dataclass
class Desk:
    """Some other process of the shop is another Desk on the same database."""

    database: Database
    behaviour: Behaviour = field(default_factory=Behaviour)
    time: Time = field(default_factory=Time)
    heard: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.provider = MockProvider(self.database, secret=SECRET, behaviour=self.behaviour, clock=self.time)

    async def record(self, member_id: UUID, amount: int) -> TopUp:
        async with self.database.begin() as session:
            return await top_ups.record(
                session, member_id=member_id, amount=amount, currency="CNY", actor="test", now=self.time()
            )

    async def top_up(self, member_id: UUID, amount: int) -> TopUp:
        """Asked for; what comes of it is heard when the provider works."""
        made = await self.record(member_id, amount)
        await top_ups.submit(self.database, self.provider, made)
        return made

    async def refund(self, top_up: TopUp, amount: int | None = None) -> TopUpRefund:
        async with self.database.begin() as session:
            made = await top_up_refunds.record(
                session,
                member_id=top_up.member_id,
                top_up_id=top_up.id,
                amount=amount,
                actor="test",
                now=self.time(),
            )
        await top_up_refunds.submit(self.database, self.provider, made)
        return made

    async def hear(self, headers: dict[str, str], body: bytes) -> int:
        """What the route does: verify, settle, acknowledge."""
        self.heard.append((headers, body))
        try:
            event = self.provider.verify_webhook(headers, body)
        except Problem as problem:
            return problem.status
        if event is not None:
            async with self.database.begin() as session:
                await resume.settle(session, event.movement)
        return 204

    async def hear_all(self) -> None:
        """Let the provider decide and deliver until it owes nothing."""
        while await self.owed():
            await self.provider.work(self.hear)
            self.time.pass_by(seconds=1)

    async def owed(self) -> int:
        async with self.database.begin() as session:
            undelivered = select(func.count()).select_from(MockDelivery)
            undecided = select(func.count()).select_from(MockMovement).where(MockMovement.status == "pending")
            return int(await session.scalar(undelivered) or 0) + int(await session.scalar(undecided) or 0)

    async def sweep(self) -> int:
        return await resume.resume(self.database, self.provider, now=self.time())

    async def status(self, asked: TopUp | TopUpRefund) -> str:
        return (await resume.wait_until_settled(self.database, asked, seconds=0)).status

    async def wallet(self, member_id: UUID) -> int:
        async with self.database.begin() as session:
            return (await wallet_balance(session, member_id=member_id)).available

    async def house(self, kind: AccountKind) -> int:
        """An account of the house, as the ledger writes it: what we own is negative."""
        async with self.database.begin() as session:
            return (await balance(session, house(kind).id)).posted
