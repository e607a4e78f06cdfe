"""How a payer may prove who they are: by their face, by their PIN, or by both where the amount is large."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.checkout.limits import NeedsStepUp, judge
from facepay.identity.verification import face_alone_suffices
from facepay.kernel.errors import Conflict
from facepay.members.members import Member
from facepay.members.pins import is_locked
from facepay.online.intents import PaymentIntent, require_state
from facepay.settings import Settings

Way = Literal["face", "pin"]


@dataclass(frozen=True, slots=True)
class Ways:
    """Those that are `open`, and how many of them have to be `needed`: one, or both. None where that can't be done."""

    open: tuple[Way, ...] = ()
    needed: int = 1


class WayNotOpen(Conflict):
    """This payment can't be proven so, or not now; `ways` says how it can."""

    code = "payment_way_not_open"
    title = "Way not open"


async def ways_of(
    session: AsyncSession, *, intent: PaymentIntent, pack: str, now: datetime, settings: Settings
) -> Ways:
    """What is left to prove, as far as can be said without a lock."""
    if intent.status != "requires_action":
        return Ways()
    by_face = face_alone_suffices(intent.payer, pack=pack, now=now)
    row = (await session.execute(select(Member, by_face).where(Member.id == intent.payer))).one()
    member: Member = row[0]
    has: dict[Way, bool] = {"face": row[1], "pin": member.pin_hash is not None and not is_locked(member, now=now)}
    verdict = await judge(
        session, member=member, store_id=intent.store_id, amount=intent.amount, now=now, settings=settings
    )
    proven: list[Way] = [way for way in has if intent.has_proof(way, now)]
    needed = 2 - len(proven) if isinstance(verdict, NeedsStepUp) else 1
    left = tuple(way for way, there in has.items() if there and way not in proven)
    return Ways(left, needed) if len(left) >= needed else Ways((), needed)


async def require_way(
    session: AsyncSession, way: Way, *, intent: PaymentIntent, pack: str, now: datetime, settings: Settings
) -> None:
    """Raises PaymentIntentUnexpectedState and WayNotOpen."""
    require_state(intent, "pay")
    ways = await ways_of(session, intent=intent, pack=pack, now=now, settings=settings)
    if way not in ways.open:
        raise WayNotOpen("This payment can't be proven so at present.", ways=list(ways.open))
