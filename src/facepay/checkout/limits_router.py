"""Limits over HTTP: a member's own, and a store's."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Security
from pydantic import ConfigDict, Field

from facepay.checkout import limits
from facepay.checkout.limits import NAMES, Limits, SpendingLimit
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import AMOUNT_MAX, Amount, Answer, Request
from facepay.members.members import MemberNotFound
from facepay.settings import Settings, SettingsOf
from facepay.stores.stores import StoreClosed, StoreNotFound

router = Router(prefix="/v1")
Reader = Annotated[Principal, Security(current_staff, scopes=["wallet:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["wallet:write"])]
REFUSALS = (Unauthenticated, InsufficientScope)
Payments = Annotated[int, Field(ge=1, le=10_000, strict=True)]
Threshold = Annotated[int, Field(ge=0, le=AMOUNT_MAX, strict=True, description="0: always ask.")]


class NewLimits(Request):
    """All of them at once; one that is null or left out is the chain's default again."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"payment_max": 50_000, "daily_spend_max": 100_000, "step_up_above": 20_000}]},
    )

    payment_max: Amount | None = None
    daily_spend_max: Amount | None = None
    store_daily_spend_max: Amount | None = None
    ten_minute_payments_max: Payments | None = None
    step_up_above: Threshold | None = None


class ChainLimits(Answer):
    payment_max: int
    daily_spend_max: int
    store_daily_spend_max: int
    ten_minute_payments_max: int
    step_up_above: int


class LimitsAnswer(Answer):
    """Where both the store and the member have a limit of their own, the lower one holds."""

    payment_max: int | None
    daily_spend_max: int | None
    store_daily_spend_max: int | None
    ten_minute_payments_max: int | None
    step_up_above: int | None
    changed_by: str | None
    changed_at: datetime | None
    defaults: Annotated[ChainLimits, Field(description="The chain's, for whatever is null.")]

    @classmethod
    def of(cls, own: SpendingLimit | None, settings: Settings) -> LimitsAnswer:
        shown = (*NAMES, "changed_by", "changed_at")
        return cls(**{name: getattr(own, name, None) for name in shown}, defaults=ChainLimits.model_validate(settings))


@router.get(
    "/members/{member_id}/limits",
    tags=["limits"],
    summary="See a member's limits",
    responses=problems(*REFUSALS, MemberNotFound),
)
async def see_member_limits(member_id: UUID, session: Session, _: Reader, settings: SettingsOf) -> LimitsAnswer:
    return LimitsAnswer.of(await limits.member_limits(session, member_id), settings)


@router.put(
    "/members/{member_id}/limits",
    tags=["limits"],
    summary="Limit what a member may spend",
    responses=problems(*REFUSALS, MemberNotFound),
)
async def limit_member(
    member_id: UUID, body: NewLimits, session: Session, writer: Writer, settings: SettingsOf, now: Now
) -> LimitsAnswer:
    """In every store, from the next payment on. Amounts in minor units."""
    own = await limits.limit_member(
        session, member_id=member_id, limits=Limits(**body.model_dump()), actor=f"staff:{writer.id}", now=now
    )
    return LimitsAnswer.of(own, settings)


@router.get(
    "/stores/{store_id}/limits",
    tags=["limits"],
    summary="See a store's limits",
    responses=problems(*REFUSALS, StoreNotFound, StoreClosed),
)
async def see_store_limits(store_id: UUID, session: Session, _: Reader, settings: SettingsOf) -> LimitsAnswer:
    return LimitsAnswer.of(await limits.store_limits(session, store_id), settings)


@router.put(
    "/stores/{store_id}/limits",
    tags=["limits"],
    summary="Limit what each member may spend in a store",
    responses=problems(*REFUSALS, StoreNotFound, StoreClosed),
)
async def limit_store(
    store_id: UUID, body: NewLimits, session: Session, writer: Writer, settings: SettingsOf, now: Now
) -> LimitsAnswer:
    """For everybody who pays there, from the next payment on. Amounts in minor units."""
    own = await limits.limit_store(
        session, store_id=store_id, limits=Limits(**body.model_dump()), actor=f"staff:{writer.id}", now=now
    )
    return LimitsAnswer.of(own, settings)
