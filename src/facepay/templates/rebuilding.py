"""A new model pack makes every member's templates anew, where photos were kept; the others have to enrol again.

Templates of both packs lie side by side meanwhile, and every process serves those of its own. So: rebuild under the
new pack, restart the replicas with it, rebuild once more for who enrolled in between, and drop the old pack's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.database import Database
from facepay.members.consents import Consent, in_force
from facepay.templates.photos import unseal_photo
from facepay.templates.protection import Floats, Protection, TemplateUnreadable
from facepay.templates.templates import (
    EnrolmentPhoto,
    MemberKey,
    Template,
    TemplateKey,
    next_version,
    sealed_template,
)
from facepay.vision.evidence import FaceQuality

log = structlog.get_logger()
# Models take some 30 ms for each photo: that is how much work a kill may lose.
PORTION = 20

Progress = Callable[[int, int], None]  # members done, members to do in all
# What the new pack makes of a kept photo; None where it sees no face that could be enrolled.
Look = Callable[[bytes], Awaitable[tuple[Floats, FaceQuality] | None]]


@dataclass(frozen=True, slots=True, repr=False)
class _Member:
    key: MemberKey
    version: int
    consent_id: UUID
    photos: list[tuple[UUID, bytes]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How many members have templates of the new pack now, and whose photos didn't do."""

    members: int
    refused: tuple[UUID, ...]


async def rebuild(
    database: Database,
    *,
    protection: Protection,
    pack: str,
    look: Look,
    now: datetime,
    progress: Progress | None = None,
) -> Rebuilt:
    """Make templates of `pack` for all who have none and whose photos are kept, some at a time, each committed.

    Whoever stops this loses nothing, and goes on by calling it again. Raises GalleryLocked.
    """
    async with database.begin() as session:
        total = await session.scalar(select(func.count()).select_from(TemplateKey).where(_waits(pack), _has_photos()))
    rebuilt, refused, seen, last = 0, list[UUID](), 0, UUID(int=0)
    while True:
        async with database.begin() as session:
            members = await _members_after(session, last, pack, now)
        if not members:
            return Rebuilt(rebuilt, tuple(refused))
        made = [await _templates(member, protection=protection, pack=pack, look=look, now=now) for member in members]
        refused += [member.key.member_id for member, templates in zip(members, made, strict=True) if not templates]
        async with database.begin() as session:
            rebuilt += await _write(session, members, made)
        seen, last = seen + len(members), members[-1].key.member_id
        if progress:
            progress(seen, max(seen, total or 0))


async def must_enrol_again(session: AsyncSession, *, pack: str, most: int) -> tuple[int, Sequence[UUID]]:
    """How many members have templates, but none of this pack; and the first of them, at most so many."""
    count = await session.scalar(select(func.count()).select_from(TemplateKey).where(_waits(pack)))
    first = await session.scalars(
        select(TemplateKey.member_id).where(_waits(pack)).order_by(TemplateKey.member_id).limit(most)
    )
    return count or 0, first.all()


async def drop_other_packs(session: AsyncSession, *, pack: str) -> int:
    """Delete the templates of all packs but this one of members who have some of this one; returns how many.

    A process that still serves another pack keeps what it has in memory until it is restarted.
    """
    have = select(Template.member_id).where(Template.pack == pack)
    gone = await session.scalars(
        delete(Template).where(Template.pack != pack, Template.member_id.in_(have)).returning(Template.id)
    )
    return len(gone.all())


def _waits(pack: str) -> ColumnElement[bool]:
    of_pack = select(Template.id).where(Template.member_id == TemplateKey.member_id, Template.pack == pack)
    return TemplateKey.wrapped_key.is_not(None) & ~of_pack.exists()


def _has_photos() -> ColumnElement[bool]:
    return select(EnrolmentPhoto.id).where(EnrolmentPhoto.member_id == TemplateKey.member_id).exists()


async def _members_after(session: AsyncSession, member_id: UUID, pack: str, now: datetime) -> list[_Member]:
    keys = await session.execute(
        select(TemplateKey, Consent.id)
        .join(
            Consent,
            (Consent.member_id == TemplateKey.member_id) & in_force(now) & Consent.keeps_photo,
        )
        .where(_waits(pack), _has_photos(), TemplateKey.member_id > member_id)
        .order_by(TemplateKey.member_id)
        .limit(PORTION)
        .with_for_update(read=True, of=TemplateKey)  # for one moment: the photos are read as these rows name them
    )
    members = {
        row.member_id: _Member(
            MemberKey(row.member_id, row.key_id or "", row.wrapped_key or b""), row.gallery_version, consent_id
        )
        for row, consent_id in keys
    }
    photos = await session.scalars(
        select(EnrolmentPhoto).where(EnrolmentPhoto.member_id.in_(members)).order_by(EnrolmentPhoto.id)
    )
    for photo in photos:
        members[photo.member_id].photos.append((photo.id, photo.sealed))
    return list(members.values())


async def _templates(
    member: _Member, *, protection: Protection, pack: str, look: Look, now: datetime
) -> list[Template]:
    """One for each photo that does. None where something was tampered with."""
    theirs = protection.under(member.key.key_id)
    made = []
    for photo_id, sealed in member.photos:
        try:
            photo = await asyncio.to_thread(unseal_photo, sealed, key=member.key, photo_id=photo_id, protection=theirs)
        except TemplateUnreadable:
            log.error("photo_unreadable", photo_id=str(photo_id))
            continue
        if face := await look(photo):
            made.append(
                sealed_template(
                    *face, key=member.key, protection=protection, consent_id=member.consent_id, pack=pack, now=now
                )
            )
    return made


async def _write(session: AsyncSession, members: Sequence[_Member], made: Sequence[list[Template]]) -> int:
    """Add the templates of those who haven't changed since they were read; returns of how many members."""
    version, written = await next_version(session), 0
    for member, templates in zip(members, made, strict=True):
        if not templates:
            continue
        unchanged = await session.scalar(
            update(TemplateKey)
            .where(
                TemplateKey.member_id == member.key.member_id,
                TemplateKey.wrapped_key == member.key.wrapped_key,
                TemplateKey.gallery_version == member.version,
            )
            .values(gallery_version=version)
            .returning(TemplateKey.member_id)
        )
        if unchanged:
            session.add_all(templates)
            written += 1
    await session.flush()
    return written
