"""Mustering: who is inside right now, and where, for whoever counts people at the assembly point.

Holders of credentials are where the last door let them in to; members with a visit are on the shop floor, with their
guests. Somebody who is known in both ways is counted once, where they were seen last. In an emergency doors open
without asking who it is, so the list stays that of the moment in which it was declared.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.access.holders import Holder
from facepay.access.presence import Presence
from facepay.access.zones import Zone
from facepay.entrance.visits import Visit
from facepay.members.members import Member

Kind = Literal["employee", "contractor", "visitor", "customer"]
COLUMNS = ("zone", "name", "kind", "company", "guests", "since")
FORMULAS = frozenset("=+-@\t\r")  # what a spreadsheet would work out instead of show


@dataclass(frozen=True, slots=True)
class PersonInside:
    """`guests` are with them, and nobody knows who they are."""

    member_id: UUID
    name: str
    kind: Kind
    since: datetime
    company: str | None = None
    guests: int = 0

    @property
    def count(self) -> int:
        return 1 + self.guests


@dataclass(frozen=True, slots=True)
class ZoneInside:
    """A zone, or without an id the shop floor; in the order in which people came."""

    zone_id: UUID | None
    name: str | None
    people: list[PersonInside]

    @property
    def count(self) -> int:
        return sum(person.count for person in self.people)


async def muster(session: AsyncSession, *, store_id: UUID) -> list[ZoneInside]:
    """The shop floor, and every zone of the store by its name, whether anybody is there or not."""
    zones = list(await session.scalars(select(Zone).where(Zone.store_id == store_id).order_by(Zone.name)))
    places: dict[UUID | None, list[PersonInside]] = {None: []} | {zone.id: [] for zone in zones}
    found = {person.member_id: (zone_id, person) for zone_id, person in await _in_zones(session, store_id)}
    for customer in await _on_the_floor(session, store_id):
        zone_id, known = found.get(customer.member_id, (None, customer))
        seen_last_in = zone_id if known.since >= customer.since else None
        since = max(known.since, customer.since)
        found[customer.member_id] = seen_last_in, replace(known, since=since, guests=customer.guests)
    for zone_id, person in found.values():
        places[zone_id].append(person)
    names: dict[UUID | None, str | None] = {None: None} | {zone.id: zone.name for zone in zones}
    return [ZoneInside(zone_id, names[zone_id], _by_time(people)) for zone_id, people in places.items()]


def as_csv(zones: Iterable[ZoneInside]) -> str:
    """A line for each person, under a line of names."""
    file = io.StringIO()
    lines = csv.writer(file)
    lines.writerow(COLUMNS)
    lines.writerows([_cell(value) for value in row] for row in _rows(zones))
    return file.getvalue()


async def _in_zones(session: AsyncSession, store_id: UUID) -> list[tuple[UUID | None, PersonInside]]:
    found = await session.execute(
        select(Presence.zone_id, Presence.since, Holder, Member.display_name)
        .join(Zone, Zone.id == Presence.zone_id)
        .join(Holder, Holder.id == Presence.holder_id)
        .join(Member, Member.id == Holder.member_id)
        .where(Zone.store_id == store_id)
    )
    return [
        (zone_id, PersonInside(holder.member_id, name, holder.kind, since, holder.company))
        for zone_id, since, holder, name in found
    ]


async def _on_the_floor(session: AsyncSession, store_id: UUID) -> list[PersonInside]:
    found = await session.execute(
        select(Visit, Member.display_name)
        .join(Member, Member.id == Visit.member_id)
        .where(Visit.store_id == store_id, Visit.left_at.is_(None))
    )
    return [
        PersonInside(visit.member_id, name, "customer", visit.entered_at, guests=visit.guests) for visit, name in found
    ]


def _by_time(people: Iterable[PersonInside]) -> list[PersonInside]:
    return sorted(people, key=lambda person: (person.since, person.member_id))


def _rows(zones: Iterable[ZoneInside]) -> Iterator[tuple[object, ...]]:
    for zone in zones:
        for each in zone.people:
            yield zone.name or "Shop floor", each.name, each.kind, each.company, each.guests, each.since.isoformat()


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in FORMULAS else text
