"""From a change of weight to a take: which goods, by the weight; whether a hand was there, by motion; whose, by a face
before the shelf or by who was inside. Pure.

The factors below are estimates: docs/shelves.md says which of them a store can measure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

# A scale settles within seconds after the hand has left.
HAND_BEFORE, HAND_AFTER = timedelta(seconds=5), timedelta(seconds=1)
FACE_WITHIN = timedelta(seconds=5)
SEEN_LATELY = timedelta(seconds=60)

HAND_SEEN, NO_CAMERA, NO_HAND = 1.0, 0.97, 0.4
ONE_FACE, SEVERAL_FACES, ONLY_PARTY, LAST_SEEN = 0.98, 0.6, 0.95, 0.7


class Finding(StrEnum):
    """What an event was found to be."""

    TAKE = "take"
    PUT_BACK = "put_back"
    DRIFT = "drift"  # nothing that weighs as much as a piece, or nobody was there
    UNEXPLAINED = "unexplained"  # something moved, and no goods of the slot weigh that much
    RESTOCK = "restock"  # by staff
    UNKNOWN_SLOT = "unknown_slot"
    TOO_OLD = "too_old"


@dataclass(frozen=True, slots=True)
class Motion:
    slot: str
    begun_at: datetime
    ended_at: datetime
    hand: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """A face before the shelf, and whose visit it belongs to."""

    visit_id: UUID
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Stay:
    """A visit, as far as it matters who was inside when."""

    visit_id: UUID
    entered_at: datetime
    left_at: datetime | None
    group_id: UUID | None = None
    is_host: bool = False

    def covers(self, at: datetime) -> bool:
        return self.entered_at <= at and (self.left_at is None or at <= self.left_at)


@dataclass(frozen=True, slots=True)
class Who:
    """Whose it was, how sure that is, and by what."""

    visit_id: UUID | None
    confidence: float
    source: str


@dataclass(frozen=True, slots=True)
class Move:
    """Pieces of a product, taken where positive, and whose."""

    product_id: UUID
    quantity: int
    who: Who
    confidence: float
    sources: Mapping[str, Any]


def hand_at(at: datetime, *, slot: str, motions: Sequence[Motion], said: bool | None, watched: bool) -> bool | None:
    """Whether a hand was in the slot: seen by the device itself or by motion in its zone; None where nobody looked."""
    moved = any(
        each.hand and each.slot == slot and each.begun_at - HAND_AFTER <= at <= each.ended_at + HAND_BEFORE
        for each in motions
    )
    if moved or said:
        return True
    return False if watched or said is False else None


def whose(at: datetime, *, seen: Sequence[Seen], stays: Sequence[Stay]) -> Who:
    """The face before the shelf at that time; else the only party inside; else who was seen there last."""
    inside = [stay for stay in stays if stay.covers(at)]
    party_of = _parties(inside)
    faces = [each for each in seen if each.visit_id in party_of]
    near = sorted((abs(each.seen_at - at), each.visit_id) for each in faces if abs(each.seen_at - at) <= FACE_WITHIN)
    if near:
        alone = len({party_of[visit] for _, visit in near}) == 1
        return Who(near[0][1], ONE_FACE if alone else SEVERAL_FACES, "face" if alone else "several_faces")
    if len(set(party_of.values())) == 1:
        host = next((stay for stay in inside if stay.is_host), inside[0])
        return Who(host.visit_id, ONLY_PARTY, "only_party_inside")
    lately = [each for each in faces if at - SEEN_LATELY <= each.seen_at <= at]
    if lately:
        return Who(max(lately, key=lambda each: each.seen_at).visit_id, LAST_SEEN, "last_seen")
    return Who(None, 0.0, "ambiguous" if inside else "nobody_inside")


def _parties(inside: Sequence[Stay]) -> dict[UUID, UUID]:
    """By visit, who pays together: a group for as long as its host is inside, else everybody for themselves."""
    hosted = {stay.group_id for stay in inside if stay.is_host}
    return {
        stay.visit_id: stay.group_id if stay.group_id and stay.group_id in hosted else stay.visit_id for stay in inside
    }


def moves_of(taken: Mapping[UUID, int], *, probability: float, hand: bool | None, who: Who) -> list[Move]:
    """The goods that a change of weight stands for, with the confidence that all its sources come to together."""
    by_hand = NO_CAMERA if hand is None else HAND_SEEN if hand else NO_HAND
    sources = {
        "weight": round(probability, 4),
        "hand": {None: "no_camera", True: "seen", False: "not_seen"}[hand],
        "who": who.source,
        "who_confidence": who.confidence,
    }
    confidence = round(probability * by_hand * who.confidence, 4)
    return [Move(product_id, quantity, who, confidence, sources) for product_id, quantity in taken.items() if quantity]
