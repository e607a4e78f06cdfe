"""A new master key for bans: each gets a new key, under which all of it that is sealed is sealed again."""

from __future__ import annotations

from uuid import UUID

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.templates.protection import Protection, TemplateUnreadable
from facepay.watchlist import gallery, hits
from facepay.watchlist.bans import Ban, BanFace
from facepay.watchlist.hits import WatchlistHit

log = structlog.get_logger()


async def bans_under_others(session: AsyncSession, *, protection: Protection) -> dict[str, int]:
    """How many bans are still under each master key that is not in force."""
    found = await session.execute(
        select(Ban.key_id, func.count()).where(Ban.key_id != protection.key_id).group_by(Ban.key_id)
    )
    return {key_id: count for key_id, count in found if key_id is not None}


async def rekey_bans(session: AsyncSession, *, protection: Protection) -> int:
    """Move every ban whose master key `protection` knows to the one in force; returns how many were.

    They are few, so it is one transaction. One that can't be read is left, and named in the log: lift it.
    """
    known = protection.known_key_ids - {protection.key_id}
    bans = await session.scalars(select(Ban).where(Ban.key_id.in_(known)).order_by(Ban.id).with_for_update())
    moved = 0
    for ban in bans.all():
        faces = (await session.scalars(select(BanFace).where(BanFace.ban_id == ban.id))).all()
        seen = select(WatchlistHit).where(WatchlistHit.ban_id == ban.id, WatchlistHit.sealed_face.is_not(None))
        try:
            renewed = _Renewed(ban, protection)
            sealed = [(face, renewed.template(face.id, face.sealed_template)) for face in faces]
            photos = [renewed.picture(gallery.place_of(face.id), face.sealed_photo) for face in faces]
        except TemplateUnreadable:
            log.error("ban_unreadable", ban_id=str(ban.id))
            continue
        for (face, template), photo in zip(sealed, photos, strict=True):
            face.sealed_template, face.sealed_photo = template, photo
        for hit in await session.scalars(seen):
            _reseal(hit, renewed)
        ban.key_id, ban.wrapped_key = protection.key_id, renewed.key
        moved += 1
    await session.flush()
    return moved


class _Renewed:
    """A ban's new key, and what was sealed under the old one sealed under it."""

    def __init__(self, ban: Ban, new: Protection) -> None:
        assert ban.key_id is not None
        assert ban.wrapped_key is not None
        self._ban_id, self._old_key = ban.id, ban.wrapped_key
        self._old, self._new = new.under(ban.key_id), new
        self.key = new.new_key(ban.id)

    def template(self, template_id: UUID, sealed: bytes) -> bytes:
        """Raises TemplateUnreadable."""
        plain = self._old.unseal_template(
            sealed, wrapped_key=self._old_key, owner_id=self._ban_id, template_id=template_id
        )
        turned = self._new.rotate_from(self._old, plain)
        return self._new.seal_template(turned, wrapped_key=self.key, owner_id=self._ban_id, template_id=template_id)

    def picture(self, place: bytes, sealed: bytes) -> bytes:
        """Raises TemplateUnreadable."""
        plain = self._old.unseal(sealed, wrapped_key=self._old_key, owner_id=self._ban_id, place=place)
        return self._new.seal(plain, wrapped_key=self.key, owner_id=self._ban_id, place=place)


def _reseal(hit: WatchlistHit, renewed: _Renewed) -> None:
    """What can't be read is of no more use."""
    face, frame = hit.sealed_face, hit.sealed_frame
    try:
        hit.sealed_face = renewed.template(hit.id, face) if face else None
        hit.sealed_frame = renewed.picture(hits.place_of(hit.id), frame) if frame else None
    except TemplateUnreadable:
        hit.sealed_face = hit.sealed_frame = None
