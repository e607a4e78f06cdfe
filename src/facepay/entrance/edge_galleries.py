"""The gallery that a store's device holds: who is at home where the store is, and whoever else is inside.

Members at home come as changes since a version, removals among them; guests, who are few and move with each visit,
whole each time. What can't be told as a change starts a new generation, which the device has to fill from nothing:
another region, model pack, key of the device or master key.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.entrance.visits import Visit
from facepay.identity.edge_matches import HELD_FOR, GallerySync
from facepay.kernel.auth import Principal
from facepay.kernel.database import Database
from facepay.kernel.errors import Conflict
from facepay.members.members import Member
from facepay.templates.deltas import DeltaContent, DeltaHeader, seal_delta
from facepay.templates.gallery import Reference
from facepay.templates.keeper import GalleryKeeper
from facepay.templates.protection import Protection
from facepay.templates.templates import TemplateKey

CHANGES_MAX = 500  # on a page: 1.4 MB where all are at home here
GUESTS_MAX = 1_000  # those who came last


class DeviceKeysMissing(Conflict):
    """A gallery is sealed to a key of the device, and is of no use without one to sign with."""

    code = "device_keys_missing"
    title = "Device keys missing"


@dataclass(frozen=True, slots=True, repr=False)
class _Changes:
    at_home: frozenset[UUID]
    elsewhere: frozenset[UUID]
    guests: frozenset[UUID]
    version: int
    has_more: bool


async def next_delta(
    database: Database, *, keeper: GalleryKeeper, device: Principal, after: int, generation: str | None, now: datetime
) -> tuple[DeltaHeader, bytes]:
    """The next page for this device, sealed and noted as given to it. Raises DeviceKeysMissing and GalleryLocked."""
    if device.public_key is None or device.exchange_key is None:
        raise DeviceKeysMissing("Register the device's public key and its exchange key first.")
    seed = keeper.protection.edge_seed(device_id=device.id, exchange_key=device.exchange_key)
    current = _generation(seed, device, keeper.pack)
    await keeper.follow(database)
    if generation != current or after > keeper.gallery.version:  # later than now: the database was restored
        after = 0
    async with database.begin() as session:
        changes = await _changes(session, device, after=after, newest=keeper.gallery.version)
        known = await keeper.references(changes.at_home | changes.guests)
        await _note(session, device, current, changes.version, len(known), now)
    header = DeltaHeader(
        device_id=device.id,
        generation=current,
        after=after,
        version=changes.version,
        has_more=changes.has_more,
        valid_until=now.replace(microsecond=0) + HELD_FOR,
    )
    key = X25519PublicKey.from_public_bytes(device.exchange_key)
    sealed = await asyncio.to_thread(lambda: seal_delta(_content(changes, known, keeper, seed), header, key))
    return header, sealed


async def may_hold(session: AsyncSession, device: Principal, member_ids: frozenset[UUID]) -> bool:
    """Whether all of these are at home where the device's store is, or inside."""
    found = await session.scalar(
        select(func.count()).where(Member.id.in_(member_ids), or_(_at_home(device), _is_inside(device)))
    )
    return found == len(member_ids)


def _generation(seed: bytes, device: Principal, pack: str) -> str:
    return hashlib.blake2b(f"{device.region}|{pack}".encode(), key=seed, digest_size=16).hexdigest()


def _at_home(device: Principal) -> ColumnElement[bool]:
    """A chain without regions is one region."""
    return Member.home_region.is_not_distinct_from(device.region)


def _is_inside(device: Principal) -> ColumnElement[bool]:
    return (
        select(Visit.id)
        .where(Visit.member_id == Member.id, Visit.store_id == device.store, Visit.left_at.is_(None))
        .exists()
    )


async def _changes(session: AsyncSession, device: Principal, *, after: int, newest: int) -> _Changes:
    """All members of one version together, since the device may ask for no half of one."""
    rows = await session.execute(
        select(TemplateKey.member_id, TemplateKey.gallery_version, _at_home(device))
        .join(Member, Member.id == TemplateKey.member_id)
        .where(TemplateKey.gallery_version > after, TemplateKey.gallery_version <= newest)
        .order_by(TemplateKey.gallery_version)
        .fetch(CHANGES_MAX, with_ties=True)
    )
    found = rows.all()
    guests = await session.scalars(
        select(Visit.member_id)
        .join(Member, Member.id == Visit.member_id)
        .where(Visit.store_id == device.store, Visit.left_at.is_(None), ~_at_home(device))
        .order_by(Visit.entered_at.desc())
        .limit(GUESTS_MAX)
    )
    has_more = len(found) >= CHANGES_MAX
    return _Changes(
        at_home=frozenset(member_id for member_id, _, at_home in found if at_home),
        elsewhere=frozenset(member_id for member_id, _, at_home in found if not at_home),
        guests=frozenset(guests),
        version=found[-1][1] if has_more else newest,
        has_more=has_more,
    )


def _content(changes: _Changes, known: Mapping[UUID, Reference], keeper: GalleryKeeper, seed: bytes) -> DeltaContent:
    """Who is gone, has no template of this pack or is at home elsewhere now, is removed."""
    turned = _turned(known, keeper.protection, seed)
    return DeltaContent(
        rotation_seed=seed,
        pack=keeper.pack,
        members={member_id: turned[member_id] for member_id in changes.at_home & turned.keys()},
        removed=changes.elsewhere | (changes.at_home - turned.keys()),
        guests={member_id: turned[member_id] for member_id in changes.guests & turned.keys()},
    )


def _turned(known: Mapping[UUID, Reference], protection: Protection, seed: bytes) -> dict[UUID, Reference]:
    if not known:
        return {}
    vectors = protection.rotate_for_edge(np.stack([each.vector for each in known.values()]), seed=seed)
    return {
        member_id: Reference(vector, each.templates)
        for (member_id, each), vector in zip(known.items(), vectors, strict=True)
    }


async def _note(
    session: AsyncSession, device: Principal, generation: str, version: int, references: int, now: datetime
) -> None:
    """One row a day: a device polls every few seconds."""
    values = {"generation": generation, "version": version, "synced_at": now}
    given = insert(GallerySync).values(device_id=device.id, day=now.date(), references_sent=references, **values)
    total = GallerySync.references_sent + references
    await session.execute(
        given.on_conflict_do_update(index_elements=["device_id", "day"], set_=values | {"references_sent": total})
    )
