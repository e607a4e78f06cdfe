"""The gallery of banned faces: sealed and rotated under keys of its own, so that nothing in it compares with a member's
template without both, and followed by every process as the members' is.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.ids import new_id
from facepay.kernel.secrets import MasterKey
from facepay.templates.keeper import GalleryKeeper, Kept
from facepay.templates.memory_gallery import MemoryGallery
from facepay.templates.protection import Floats, Protection
from facepay.templates.templates import PORTION, Change, next_version
from facepay.vision.evidence import FaceQuality
from facepay.watchlist.bans import Ban, BanFace

GALLERY, TOPIC = 2, "watchlist"


async def changes_after(session: AsyncSession, *, version: int, pack: str) -> AsyncGenerator[Sequence[Change]]:
    """Bans that came into force or ended after `version`, oldest first; one statement, one moment."""
    of_pack = (BanFace.ban_id == Ban.id) & (BanFace.pack == pack) & Ban.ended_at.is_(None)
    query = (
        select(
            Ban.gallery_version,
            Ban.id,
            BanFace.id,
            Ban.wrapped_key,
            Ban.key_id,
            BanFace.sealed_template,
            BanFace.embedding_norm,
        )
        .outerjoin(BanFace, of_pack)
        .where(Ban.gallery_version > version)
        .order_by(Ban.gallery_version, Ban.id, BanFace.id)
        .execution_options(yield_per=PORTION)
    )
    result = await session.stream(query)
    try:
        async for rows in result.partitions():
            yield [Change(*row) for row in rows]
    finally:
        await result.close()


WATCHLIST = Kept(GALLERY, TOPIC, changes_after)


def protection_of(master_key: MasterKey) -> Protection:
    return Protection(master_key, purpose="watchlist")


def keeper_of(protection: Protection, *, pack: str) -> GalleryKeeper:
    """An empty one; it fills with the first search."""
    return GalleryKeeper(gallery=MemoryGallery(protection.rotate), protection=protection, pack=pack, kept=WATCHLIST)


async def get_protection(request: Request) -> Protection:
    protection: Protection = request.app.state.watchlist_protection
    return protection


ProtectionOf = Annotated[Protection, Depends(get_protection)]


async def count_change(session: AsyncSession, ban: Ban) -> None:
    """From now on every process's gallery has it as it is."""
    ban.gallery_version = await next_version(session, gallery=GALLERY, topic=TOPIC)
    await session.flush()


def sealed_face(
    ban: Ban, embedding: Floats, quality: FaceQuality, *, photo: bytes, protection: Protection, pack: str, now: datetime
) -> BanFace:
    """A row to be added: the embedding, rotated, and the photo it is of, under the ban's key. Raises GalleryLocked."""
    face_id, key, key_id = new_id(), ban.wrapped_key, ban.key_id
    assert key is not None
    assert key_id is not None
    assert quality.embedding_norm is not None, "this face was embedded"
    theirs = protection.under(key_id)
    template = theirs.rotate(embedding)
    return BanFace(
        id=face_id,
        ban_id=ban.id,
        pack=pack,
        sealed_template=theirs.seal_template(template, wrapped_key=key, owner_id=ban.id, template_id=face_id),
        sealed_photo=theirs.seal(photo, wrapped_key=key, owner_id=ban.id, place=place_of(face_id)),
        embedding_norm=quality.embedding_norm,
        created_at=now,
    )


def place_of(face_id: UUID) -> bytes:
    """What a photo is sealed for."""
    return b"ban photo" + face_id.bytes
