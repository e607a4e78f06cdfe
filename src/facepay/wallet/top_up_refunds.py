"""Money of a wallet back to where it came from: put on hold, then taken when the provider has given it back."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import ForeignKey, String, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Database
from facepay.kernel.errors import Conflict
from facepay.kernel.ids import new_id
from facepay.wallet.accounts import CLEARING, house, member_wallet
from facepay.wallet.debts import collect
from facepay.wallet.ledger import Cause, Entry, Kind, Outcome, Posting, post
from facepay.wallet.providers.provider import Movement, PaymentProvider, ProviderUnavailable
from facepay.wallet.top_ups import AtProvider, at_provider_rules, get_top_up

log = structlog.get_logger()


class TopUpRefund(AtProvider, Base):
    __tablename__ = "top_up_refund"
    __table_args__ = at_provider_rules("top_up_refund")

    top_up_id: Mapped[UUID] = mapped_column(ForeignKey("top_up.id"), index=True)
    member_id: Mapped[UUID]
    charge_id: Mapped[str] = mapped_column(String(100))
    refund_id: Mapped[str | None] = mapped_column(String(100), unique=True)
    hold_id: Mapped[UUID]


class TopUpNotRefundable(Conflict):
    """The top-up didn't succeed, or less of it is left than was asked for."""

    code = "top_up_not_refundable"
    title = "Top-up not refundable"


class TopUpRefundRefused(Conflict):
    """The ledger refused to hold the money; `reason` is its code."""

    code = "top_up_refund_refused"
    title = "Refund refused"


async def record(
    session: AsyncSession, *, member_id: UUID, top_up_id: UUID, amount: int | None, actor: str, now: datetime
) -> TopUpRefund:
    """A pending refund of `amount`, or of all that is left, with the money on hold.

    Raises TopUpNotFound, TopUpNotRefundable and TopUpRefundRefused.
    """
    top_up = await get_top_up(session, member_id=member_id, top_up_id=top_up_id, lock=True)
    refunded = select(func.coalesce(func.sum(TopUpRefund.amount), 0)).where(
        TopUpRefund.top_up_id == top_up_id, TopUpRefund.status != "failed"
    )
    left = top_up.amount - int(await session.scalar(refunded) or 0) if top_up.status == "succeeded" else 0
    wanted = left if amount is None else amount
    if not 0 < wanted <= left:
        raise TopUpNotRefundable("More than is left of the top-up can't be refunded.", amount=wanted, refundable=left)
    made = TopUpRefund(
        id=new_id(),
        top_up_id=top_up_id,
        member_id=member_id,
        charge_id=top_up.charge_id,
        amount=wanted,
        currency=top_up.currency,
        actor=actor,
        status="pending",
        created_at=now,
        checked_at=now,
    )
    wallet = member_wallet(member_id, made.currency)
    hold = await _post(session, made, "hold", entries=(Entry(wallet.id, -wanted, made.currency),), now=now)
    if hold.code != "ok":
        raise TopUpRefundRefused("The wallet doesn't have the money.", reason=hold.code)
    made.hold_id = hold.transfer_id
    session.add(made)
    await session.flush()
    return made


async def submit(database: Database, provider: PaymentProvider, refund: TopUpRefund) -> None:
    """Ask the provider to give the money back; a call that breaks off is taken up again later, under the same key."""
    try:
        movement = await provider.refund(
            key=str(refund.id), charge_id=refund.charge_id, amount=refund.amount, reference=refund.id
        )
    except ProviderUnavailable as error:
        log.warning("top_up_refund_unsent", refund_id=str(refund.id), error=str(error))
        return
    async with database.begin() as session:
        await settle(session, movement)


async def settle(session: AsyncSession, movement: Movement) -> None:
    """Take note of what became of a refund: once, however often and in whatever order it's told."""
    row = await session.get(TopUpRefund, movement.reference, with_for_update=True)
    if row is None:
        log.error("refund_unknown", refund_id=movement.id, reference=str(movement.reference))
        return
    row.refund_id = row.refund_id or movement.id
    if row.status != "pending" or movement.decided_at is None:
        return
    if (row.refund_id, row.amount, row.currency) != (movement.id, movement.amount, movement.currency):
        # Neither given back nor refused. The money stays on hold until a person has looked into it.
        log.error("refund_mismatch", refund_id=movement.id, reference=str(movement.reference))
        return
    row.settled_at = movement.decided_at
    if movement.status == "failed":
        await _post(session, row, "void", target_id=row.hold_id, now=row.settled_at)
        row.status, row.failure_code = "failed", movement.failure_code
        await collect(
            session, member_id=row.member_id, unit=row.currency, actor="system:collection", now=row.settled_at
        )
    else:
        wallet, clearing = member_wallet(row.member_id, row.currency), house(CLEARING, row.currency)
        entries = (Entry(wallet.id, -row.amount, row.currency), Entry(clearing.id, row.amount, row.currency))
        taken = await _post(session, row, "capture", target_id=row.hold_id, entries=entries, now=row.settled_at)
        if not taken.ok:
            raise RuntimeError(f"refund {row.id} was given back, but its hold can't be captured: {taken.code}")
        row.status, row.transfer_id = "succeeded", taken.transfer_id
    await session.flush()


async def _post(
    session: AsyncSession,
    refund: TopUpRefund,
    kind: Kind,
    *,
    now: datetime,
    entries: tuple[Entry, ...] = (),
    target_id: UUID | None = None,
) -> Outcome:
    posting = Posting(
        key=f"top_up_refund:{refund.id}:{kind}",
        kind=kind,
        entries=entries,
        target_id=target_id,
        cause=Cause("top_up_refund", refund.id),
        actor=refund.actor,
        event_at=now,
    )
    return (await post(session, [posting]))[0]
