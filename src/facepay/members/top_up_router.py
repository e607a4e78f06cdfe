"""Top-ups of a member's wallet over HTTP, and the way back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request, Security
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Database, Db, Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.idempotency import (
    IdempotencyKeyInUse,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    IdempotencyOf,
    RequiredKey,
)
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Amount, Answer, Currency
from facepay.kernel.schemas import Request as Body
from facepay.members.freezes import WalletFrozen, hold_thawed
from facepay.members.members import MemberNotFound, get_member
from facepay.settings import SettingsOf
from facepay.wallet import top_up_refunds, top_ups
from facepay.wallet.providers.provider import PaymentProvider, Status
from facepay.wallet.resume import Asked, wait_until_settled
from facepay.wallet.top_up_refunds import TopUpNotRefundable, TopUpRefund, TopUpRefundRefused
from facepay.wallet.top_ups import TopUp, TopUpNotFound, get_top_up
from facepay.wallet.webhook_router import ProviderOf

router = Router(prefix="/v1/members/{member_id}/wallet/top-ups", tags=["wallet"])
Reader = Annotated[Principal, Security(current_staff, scopes=["wallet:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["wallet:write"])]
REFUSALS = (Unauthenticated, InsufficientScope, MemberNotFound)
ONCE = (IdempotencyKeyMissing, IdempotencyKeyInUse, IdempotencyKeyReused)


class NewTopUp(Body):
    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"amount": 5000, "currency": "CNY"}]}
    )

    amount: Amount
    currency: Currency


class NewTopUpRefund(Body):
    """Without an amount, all that is left of the top-up."""

    amount: Amount | None = None


class AtProviderAnswer(Answer):
    """`settled_at` is when the provider decided; `transfer_id` what the ledger then posted."""

    id: UUID
    amount: int
    currency: str
    status: Status
    failure_code: str | None
    transfer_id: UUID | None
    created_at: datetime
    settled_at: datetime | None


class TopUpAnswer(AtProviderAnswer):
    """`charge_id` is the provider's."""

    charge_id: str | None


class TopUpRefundAnswer(AtProviderAnswer):
    """`refund_id` is the provider's."""

    top_up_id: UUID
    refund_id: str | None


@dataclass(frozen=True, slots=True)
class Errand:
    """Something asked of the provider for a request: recorded once for its key, then sent, then awaited a while."""

    request: Request
    key: RequiredKey
    idempotency: IdempotencyOf
    database: Db
    provider: ProviderOf
    settings: SettingsOf

    async def run(
        self,
        writer: Principal,
        body: BaseModel,
        *,
        record: Callable[[AsyncSession], Awaitable[Asked]],
        submit: Callable[[Database, PaymentProvider, Asked], Awaitable[None]],
        show: Callable[[Asked], Answer],
    ) -> Any:
        """The answer is kept twice, pending with the record and at the end: a crash between can't charge again."""
        fingerprint = self.idempotency.fingerprint(self.request, body.model_dump_json().encode())
        async with self.idempotency.claim(owner_id=writer.id, key=self.key, fingerprint=fingerprint) as claim:
            if claim.replay:
                return claim.replay
            async with self.database.begin() as session:
                asked = await record(session)
                await claim.settle(session, show(asked), status=201)
            await submit(self.database, self.provider, asked)
            seconds = self.settings.provider_wait_ms / 1000
            answer = show(await wait_until_settled(self.database, asked, seconds=seconds))
            async with self.database.begin() as session:
                await claim.settle(session, answer, status=201)
        return answer


ErrandOf = Annotated[Errand, Depends()]


@router.post(
    "",
    status_code=201,
    summary="Top up a wallet",
    response_model=TopUpAnswer,
    responses=problems(*REFUSALS, *ONCE),
)
async def add_top_up(member_id: UUID, body: NewTopUp, writer: Writer, now: Now, errand: ErrandOf) -> Any:
    """Charge the member at the payment provider. The money is in the wallet when the status is `succeeded`.

    Usually that's at once; a top-up still `pending` is settled when the provider says so. Retry with the same
    Idempotency-Key after any doubt.
    """

    async def record(session: AsyncSession) -> TopUp:
        await get_member(session, member_id, lock=True)  # nobody is erased while their money is on its way
        return await top_ups.record(
            session,
            member_id=member_id,
            amount=body.amount,
            currency=body.currency,
            actor=f"staff:{writer.id}",
            now=now,
        )

    return await errand.run(writer, body, record=record, submit=top_ups.submit, show=TopUpAnswer.model_validate)


@router.get("", summary="List top-ups", responses=problems(*REFUSALS))
async def list_top_ups(member_id: UUID, session: Session, _: Reader, paging: Paging) -> Page[TopUpAnswer]:
    """Newest first."""
    await get_member(session, member_id)
    query = select(TopUp).where(TopUp.member_id == member_id)
    return await page(session, query, by=TopUp.id, paging=paging, show=TopUpAnswer.model_validate)


@router.get("/{top_up_id}", summary="See a top-up", responses=problems(*REFUSALS, TopUpNotFound))
async def see_top_up(member_id: UUID, top_up_id: UUID, session: Session, _: Reader) -> TopUpAnswer:
    await get_member(session, member_id)
    return TopUpAnswer.model_validate(await get_top_up(session, member_id=member_id, top_up_id=top_up_id))


@router.post(
    "/{top_up_id}/refunds",
    status_code=201,
    summary="Give a top-up back, whole or in part",
    response_model=TopUpRefundAnswer,
    responses=problems(*REFUSALS, *ONCE, TopUpNotFound, TopUpNotRefundable, TopUpRefundRefused, WalletFrozen),
)
async def add_top_up_refund(
    member_id: UUID, top_up_id: UUID, body: NewTopUpRefund, writer: Writer, now: Now, errand: ErrandOf
) -> Any:
    """From the wallet to where the money came from. It's on hold until the provider has given it back."""

    async def record(session: AsyncSession) -> TopUpRefund:
        await hold_thawed(session, member_id=member_id)
        return await top_up_refunds.record(
            session,
            member_id=member_id,
            top_up_id=top_up_id,
            amount=body.amount,
            actor=f"staff:{writer.id}",
            now=now,
        )

    return await errand.run(
        writer, body, record=record, submit=top_up_refunds.submit, show=TopUpRefundAnswer.model_validate
    )


@router.get("/{top_up_id}/refunds", summary="List a top-up's refunds", responses=problems(*REFUSALS, TopUpNotFound))
async def list_top_up_refunds(
    member_id: UUID, top_up_id: UUID, session: Session, _: Reader, paging: Paging
) -> Page[TopUpRefundAnswer]:
    """Newest first."""
    await get_member(session, member_id)
    await get_top_up(session, member_id=member_id, top_up_id=top_up_id)
    query = select(TopUpRefund).where(TopUpRefund.top_up_id == top_up_id)
    return await page(session, query, by=TopUpRefund.id, paging=paging, show=TopUpRefundAnswer.model_validate)
