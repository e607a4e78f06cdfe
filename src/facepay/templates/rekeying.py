"""A new master key renews every template, without a new photo and without a pause (ISO/IEC 24745).

The key in force and those before it are known to every process meanwhile, which reads rows of either and holds one
rotation in memory; so moving a member changes nothing that any gallery holds, and counts no version.

Wrapping the members' keys afresh would be quick and would leave each template as it was: sealed by a key that the
old master key opened, and in a rotation that it gives away. Here every member gets a new key, under which their
templates, turned into the new rotation, and their pictures are sealed again: nothing of the old key opens what is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from sqlalchemy import bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.database import Database
from facepay.templates.photos import seal_photo, unseal_photo
from facepay.templates.protection import Protection, TemplateUnreadable
from facepay.templates.templates import PICTURES, MemberKey, Template, TemplateKey

log = structlog.get_logger()
# Some 50 ms of sealing; with photos, some 30 MB.
PORTION = 100

Progress = Callable[[int, int], None]  # members done, members to do in all
Sealed = tuple[UUID, bytes]  # a row's id, and what it holds


@dataclass(frozen=True, slots=True, repr=False)
class _Member:
    """All that is sealed under a member's key, as it was at one version."""

    key: MemberKey
    version: int
    templates: list[Sealed] = field(default_factory=list)
    pictures: dict[str, list[Sealed]] = field(default_factory=lambda: {table.__tablename__: [] for table in PICTURES})

    def rows_of(self, table: str) -> list[Sealed]:
        return self.templates if table == Template.__tablename__ else self.pictures[table]


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """How many members were moved, and who couldn't be read: withdraw those faces, and enrol them again."""

    moved: int
    unreadable: tuple[UUID, ...]


async def left_under_others(session: AsyncSession, *, protection: Protection) -> dict[str, int]:
    """How many members are still under each master key that is not in force."""
    found = await session.execute(
        select(TemplateKey.key_id, func.count())
        .where(TemplateKey.key_id != protection.key_id)
        .group_by(TemplateKey.key_id)
    )
    return {key_id: count for key_id, count in found if key_id is not None}


async def rekey(database: Database, *, protection: Protection, progress: Progress | None = None) -> Rekeyed:
    """Move every member whose master key `protection` knows to the one in force, some at a time.

    Each portion is committed: whoever stops this loses nothing, and goes on by calling it again. Somebody who is
    enrolled anew or adapted to in between is left for the next call. Any number may run side by side.
    """
    async with database.begin() as session:
        left = await left_under_others(session, protection=protection)
    total = sum(count for key_id, count in left.items() if key_id in protection.known_key_ids)
    moved, unreadable, seen, last = 0, list[UUID](), 0, UUID(int=0)
    while True:
        async with database.begin() as session:
            members = await _members_after(session, last, protection)
        if not members:
            return Rekeyed(moved, tuple(unreadable))
        renewed = await asyncio.to_thread(_renewed, members, protection)
        unreadable += {member.key.member_id for member in members} - {member.key.member_id for member in renewed}
        async with database.begin() as session:
            moved += await _write(session, renewed)
        seen, last = seen + len(members), members[-1].key.member_id
        if progress:
            progress(seen, max(seen, total))


async def _members_after(session: AsyncSession, member_id: UUID, protection: Protection) -> list[_Member]:
    known = protection.known_key_ids - {protection.key_id}
    keys = await session.scalars(
        select(TemplateKey)
        .where(TemplateKey.key_id.in_(known), TemplateKey.member_id > member_id)
        .order_by(TemplateKey.member_id)
        .limit(PORTION)
        .with_for_update(read=True)  # for one moment: what follows is read as these rows name it
    )
    members = {
        row.member_id: _Member(MemberKey(row.member_id, row.key_id or "", row.wrapped_key or b""), row.gallery_version)
        for row in keys
    }
    for table in (Template, *PICTURES):
        rows = await session.execute(
            select(table.member_id, table.id, table.sealed).where(table.member_id.in_(members)).order_by(table.id)
        )
        for owner_id, row_id, sealed in rows:
            members[owner_id].rows_of(table.__tablename__).append((row_id, sealed))
    return list(members.values())


def _renewed(members: Sequence[_Member], protection: Protection) -> list[_Member]:
    """The same members under the master key in force, without those who can't be read."""
    renewed = []
    for member in members:
        try:
            renewed.append(_renewed_one(member, protection))
        except TemplateUnreadable:
            log.error("template_unreadable", member_id=str(member.key.member_id))
    return renewed


def _renewed_one(member: _Member, new: Protection) -> _Member:
    old_key, old = member.key, new.under(member.key.key_id)
    member_id = old_key.member_id
    key = MemberKey(member_id, new.key_id, new.new_key(member_id))

    def template(template_id: UUID, sealed: bytes) -> bytes:
        plain = old.unseal_template(
            sealed, wrapped_key=old_key.wrapped_key, owner_id=member_id, template_id=template_id
        )
        turned = new.rotate_from(old, plain)
        return new.seal_template(turned, wrapped_key=key.wrapped_key, owner_id=member_id, template_id=template_id)

    def picture(photo_id: UUID, sealed: bytes) -> bytes:
        plain = unseal_photo(sealed, key=old_key, photo_id=photo_id, protection=old)
        return seal_photo(plain, key=key, photo_id=photo_id, protection=new)

    return _Member(
        key,
        member.version,
        [(row_id, template(row_id, sealed)) for row_id, sealed in member.templates],
        {
            table: [(row_id, picture(row_id, sealed)) for row_id, sealed in rows]
            for table, rows in member.pictures.items()
        },
    )


async def _write(session: AsyncSession, members: Sequence[_Member]) -> int:
    """Whoever has changed since they were read stays as they are; returns how many were written."""
    written, connection = 0, await session.connection()
    for member in members:
        key = member.key
        taken = await session.scalar(
            update(TemplateKey)
            .where(
                TemplateKey.member_id == key.member_id,
                TemplateKey.gallery_version == member.version,
                TemplateKey.key_id != key.key_id,
            )
            .values(key_id=key.key_id, wrapped_key=key.wrapped_key)
            .returning(TemplateKey.member_id)
        )
        if taken is None:
            continue
        written += 1
        for table in (Template, *PICTURES):
            if rows := member.rows_of(table.__tablename__):
                await connection.execute(
                    update(table).where(table.id == bindparam("row_id")).values(sealed=bindparam("resealed")),
                    [{"row_id": row_id, "resealed": sealed} for row_id, sealed in rows],
                )
    return written
