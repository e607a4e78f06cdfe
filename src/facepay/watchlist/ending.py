"""How bans end, and what ending one erases: photos, templates, frames of hits, names and words, and the key to them.

What stays is a receipt: that there was a ban of this reason, who decided when, and how it ended. It says of nobody who
it was. What is left of the others in Postgres' pages can't be opened any more: their key is gone.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.alerts.alerts import Evidence, raise_alert
from facepay.kernel.database import Database
from facepay.settings import Settings
from facepay.watchlist.appeals import AppealNotFound, BanAppeal, NotForYou
from facepay.watchlist.bans import Ban, BanFace, BanNotInForce, BanNotProposed, Ending, get_ban
from facepay.watchlist.gallery import count_change
from facepay.watchlist.hits import NOBODY, WatchlistHit
from facepay.watchlist.kinds import BAN_REVIEW_DUE

PROPOSAL_LASTS = timedelta(days=7)
HOUSE = "housekeeping"


async def end(session: AsyncSession, ban: Ban, ending: Ending, *, by: str, now: datetime) -> None:
    """Erase all that says who it is, and keep nobody waiting for it. The ban is locked, and open."""
    ban.ended_at, ban.ended_by, ban.ending = now, by, ending
    ban.name = ban.story = ban.wrapped_key = ban.key_id = None
    await session.execute(delete(BanFace).where(BanFace.ban_id == ban.id))
    await session.execute(update(BanAppeal).where(BanAppeal.ban_id == ban.id).values(words=None, finding=None))
    hits = update(WatchlistHit).where(WatchlistHit.ban_id == ban.id)
    await session.execute(hits.values(sealed_face=None, sealed_frame=None, similarity=None))
    waiting = hits.where(WatchlistHit.answer.is_(None), WatchlistHit.expires_at > now)
    await session.execute(waiting.values(answer="admit", answered_by=by, answered_at=now))
    if ban.approved_at is not None:
        await count_change(session, ban)
    await session.flush()


async def reject(session: AsyncSession, *, ban_id: UUID, by: str, now: datetime) -> Ban:
    """Raises BanNotFound and BanNotProposed."""
    ban = await get_ban(session, ban_id, lock=True)
    if ban.status != "proposed":
        raise BanNotProposed("This ban doesn't wait for approval.")
    await end(session, ban, Ending.REJECTED, by=by, now=now)
    return ban


async def lift(session: AsyncSession, *, ban_id: UUID, by: str, now: datetime) -> Ban:
    """Before its time. Raises BanNotFound and BanNotInForce."""
    ban = await get_ban(session, ban_id, lock=True)
    if ban.status != "in_force":
        raise BanNotInForce("This ban is not in force.")
    await end(session, ban, Ending.LIFTED, by=by, now=now)
    return ban


async def decide_appeal(
    session: AsyncSession, *, appeal_id: UUID, upheld: bool, finding: str, staff_id: UUID, now: datetime
) -> BanAppeal:
    """Upheld, the ban ends here and now. Raises AppealNotFound, BanNotInForce and NotForYou."""
    ban_id = await session.scalar(select(BanAppeal.ban_id).where(BanAppeal.id == appeal_id))
    if ban_id is None:
        raise AppealNotFound("There is no appeal with this id.")
    ban = await get_ban(session, ban_id, lock=True)
    appeal = await session.get_one(BanAppeal, appeal_id, with_for_update=True, populate_existing=True)
    if appeal.decided_at is not None:
        raise AppealNotFound("This appeal was decided already.")
    if ban.status != "in_force":
        raise BanNotInForce("The ban has ended, and what it said of anybody is erased.")
    if staff_id in (appeal.proposed_by, appeal.approved_by):
        raise NotForYou("Whoever proposed or approved a ban doesn't decide about an appeal against it.")
    appeal.decided_by, appeal.decided_at, appeal.upheld, appeal.finding = staff_id, now, upheld, finding
    await session.flush()
    if upheld:
        await end(session, ban, Ending.APPEAL_UPHELD, by=f"staff:{staff_id}", now=now)
    return appeal


async def keep_watchlist(database: Database, *, settings: Settings, now: datetime) -> None:
    """End what is over, ask for reviews, and forget what was seen once no answer counts any more."""
    async with database.begin() as session:
        await _forget_hits(session, now)
        await _ask_for_reviews(session, now)
    async with database.read() as session:
        over = list(await session.scalars(select(Ban.id).where(Ban.ended_at.is_(None), _is_over(settings, now))))
    for ban_id in over:
        async with database.begin() as session:
            ban = await get_ban(session, ban_id, lock=True)
            if ending := _why_over(ban, settings, now):
                await end(session, ban, ending, by=HOUSE, now=now)


def _is_over(settings: Settings, now: datetime) -> ColumnElement[bool]:
    return or_(
        Ban.lapses_at <= now,
        Ban.review_at <= now - timedelta(days=settings.watchlist_review_grace_days),
        Ban.approved_at.is_(None) & (Ban.proposed_at <= now - PROPOSAL_LASTS),
    )


def _why_over(ban: Ban, settings: Settings, now: datetime) -> Ending | None:
    if ban.ended_at is not None:
        return None
    if ban.review_at is None or ban.lapses_at is None:
        return Ending.UNANSWERED if ban.proposed_at <= now - PROPOSAL_LASTS else None
    if ban.lapses_at <= now:
        return Ending.LAPSED
    overdue = ban.review_at <= now - timedelta(days=settings.watchlist_review_grace_days)
    return Ending.UNREVIEWED if overdue else None


async def _ask_for_reviews(session: AsyncSession, now: datetime) -> None:
    due = select(Ban).where(Ban.ended_at.is_(None), Ban.review_at <= now, Ban.lapses_at > now).order_by(Ban.id)
    for ban in await session.scalars(due):
        if ban.review_asked_at is None or ban.review_at is None or ban.review_asked_at < ban.review_at:
            ban.review_asked_at = now
            await raise_alert(
                session,
                BAN_REVIEW_DUE,
                store_id=ban.store_id,
                subject=str(ban.id),
                now=now,
                evidence=Evidence("ban", ban.id),
            )
    await session.flush()


async def _forget_hits(session: AsyncSession, now: datetime) -> None:
    unanswered = update(WatchlistHit).where(WatchlistHit.answer.is_(None), WatchlistHit.expires_at <= now)
    await session.execute(unanswered.values(answer="refuse", answered_by=NOBODY, answered_at=WatchlistHit.expires_at))
    seen = update(WatchlistHit).where(WatchlistHit.counts_until <= now, WatchlistHit.sealed_face.is_not(None))
    await session.execute(seen.values(sealed_face=None, sealed_frame=None))
