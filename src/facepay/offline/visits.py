"""Visits that began or ended without network: each door tells its own half, in whatever order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.entrance.gates import GateAttempt
from facepay.entrance.telling import ENTERED, LEFT, tell_visit
from facepay.entrance.visits import Visit, close_visit, current_visit, told_of
from facepay.kernel.ids import new_id
from facepay.offline.posts import OfflinePost
from facepay.stores.devices import Device

NOT_INSIDE, ALREADY_INSIDE = "not_inside", "already_inside"
EXPLAINED_MAX = 20


@dataclass(frozen=True, slots=True)
class _Exit:
    """`post` tells of it, unless it was decided with network."""

    at: datetime
    device_id: UUID
    post: OfflinePost | None = None


async def enter(session: AsyncSession, post: OfflinePost) -> str | None:
    """Open the visit, and close it where its end was told before; or why it is disputed.

    Nobody is inside twice. A debt keeps nobody out who is in already. The member's row is locked.
    """
    left = await _first_exit_after(session, post)
    overlaps = exists().where(
        Visit.store_id == post.store_id,
        Visit.member_id == post.member_id,
        or_(Visit.left_at.is_(None), Visit.left_at > post.happened_at),
    )
    if left is not None:
        overlaps = overlaps.where(Visit.entered_at < left.at)
    if await session.scalar(select(overlaps)):
        return ALREADY_INSIDE
    visit = Visit(
        id=new_id(),
        store_id=post.store_id,
        member_id=post.member_id,
        entered_at=post.happened_at,
        entry_gate_id=post.device_id,
        left_at=left.at if left else None,
        exit_gate_id=left.device_id if left else None,
        basket_unpaid=False,
        guests=0,
        is_host=False,
    )
    session.add(visit)
    await session.flush()
    post.visit_id = visit.id
    await tell_visit(session, ENTERED, told_of(visit, post.device_id), now=post.happened_at)
    if left is not None:
        await tell_visit(session, LEFT, told_of(visit, left.device_id), now=left.at)
    if left is not None and left.post is not None:
        left.post.visit_id = visit.id
    return None


async def leave(session: AsyncSession, post: OfflinePost, *, now: datetime) -> None:
    """Close the visit. Where none is open that began before, this waits for one whose beginning is told later."""
    assert post.member_id
    visit = await current_visit(session, store_id=post.store_id, member_id=post.member_id)
    if visit is None or visit.entered_at > post.happened_at:
        post.code = NOT_INSIDE
        return
    await close_visit(session, visit, gate_id=post.device_id, now=post.happened_at)
    post.visit_id = visit.id
    await session.flush()
    await _explain_entries_after(session, post, now)


async def _explain_entries_after(session: AsyncSession, left: OfflinePost, now: datetime) -> None:
    """Entries told before this exit, of somebody who seemed to be inside still: now they fit."""
    disputed = await session.scalars(
        select(OfflinePost)
        .where(
            OfflinePost.store_id == left.store_id,
            OfflinePost.member_id == left.member_id,
            OfflinePost.kind == "entry",
            OfflinePost.code == ALREADY_INSIDE,
            OfflinePost.resolved_at.is_(None),
            OfflinePost.happened_at >= left.happened_at,
        )
        .order_by(OfflinePost.happened_at)
        .limit(EXPLAINED_MAX)
    )
    for entry in disputed.all():
        if await enter(session, entry) is None:
            entry.outcome, entry.resolved_at, entry.resolved_by = "explained", now, f"device:{left.device_id}"


async def _first_exit_after(session: AsyncSession, entry: OfflinePost) -> _Exit | None:
    """When the member was next let out of this store as somebody who wasn't known to be inside."""
    told = await session.scalar(
        select(OfflinePost)
        .where(
            OfflinePost.store_id == entry.store_id,
            OfflinePost.member_id == entry.member_id,
            OfflinePost.kind == "exit",
            OfflinePost.code == NOT_INSIDE,
            OfflinePost.visit_id.is_(None),
            OfflinePost.happened_at > entry.happened_at,
        )
        .order_by(OfflinePost.happened_at)
        .limit(1)
    )
    decided = await session.scalar(
        select(GateAttempt)
        .join(Device, Device.id == GateAttempt.gate_id)
        .where(
            Device.store_id == entry.store_id,
            GateAttempt.member_id == entry.member_id,
            GateAttempt.direction == "exit",
            GateAttempt.code == NOT_INSIDE,
            GateAttempt.decided_at > entry.happened_at,
        )
        .order_by(GateAttempt.decided_at)
        .limit(1)
    )
    exits = [_Exit(decided.decided_at, decided.gate_id)] if decided else []
    exits += [_Exit(told.happened_at, told.device_id, told)] if told else []
    return min(exits, key=lambda each: each.at, default=None)
