"""What a member owes, over HTTP: see it, collect it from the wallet, write it off."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Request, Security
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.idempotency import (
    IdempotencyKeyInUse,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    IdempotencyOf,
    RequiredKey,
)
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Answer, Currency, Line
from facepay.kernel.schemas import Request as Body
from facepay.members.members import MemberNotFound, get_member
from facepay.settings import SettingsOf
from facepay.wallet.debts import NothingOwed, collect, debts_of, write_off

router = Router(prefix="/v1/members/{member_id}/debts", tags=["wallet"])
Reader = Annotated[Principal, Security(current_staff, scopes=["wallet:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["wallet:write"])]
REFUSALS = (Unauthenticated, InsufficientScope, MemberNotFound)
ONCE = (IdempotencyKeyMissing, IdempotencyKeyInUse, IdempotencyKeyReused)
DebtCurrency = Annotated[Currency | None, Field(description="`FACEPAY_CURRENCY` where none is given.")]


class Debt(Answer):
    """In minor units."""

    currency: str
    owed: int


class DebtsAnswer(Answer):
    items: list[Debt]


class Collection(Body):
    currency: DebtCurrency = None


class WriteOff(Body):
    reason: Annotated[Line, Field(examples=["Moved abroad"])]
    currency: DebtCurrency = None


class WriteOffAnswer(Answer):
    id: UUID
    member_id: UUID
    amount: int
    currency: str
    reason: str
    actor: str
    transfer_id: UUID
    created_at: datetime


@router.get("", summary="See what a member owes", responses=problems(*REFUSALS))
async def see_debts(member_id: UUID, session: Session, _: Reader) -> DebtsAnswer:
    """By currency; none where they owe nothing."""
    await get_member(session, member_id)
    owed = await debts_of(session, member_id=member_id)
    return DebtsAnswer(items=[Debt(currency=currency, owed=amount) for currency, amount in owed.items()])


@router.post(
    "/collection",
    summary="Collect a debt from the wallet",
    response_model=Debt,
    responses=problems(*REFUSALS, *ONCE),
)
async def collect_debt(
    member_id: UUID,
    body: Collection,
    request: Request,
    key: RequiredKey,
    writer: Writer,
    idempotency: IdempotencyOf,
    settings: SettingsOf,
    now: Now,
) -> Any:
    """As much as the wallet has; answers what is still owed. A top-up and a refund are collected from by themselves."""
    currency = body.currency or settings.currency

    async def act(session: AsyncSession) -> Debt:
        await get_member(session, member_id, lock=True)
        left = await collect(session, member_id=member_id, unit=currency, actor=f"staff:{writer.id}", now=now)
        return Debt(currency=currency, owed=left)

    return await idempotency.once(request, owner_id=writer.id, key=key, body=body, act=act)


@router.post(
    "/write-off",
    status_code=201,
    summary="Write a debt off",
    response_model=WriteOffAnswer,
    responses=problems(*REFUSALS, *ONCE, NothingOwed),
)
async def write_debt_off(
    member_id: UUID,
    body: WriteOff,
    request: Request,
    key: RequiredKey,
    writer: Writer,
    idempotency: IdempotencyOf,
    settings: SettingsOf,
    now: Now,
) -> Any:
    """All of it, which is the house's loss from then on. Who did so and why stays on record."""

    async def act(session: AsyncSession) -> WriteOffAnswer:
        await get_member(session, member_id, lock=True)
        made = await write_off(
            session,
            member_id=member_id,
            unit=body.currency or settings.currency,
            reason=body.reason,
            actor=f"staff:{writer.id}",
            now=now,
        )
        return WriteOffAnswer.model_validate(made)

    return await idempotency.once(request, owner_id=writer.id, key=key, body=body, act=act, status=201)
