"""From a proposal to a ban in force, and the dates by which somebody has to look at it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.identity.enrolment import EnrolmentPolicy, require_agreement, select_faces
from facepay.identity.sighting import embedding_of
from facepay.kernel.errors import Conflict, Problem
from facepay.kernel.ids import new_id
from facepay.settings import Settings
from facepay.stores.stores import get_open_store
from facepay.templates.protection import Protection
from facepay.vision.evidence import FrameEvidence
from facepay.watchlist.bans import Ban, BanNotInForce, BanNotProposed, OnHit, Reason, get_ban
from facepay.watchlist.gallery import count_change, sealed_face


class WatchlistOff(Conflict):
    """This installation keeps no watchlist: nobody is added to one, or looked for (`FACEPAY_WATCHLIST`)."""

    code = "watchlist_off"
    title = "No watchlist"


class BanTooLong(Problem):
    """A ban lasts `days_max` days at most."""

    status = 422
    code = "ban_too_long"
    title = "Ban too long"


class SecondPersonNeeded(Conflict):
    """Whoever proposed a ban can't approve it."""

    code = "second_person_needed"
    title = "Second person needed"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What somebody did, in `story`, and for how long they shall stay away."""

    store_id: UUID
    everywhere: bool
    name: str | None
    reason: Reason
    story: str
    on_hit: OnHit
    days: int
    review_days: int


async def propose(
    session: AsyncSession,
    *,
    proposal: Proposal,
    evidences: Sequence[FrameEvidence],
    photos: Sequence[bytes],
    protection: Protection,
    policy: EnrolmentPolicy,
    settings: Settings,
    staff_id: UUID,
    now: datetime,
) -> Ban:
    """Stops nobody yet. Each photo shows one person alone, good enough to be enrolled: a poor one is taken for others.

    Raises WatchlistOff, BanTooLong, StoreNotFound, StoreClosed, FaceNotFound, MultipleFaces, LowQuality and
    FacesDisagree.
    """
    require_watchlist(settings)
    if proposal.days > settings.watchlist_days_max:
        raise BanTooLong("A ban can't last so long.", days=proposal.days, days_max=settings.watchlist_days_max)
    await get_open_store(session, proposal.store_id)
    faces = select_faces(evidences, policy.quality)
    require_agreement([embedding_of(face) for face in faces], policy)
    ban_id = new_id()
    ban = Ban(
        id=ban_id,
        store_id=proposal.store_id,
        everywhere=proposal.everywhere,
        name=proposal.name,
        reason=proposal.reason,
        story=proposal.story,
        on_hit=proposal.on_hit,
        days=proposal.days,
        review_days=proposal.review_days,
        proposed_by=staff_id,
        proposed_at=now,
        wrapped_key=protection.new_key(ban_id),
        key_id=protection.key_id,
    )
    session.add(ban)
    await session.flush()
    session.add_all(
        sealed_face(
            ban,
            embedding_of(face),
            face.quality,
            photo=photo,
            protection=protection,
            pack=evidence.pack,
            now=now,
        )
        for evidence, face, photo in zip(evidences, faces, photos, strict=True)
    )
    await session.flush()
    return ban


async def approve(session: AsyncSession, *, ban_id: UUID, staff_id: UUID, settings: Settings, now: datetime) -> Ban:
    """From now on they are stopped, and the period runs. Raises WatchlistOff, BanNotFound, BanNotProposed and
    SecondPersonNeeded.
    """
    require_watchlist(settings)
    ban = await get_ban(session, ban_id, lock=True)
    if ban.status != "proposed":
        raise BanNotProposed("This ban doesn't wait for approval.")
    if ban.proposed_by == staff_id:
        raise SecondPersonNeeded("Whoever proposed a ban can't approve it.")
    ban.approved_by, ban.approved_at = staff_id, now
    ban.review_at = now + timedelta(days=ban.review_days)
    ban.lapses_at = now + timedelta(days=ban.days)
    await count_change(session, ban)
    return ban


async def review(session: AsyncSession, *, ban_id: UUID, staff_id: UUID, now: datetime) -> Ban:
    """Somebody looked at it and it is still needed: the next review is as many days ahead. It lasts no longer for
    that. Raises BanNotFound and BanNotInForce.
    """
    ban = await get_ban(session, ban_id, lock=True)
    if ban.status != "in_force":
        raise BanNotInForce("Only a ban that is in force is reviewed.")
    ban.reviewed_by, ban.reviewed_at = staff_id, now
    ban.review_at = now + timedelta(days=ban.review_days)
    await session.flush()
    return ban


def require_watchlist(settings: Settings) -> None:
    """Raises WatchlistOff."""
    if not settings.watchlist:
        raise WatchlistOff("This installation keeps no watchlist.")
