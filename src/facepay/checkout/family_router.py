"""What a family has spent, all of it and each of its members, over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query, Security
from pydantic import AwareDatetime, Field
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.checkout.orders import Order
from facepay.families.families import FamilyNotFound, dependants_of, get_family
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now, day_start
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import CLOCK_FROM, CLOCK_TO, Answer
from facepay.settings import SettingsOf

router = Router(prefix="/v1/families", tags=["families"])
Reader = Annotated[Principal, Security(current_staff, scopes=["members:read", "orders:read"])]
Since = Annotated[AwareDatetime | None, Query(ge=CLOCK_FROM, lt=CLOCK_TO, description="Without it: since midnight.")]


class Spent(Answer):
    member_id: UUID
    orders: int
    amount: Annotated[int, Field(description="Tips included, less what was given back.")]


class SpendingAnswer(Answer):
    """In minor units, of what is charged to the payer's wallet: the payer first, then their dependants."""

    family_id: UUID
    currency: str
    since: datetime
    amount: Annotated[int, Field(description="Of all of them.")]
    members: list[Spent]


@router.get(
    "/{family_id}/spending",
    summary="See what a family has spent",
    responses=problems(Unauthenticated, InsufficientScope, FamilyNotFound),
)
async def see_spending(
    family_id: UUID, session: Session, _: Reader, settings: SettingsOf, now: Now, since: Since = None
) -> SpendingAnswer:
    """By the chain's clock, as limits are. Whoever isn't in the family any more is counted in the whole alone."""
    since = since or day_start(now, time_zone=settings.time_zone)
    family = await get_family(session, family_id)
    spent = await _spent(session, family.payer_id, settings.currency, since)
    people = [family.payer_id, *(each.member_id for each in await dependants_of(session, family_id=family.id))]
    nothing = (0, 0)
    return SpendingAnswer(
        family_id=family.id,
        currency=settings.currency,
        since=since,
        amount=sum(amount for _, amount in spent.values()),
        members=[
            Spent(member_id=each, orders=spent.get(each, nothing)[0], amount=spent.get(each, nothing)[1])
            for each in people
        ],
    )


async def _spent(session: AsyncSession, payer_id: UUID, currency: str, since: datetime) -> dict[UUID, tuple[int, int]]:
    """How many orders this wallet paid, and how much, by whoever bought them."""
    buyer = func.coalesce(Order.buyer_id, Order.member_id)
    rows = await session.execute(
        select(buyer, func.count(), func.sum(Order.total + Order.tip - Order.refunded - Order.tip_refunded))
        .where(Order.member_id == payer_id, Order.currency == currency, Order.created_at >= since)
        .group_by(buyer)
    )
    return {buyer_id: (orders, int(amount)) for buyer_id, orders, amount in rows}
