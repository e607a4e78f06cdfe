"""What the provider said, put where it belongs; and what it didn't say, asked for."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from time import monotonic
from typing import TypeVar

import structlog
from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.clock import Clock
from facepay.kernel.database import Database
from facepay.wallet import top_up_refunds, top_ups
from facepay.wallet.providers.provider import Movement, PaymentProvider, ProviderUnavailable
from facepay.wallet.top_up_refunds import TopUpRefund
from facepay.wallet.top_ups import AtProvider, TopUp

log = structlog.get_logger()
Asked = TypeVar("Asked", bound=AtProvider)
QUIET_FOR = timedelta(minutes=1)
BATCH_MAX = 50
SWEEP_SECONDS = 15.0


async def settle(session: AsyncSession, movement: Movement) -> None:
    """Take note of what became of a charge or a refund. Telling it again changes nothing."""
    room = top_ups if movement.kind == "charge" else top_up_refunds
    await room.settle(session, movement)


async def wait_until_settled(database: Database, asked: Asked, *, seconds: float) -> Asked:
    """The row once the provider has decided, or as it is when the time is over. No connection is held meanwhile."""
    deadline, pause = monotonic() + seconds, 0.01
    while True:
        async with database.begin() as session:
            row = await session.get_one(type(asked), asked.id)
        if row.status != "pending" or monotonic() >= deadline:
            return row
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.2)


async def resume(database: Database, provider: PaymentProvider, *, now: datetime) -> int:
    """Look after what has been pending for a minute: a webhook that was lost, or a crash before the call.

    Answers how many were looked at. Any number of processes may do it at once.
    """
    waiting: list[TopUp | TopUpRefund] = [*await _take(database, TopUp, now), *await _take(database, TopUpRefund, now)]
    for asked in waiting:
        try:
            await _look_after(database, provider, asked)
        except ProviderUnavailable as error:
            log.warning("provider_unavailable", reference=str(asked.id), error=str(error))
        except Exception as error:  # one that can't be settled doesn't keep the others waiting
            log.error("resuming_failed", reference=str(asked.id), exc_info=error)
    return len(waiting)


async def keep_resuming(database: Database, provider: PaymentProvider, clock: Clock) -> None:
    """Until cancelled."""
    while True:
        try:
            while await resume(database, provider, now=clock()) >= BATCH_MAX:
                pass
        except (SQLAlchemyError, OSError) as error:
            log.warning("database_unavailable", error=type(error).__name__)
        await asyncio.sleep(SWEEP_SECONDS)


async def _take(database: Database, model: type[Asked], now: datetime) -> list[Asked]:
    """The longest neglected ones, which nobody else takes for a minute."""
    quiet = select(model.id).where(model.status == "pending", model.checked_at <= now - QUIET_FOR)
    oldest = quiet.order_by(model.checked_at).limit(BATCH_MAX).with_for_update(skip_locked=True)
    async with database.begin() as session:
        taken = await session.scalars(update(model).where(model.id.in_(oldest)).values(checked_at=now).returning(model))
        return list(taken)


async def _look_after(database: Database, provider: PaymentProvider, asked: TopUp | TopUpRefund) -> None:
    """Settle what became of it; where the provider never heard of it, ask again, under the same key."""
    movement = await provider.find(asked.id)
    if movement is not None:
        async with database.begin() as session:
            await settle(session, movement)
    elif isinstance(asked, TopUp):
        await top_ups.submit(database, provider, asked)
    else:
        await top_up_refunds.submit(database, provider, asked)
