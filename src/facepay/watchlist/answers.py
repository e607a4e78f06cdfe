"""What staff say about somebody who waits at a door, and what they are shown to say it by."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.alerts.alerts import resolve_if_open
from facepay.kernel.errors import Conflict, NotFound
from facepay.settings import Settings
from facepay.templates.protection import Protection, TemplateUnreadable
from facepay.watchlist import gallery, hits
from facepay.watchlist.bans import Ban, BanFace
from facepay.watchlist.hits import Answer, WatchlistHit


class HitNotFound(NotFound):
    """There is no hit with this id."""

    code = "hit_not_found"
    title = "No such hit"


class HitAnswered(Conflict):
    """Somebody has answered already, or nobody did in time: `answer` says what holds."""

    code = "hit_answered"
    title = "Hit answered"


class PictureNotKept(NotFound):
    """There is no such picture, or no longer."""

    code = "picture_not_kept"
    title = "No picture kept"


async def get_hit(session: AsyncSession, hit_id: UUID) -> WatchlistHit:
    """Raises HitNotFound."""
    hit = await session.get(WatchlistHit, hit_id)
    if hit is None:
        raise HitNotFound("There is no hit with this id.")
    return hit


async def answer(
    session: AsyncSession, *, hit_id: UUID, given: Answer, staff_id: UUID, settings: Settings, now: datetime
) -> WatchlistHit:
    """The door acts on it with the next frame. Whoever was first stays. Raises HitNotFound and HitAnswered."""
    found = await get_hit(session, hit_id)
    await session.scalar(select(Ban.id).where(Ban.id == found.ban_id).with_for_update())  # as `check` does
    await session.refresh(found)
    if found.answer is None and now >= found.expires_at:
        raise HitAnswered("Nobody answered in time, so they were refused.", answer="refuse")
    if found.answer is not None:
        raise HitAnswered("This was answered already.", answer=found.answer)
    found.settle(given, by=f"staff:{staff_id}", at=now, settings=settings)
    await session.flush()
    await resolve_if_open(session, alert_id=found.alert_id, by=f"staff:{staff_id}", note=given, now=now)
    return found


async def frame_of(session: AsyncSession, *, hit: WatchlistHit, protection: Protection) -> bytes:
    """What the door's camera saw, as JPEG. Raises PictureNotKept and GalleryLocked."""
    ban = await session.get_one(Ban, hit.ban_id)
    return _opened(hit.sealed_frame, ban, hits.place_of(hit.id), protection)


async def photo_of(session: AsyncSession, *, ban: Ban, face_id: UUID, protection: Protection) -> bytes:
    """As it was proposed, as JPEG. Raises PictureNotKept and GalleryLocked."""
    face = await session.get(BanFace, face_id)
    sealed = face.sealed_photo if face is not None and face.ban_id == ban.id else None
    return _opened(sealed, ban, gallery.place_of(face_id), protection)


def _opened(sealed: bytes | None, ban: Ban, place: bytes, protection: Protection) -> bytes:
    if sealed is None or ban.key_id is None or ban.wrapped_key is None:
        raise PictureNotKept("There is no such picture, or no longer.")
    theirs = protection.under(ban.key_id)
    try:
        return theirs.unseal(sealed, wrapped_key=ban.wrapped_key, owner_id=ban.id, place=place)
    except TemplateUnreadable:
        raise PictureNotKept("The picture can't be read.") from None
