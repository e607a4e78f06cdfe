"""Evidence: what a camera saw of a member when it decided on them, kept where the shop wants to be able to look again.

Only of somebody who was recognised, whose consent and key there are: the frame of a stranger is never kept. It is
sealed under the member's key, so destroying the key, which a new enrolment does too, takes it from backups as well.
Whoever is moved to another master key in the very moment of a decision loses that frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.database import Database
from facepay.templates.photos import seal_photo, unseal_photo
from facepay.templates.protection import Protection, TemplateUnreadable
from facepay.templates.templates import DecisionFrame, MemberKey, TemplateKey


@dataclass(frozen=True, slots=True, repr=False)
class Exhibit:
    """A picture (JPEG) that may be kept of a decision, and how."""

    jpeg: bytes
    protection: Protection
    lasts: timedelta

    def keep(self, session: AsyncSession, *, key: MemberKey, decision_id: UUID, now: datetime) -> None:
        """Written with the session's next flush. Raises GalleryLocked."""
        protection = self.protection.under(key.key_id)
        sealed = seal_photo(self.jpeg, key=key, photo_id=decision_id, protection=protection)
        session.add(DecisionFrame(id=decision_id, member_id=key.member_id, sealed=sealed, expires_at=now + self.lasts))


async def kept_until(session: AsyncSession, *, decision_id: UUID, now: datetime) -> datetime | None:
    """None where nothing is kept of the decision, or no longer."""
    return await session.scalar(
        select(DecisionFrame.expires_at).where(DecisionFrame.id == decision_id, DecisionFrame.expires_at > now)
    )


async def frame_of(
    session: AsyncSession, *, decision_id: UUID, protection: Protection, now: datetime
) -> tuple[UUID, bytes] | None:
    """Whom the decision was on, and the frame; None where nothing is kept. Raises GalleryLocked."""
    found = await session.execute(
        select(DecisionFrame.sealed, TemplateKey.member_id, TemplateKey.key_id, TemplateKey.wrapped_key)
        .join(TemplateKey, TemplateKey.member_id == DecisionFrame.member_id)
        .where(DecisionFrame.id == decision_id, DecisionFrame.expires_at > now)
    )
    row = found.one_or_none()
    if row is None or row.key_id is None or row.wrapped_key is None:
        return None
    key, sealed = MemberKey(row.member_id, row.key_id, row.wrapped_key), row.sealed
    try:
        jpeg = unseal_photo(sealed, key=key, photo_id=decision_id, protection=protection.under(key.key_id))
    except TemplateUnreadable:
        return None
    return key.member_id, jpeg


async def drop_frame(session: AsyncSession, *, decision_id: UUID) -> bool:
    gone = await session.scalar(
        delete(DecisionFrame).where(DecisionFrame.id == decision_id).returning(DecisionFrame.id)
    )
    return gone is not None


async def forget_evidence(database: Database, *, lasts: timedelta, now: datetime) -> int:
    """Drop what was kept long enough; returns how many frames. From now on none `lasts` longer than a new one would."""
    async with database.begin() as session:
        shortened = update(DecisionFrame).where(DecisionFrame.expires_at > now + lasts).values(expires_at=now + lasts)
        await session.execute(shortened)
        gone = await session.scalars(
            delete(DecisionFrame).where(DecisionFrame.expires_at <= now).returning(DecisionFrame.id)
        )
        return len(gone.all())
