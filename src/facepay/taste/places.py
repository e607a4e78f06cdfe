"""Who stands where before a camera from one burst to the next, by their place in its picture and never by their face.

One row a camera, overwritten by each burst and gone a minute after the last: it says of each who stands there now at
what they have looked, so that their stay counts once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import ForeignKey, delete
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Database
from facepay.recommender.preferences import STAY_GAP
from facepay.taste.lookers import Box, Looker
from facepay.vision.attention import OVERLAP_MIN, best_pairs, overlap

KEPT_FOR = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody was last seen and when, and what products they have looked and smiled at since they came."""

    box: Box
    until: datetime
    looked_at: frozenset[UUID] = frozenset()
    smiled_at: frozenset[UUID] = frozenset()


PLACES = TypeAdapter(tuple[Place, ...])


class AttentionPlaces(Base):
    __tablename__ = "attention_places"

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), primary_key=True)
    places: Mapped[list[object]] = mapped_column(JSONB)
    updated_at: Mapped[datetime]


async def places_at(session: AsyncSession, *, device_id: UUID, now: datetime) -> tuple[Place, ...]:
    """As the burst before left them. The camera's bursts come one by one from here on."""
    row = insert(AttentionPlaces).values(device_id=device_id, places=[], updated_at=now)
    kept = await session.scalar(
        row.on_conflict_do_update(index_elements=["device_id"], set_={"updated_at": now}).returning(
            AttentionPlaces.places
        )
    )
    return PLACES.validate_python(kept)


async def keep_places(session: AsyncSession, *, device_id: UUID, places: Sequence[Place]) -> None:
    row = await session.get_one(AttentionPlaces, device_id)
    row.places = PLACES.dump_python(tuple(places), mode="json")
    await session.flush()


async def forget_places(database: Database, *, now: datetime) -> None:
    async with database.begin() as session:
        await session.execute(delete(AttentionPlaces).where(AttentionPlaces.updated_at < now - KEPT_FOR))


def where_they_were(places: Sequence[Place], lookers: Sequence[Looker], *, began_at: datetime) -> list[Place | None]:
    """The place that each looker goes on from; None where they have just come."""
    recent = [place for place in places if abs(began_at - place.until) <= STAY_GAP]
    pairs = [
        (shared, index, position)
        for index, looker in enumerate(lookers)
        for position, place in enumerate(recent)
        if (shared := overlap(looker.first_box, place.box)) >= OVERLAP_MIN
    ]
    given = dict(best_pairs(pairs))
    return [recent[given[index]] if index in given else None for index in range(len(lookers))]


def where_they_are(
    places: Sequence[Place], lookers: Sequence[Looker], before: Sequence[Place | None], *, ended_at: datetime
) -> list[Place]:
    """After the burst; whoever wasn't seen in it may only have looked down."""
    seen = [
        Place(
            box=looker.last_box,
            until=max(ended_at, place.until) if place else ended_at,
            looked_at=frozenset(looker.looks) | (place.looked_at if place else frozenset()),
            smiled_at=frozenset(product for product, look in looker.looks.items() if look.smiled)
            | (place.smiled_at if place else frozenset()),
        )
        for looker, place in zip(lookers, before, strict=True)
    ]
    went_on = {id(place) for place in before}
    unseen = [place for place in places if id(place) not in went_on and ended_at - place.until <= STAY_GAP]
    return [*seen, *unseen]
