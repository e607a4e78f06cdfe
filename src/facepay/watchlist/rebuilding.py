"""A new model pack for bans: each photo gets a template of it, beside that of the pack which still looks out."""

from __future__ import annotations

from uuid import UUID

import structlog
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.database import Database
from facepay.templates.protection import Floats, Protection, TemplateUnreadable
from facepay.templates.rebuilding import Look
from facepay.vision.evidence import FaceQuality
from facepay.watchlist.bans import Ban, BanFace, get_ban
from facepay.watchlist.gallery import count_change, place_of, sealed_face

log = structlog.get_logger()
Remade = tuple[BanFace, bytes, Floats, FaceQuality]  # the row, its photo, and what the new pack makes of it


async def rebuild_bans(database: Database, *, protection: Protection, pack: str, look: Look) -> tuple[int, list[UUID]]:
    """Of all bans without a template of `pack`: how many have one now, and whose photos didn't do. No model runs in a
    transaction. Raises GalleryLocked.
    """
    of_pack = select(BanFace.id).where(BanFace.ban_id == Ban.id, BanFace.pack == pack)
    async with database.read() as session:
        waiting = list(await session.scalars(select(Ban).where(Ban.ended_at.is_(None), ~of_pack.exists())))
    rebuilt, refused = 0, list[UUID]()
    for ban in waiting:
        async with database.read() as session:
            of_ban = select(BanFace).where(BanFace.ban_id == ban.id).order_by(BanFace.id)
            faces = (await session.scalars(of_ban)).all()
        photos = [face for face in faces if face.pack == faces[0].pack]  # each photo once, however many packs it is of
        made = [each for face in photos if (each := await _remade(ban, face, protection, look))]
        if not made:
            refused.append(ban.id)
            continue
        async with database.begin() as session:
            rebuilt += await _write(session, ban, made, protection, pack)
    return rebuilt, refused


async def drop_other_packs(session: AsyncSession, *, pack: str) -> None:
    """Of bans that have templates of this one."""
    have = select(BanFace.ban_id).where(BanFace.pack == pack)
    await session.execute(delete(BanFace).where(BanFace.pack != pack, BanFace.ban_id.in_(have)))


async def _remade(ban: Ban, face: BanFace, protection: Protection, look: Look) -> Remade | None:
    assert ban.key_id is not None
    assert ban.wrapped_key is not None
    theirs = protection.under(ban.key_id)
    try:
        photo = theirs.unseal(face.sealed_photo, wrapped_key=ban.wrapped_key, owner_id=ban.id, place=place_of(face.id))
    except TemplateUnreadable:
        log.error("photo_unreadable", ban_id=str(ban.id))
        return None
    seen = await look(photo)
    return (face, photo, *seen) if seen else None


async def _write(session: AsyncSession, read: Ban, made: list[Remade], protection: Protection, pack: str) -> bool:
    """False where the ban has ended, or was moved to another key, since it was read."""
    ban = await get_ban(session, read.id, lock=True)
    if ban.wrapped_key is None or ban.wrapped_key != read.wrapped_key:
        return False
    session.add_all(
        sealed_face(ban, embedding, quality, photo=photo, protection=protection, pack=pack, now=face.created_at)
        for face, photo, embedding, quality in made
    )
    await session.flush()
    if ban.approved_at is not None:
        await count_change(session, ban)
    return True
