"""A payer types their PIN, and so pays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.families.purses import purse_of
from facepay.identity.recognition import RecogniserOf
from facepay.kernel.clock import Clock, get_clock
from facepay.kernel.database import Db
from facepay.kernel.dependencies import made
from facepay.kernel.metrics import MetricsOf
from facepay.kernel.passwords import HasherOf
from facepay.members.members import Member
from facepay.members.pins import count_wrong_answer, is_locked
from facepay.online.attempts import PaymentAttempt
from facepay.online.intents import PaymentIntent, hold_intent, require_state
from facepay.online.paying import Refusal, refuse, settle
from facepay.online.ways import require_way
from facepay.settings import SettingsOf


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed against what was kept then; both may be of the past by the time that it counts."""

    member_id: UUID
    pin_hash: str | None
    is_right: bool


@dataclass(frozen=True, slots=True)
class ByPin:
    """What a payer's PIN comes to."""

    database: Db
    recogniser: RecogniserOf
    settings: SettingsOf
    clock: Annotated[Clock, Depends(get_clock)]
    hasher: HasherOf
    metrics: MetricsOf

    async def confirm(self, *, intent_id: UUID, pin: str) -> PaymentIntent:
        """The intent as it is then. The slow hash is compared before anything is locked, and what it says counts for
        nothing where answers are locked by then. Raises PaymentIntentUnexpectedState and WayNotOpen.
        """
        typed = await self._compare(intent_id, pin)
        async with self.database.begin() as session:
            return await self._judge(session, intent_id, typed)

    async def _compare(self, intent_id: UUID, pin: str) -> Typed:
        now, pack = self.clock(), self.recogniser.keeper.pack
        async with self.database.begin() as session:
            intent = await hold_intent(session, intent_id=intent_id, now=now)
            await require_way(session, "pin", intent=intent, pack=pack, now=now, settings=self.settings)
            member_id = intent.payer
            pin_hash = await session.scalar(select(Member.pin_hash).where(Member.id == member_id))
        is_right = pin_hash is not None and await self.hasher.verify(pin_hash, pin)
        return Typed(member_id, pin_hash, is_right)

    async def _judge(self, session: AsyncSession, intent_id: UUID, typed: Typed) -> PaymentIntent:
        now = self.clock()
        member = await session.get_one(Member, typed.member_id, with_for_update={"key_share": True})
        purse = await purse_of(session, member=member)
        intent = await hold_intent(session, intent_id=intent_id, now=now)
        if intent.ended_at is not None:
            return intent
        require_state(intent, "pay")
        attempt = PaymentAttempt(intent_id=intent.id, way="pin", created_at=now)
        if is_locked(member, now=now):
            await refuse(session, intent=intent, attempt=attempt, refusal=Refusal("pin_locked"), now=now)
        elif not typed.is_right or member.pin_hash != typed.pin_hash:
            count_wrong_answer(member, now=now)
            code = "pin_locked" if is_locked(member, now=now) else "wrong_pin"
            await refuse(session, intent=intent, attempt=attempt, refusal=Refusal(code, counts=True), now=now)
        else:
            member.pin_failures, intent.pin_proven_at = 0, now
            await settle(session, intent=intent, purse=purse, attempt=attempt, now=now, settings=self.settings)
        self.metrics.decided("online", intent.status, attempt.code)
        return intent


ByPinOf = Annotated[ByPin, Depends(made(ByPin))]
