"""Enrolment photos, where shop and member both said that they may be kept: sealed under the member's key."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.database import Database
from facepay.kernel.ids import new_id
from facepay.members.consents import Consent
from facepay.templates.protection import Protection
from facepay.templates.templates import EnrolmentPhoto, MemberKey, TemplateKey


async def keep_photos(
    session: AsyncSession, *, protection: Protection, member_id: UUID, photos: Sequence[bytes], now: datetime
) -> None:
    """Beside the templates just enrolled, under their key. Raises GalleryLocked."""
    row = await session.get_one(TemplateKey, member_id, with_for_update=True, populate_existing=True)
    key = MemberKey(member_id, row.key_id or "", row.wrapped_key or b"")
    for photo in photos:
        photo_id = new_id()
        sealed = seal_photo(photo, key=key, photo_id=photo_id, protection=protection.under(key.key_id))
        session.add(EnrolmentPhoto(id=photo_id, member_id=member_id, sealed=sealed, created_at=now))
    await session.flush()


def seal_photo(photo: bytes, *, key: MemberKey, photo_id: UUID, protection: Protection) -> bytes:
    """Raises TemplateUnreadable where the member's key was altered."""
    place = _place(key.member_id, photo_id)
    return protection.seal(photo, wrapped_key=key.wrapped_key, owner_id=key.member_id, place=place)


def unseal_photo(sealed: bytes, *, key: MemberKey, photo_id: UUID, protection: Protection) -> bytes:
    """Undo `seal_photo`. Raises TemplateUnreadable."""
    place = _place(key.member_id, photo_id)
    return protection.unseal(sealed, wrapped_key=key.wrapped_key, owner_id=key.member_id, place=place)


async def forget_photos(database: Database) -> int:
    """Delete the photos of members whose consent no longer covers them; returns how many."""
    allowed = select(Consent.id).where(
        Consent.member_id == EnrolmentPhoto.member_id, Consent.withdrawn_at.is_(None), Consent.keeps_photo
    )
    async with database.begin() as session:
        gone = await session.scalars(delete(EnrolmentPhoto).where(~allowed.exists()).returning(EnrolmentPhoto.id))
        return len(gone.all())


def _place(member_id: UUID, photo_id: UUID) -> bytes:
    return b"photo" + member_id.bytes + photo_id.bytes
