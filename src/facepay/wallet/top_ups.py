"""Top-ups: money that the payment provider collects for us becomes a member's balance.

Nobody waits for a provider inside a transaction: a top-up is recorded, then the provider is called, and its answer is
settled when it comes, by webhook (`settle`) or because we asked (`wallet.resume`).
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import CheckConstraint, Index, String, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Database, Identified
from facepay.kernel.errors import NotFound
from facepay.kernel.ids import new_id
from facepay.wallet.accounts import CLEARING, house, member_wallet, wallet_balance
from facepay.wallet.debts import collect
from facepay.wallet.ledger import Cause, Entry, Posting
from facepay.wallet.payments import Payment, post_opening
from facepay.wallet.providers.provider import Movement, PaymentProvider, ProviderUnavailable, Status

log = structlog.get_logger()


class ProviderCustomer(Base):
    """Whom the provider knows a member as."""

    __tablename__ = "provider_customer"

    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    customer_id: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime]


class AtProvider(Identified):
    """What we asked of the provider. `settled_at` is when it decided, `checked_at` when we last looked after it."""

    status: Mapped[Status] = mapped_column(String(10), default="pending")
    failure_code: Mapped[str | None] = mapped_column(String(40))
    amount: Mapped[int]
    currency: Mapped[str] = mapped_column(String(12))
    transfer_id: Mapped[UUID | None]
    actor: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]
    checked_at: Mapped[datetime]
    settled_at: Mapped[datetime | None] = mapped_column(index=True)


def at_provider_rules(table: str) -> tuple[CheckConstraint | Index, ...]:
    """The constraints of a table of AtProvider rows."""
    return (
        CheckConstraint("status in ('pending', 'succeeded', 'failed')", name="status_known"),
        CheckConstraint("(status = 'pending') = (settled_at is null)", name="settled"),
        CheckConstraint("(status = 'failed') = (failure_code is not null)", name="failed_says_why"),
        CheckConstraint("(status = 'succeeded') = (transfer_id is not null)", name="succeeded_is_posted"),
        CheckConstraint("amount > 0", name="amount_positive"),
        Index(f"ix_{table}_pending", "checked_at", postgresql_where=text("status = 'pending'")),
    )


class TopUp(AtProvider, Base):
    __tablename__ = "top_up"
    __table_args__ = at_provider_rules("top_up")

    member_id: Mapped[UUID] = mapped_column(index=True)
    charge_id: Mapped[str | None] = mapped_column(String(100), unique=True)


class TopUpNotFound(NotFound):
    """This member has no such top-up."""

    code = "top_up_not_found"
    title = "No such top-up"


async def get_top_up(session: AsyncSession, *, member_id: UUID, top_up_id: UUID, lock: bool = False) -> TopUp:
    """Raises TopUpNotFound."""
    found = await session.get(TopUp, top_up_id, with_for_update=lock or None)
    if found is None or found.member_id != member_id:
        raise TopUpNotFound("This member has no top-up with this id.")
    return found


async def record(
    session: AsyncSession, *, member_id: UUID, amount: int, currency: str, actor: str, now: datetime
) -> TopUp:
    """A pending top-up. The provider is only called when this is committed."""
    made = TopUp(
        id=new_id(),
        member_id=member_id,
        amount=amount,
        currency=currency,
        actor=actor,
        status="pending",
        created_at=now,
        checked_at=now,
    )
    session.add(made)
    await session.flush()
    return made


async def submit(database: Database, provider: PaymentProvider, top_up: TopUp) -> None:
    """Charge the member at the provider; a call that breaks off is taken up again later, under the same key."""
    try:
        customer_id = await _customer(database, provider, top_up)
        movement = await provider.charge(
            key=str(top_up.id),
            customer_id=customer_id,
            amount=top_up.amount,
            currency=top_up.currency,
            reference=top_up.id,
        )
    except ProviderUnavailable as error:
        log.warning("top_up_unsent", top_up_id=str(top_up.id), error=str(error))
        return
    async with database.begin() as session:
        await settle(session, movement)


async def settle(session: AsyncSession, movement: Movement) -> None:
    """Take note of what became of a charge: once, however often and in whatever order it's told."""
    row = await session.get(TopUp, movement.reference, with_for_update=True)
    if row is None:
        log.error("charge_unknown", charge_id=movement.id, reference=str(movement.reference))
        return
    row.charge_id = row.charge_id or movement.id
    if row.status != "pending" or movement.decided_at is None:
        return
    row.settled_at = movement.decided_at
    if (row.charge_id, row.amount, row.currency) != (movement.id, movement.amount, movement.currency):
        # Not what we asked for. No guess at what the member is owed: reconciliation lists it for a person to decide.
        row.status, row.failure_code = "failed", "provider_mismatch"
    elif movement.status == "failed":
        row.status, row.failure_code = "failed", movement.failure_code
    else:
        credit = await top_up(
            session,
            top_up_id=row.id,
            member_id=row.member_id,
            amount=row.amount,
            currency=row.currency,
            actor=row.actor,
            now=row.settled_at,
        )
        if credit.ok:
            row.status, row.transfer_id = "succeeded", credit.transfer_id
            await collect(
                session, member_id=row.member_id, unit=row.currency, actor="system:collection", now=row.settled_at
            )
        else:
            row.status, row.failure_code = "failed", credit.code
    await session.flush()


async def top_up(
    session: AsyncSession, *, top_up_id: UUID, member_id: UUID, amount: int, currency: str, actor: str, now: datetime
) -> Payment:
    """Credit the wallet with what the provider has collected."""
    wallet, clearing = member_wallet(member_id, currency), house(CLEARING, currency)
    posting = Posting(
        key=f"top_up:{top_up_id}",
        kind="transfer",
        entries=(Entry(wallet.id, amount, currency), Entry(clearing.id, -amount, currency)),
        cause=Cause("top_up", top_up_id),
        actor=actor,
        event_at=now,
    )
    outcome = await post_opening(session, posting, accounts=[wallet, clearing])
    available = outcome.available
    if available is None:
        available = (await wallet_balance(session, member_id=member_id, unit=currency)).available
    return Payment(outcome.code, outcome.transfer_id, available)


async def _customer(database: Database, provider: PaymentProvider, top_up: TopUp) -> str:
    member_id = top_up.member_id
    async with database.begin() as session:
        known = await session.scalar(select(ProviderCustomer.customer_id).filter_by(member_id=member_id))
    if known is not None:
        return known
    customer_id = await provider.bind(member_id)
    async with database.begin() as session:
        # Only while the top-up is pending, and its row held so: once it's settled, the member may be erased.
        pending = select(TopUp.id).where(TopUp.id == top_up.id, TopUp.status == "pending").with_for_update()
        if await session.scalar(pending) is None:
            return customer_id
        fresh = insert(ProviderCustomer).values(
            member_id=member_id, customer_id=customer_id, created_at=top_up.created_at
        )
        await session.execute(fresh.on_conflict_do_nothing())
    return customer_id
