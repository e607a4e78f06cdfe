"""What each change of weight was, by all that was known around it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from facepay.shelves.fusion import Finding, Move, hand_at, moves_of, whose
from facepay.shelves.planogram import Slot
from facepay.shelves.scene import Scene, lying_in, without
from facepay.shelves.weights import interpret

# Older ones are kept and charge nobody: their visits' books are long closed.
AGE_MAX = timedelta(days=7)
LONG_AGO = timedelta(days=36_500)  # a clock may be wrong by more years than there are
# What changes so slowly without a hand is the scale or the air.
SLOW = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Change:
    """A settled change of a slot's weight, as its shelf tells it: negative where it became lighter."""

    sequence: int
    slot: str
    said_at: datetime
    delta_grams: float
    noise_grams: float | None = None
    hand: bool | None = None  # seen by the device itself
    took: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """What a change was found to be."""

    change: Change
    at: datetime
    finding: Finding
    moves: tuple[Move, ...] = ()
    misplaced: bool = False


def happened_at(said_at: datetime, *, skew_ms: int, now: datetime) -> datetime:
    """By our clock. The device's was ahead as far as its last heartbeat; nothing is told before it happens."""
    ago = now - said_at + timedelta(milliseconds=skew_ms)
    return now - min(max(ago, timedelta(0)), LONG_AGO)


def judge(changes: Sequence[Change], at: Mapping[int, datetime], scene: Scene, now: datetime) -> list[Judged]:
    """In the order in which they happened, so that each finds in its slot what those before left there. Pure."""
    in_order = sorted(changes, key=lambda change: (at[change.sequence], change.sequence))
    judged = []
    for change in in_order:
        found = _judge_one(change, at[change.sequence], scene, now)
        for move in found.moves:
            if (change.slot, move.product_id) in scene.lying:  # else it was never counted
                scene.lying[change.slot, move.product_id] -= move.quantity
            scene.carried[move.product_id] += move.quantity
        judged.append(found)
    return judged


def _judge_one(change: Change, at: datetime, scene: Scene, now: datetime) -> Judged:
    if at < now - AGE_MAX:
        return Judged(change, at, Finding.TOO_OLD)
    shelf = scene.watch.shelf_at(at)
    slot = shelf.slot(change.slot) if shelf else None
    if slot is None:
        return Judged(change, at, Finding.UNKNOWN_SLOT)
    hand = hand_at(
        at,
        slot=slot.code,
        motions=scene.motions,
        said=change.hand,
        watched=slot.zone is not None and scene.is_watched(at),
    )
    if hand is False and change.took is not None and change.took >= SLOW:
        return Judged(change, at, Finding.DRIFT)
    return _weigh(change, at, slot, hand, scene)


def _weigh(change: Change, at: datetime, slot: Slot, hand: bool | None, scene: Scene) -> Judged:
    noise = max(slot.noise_grams, change.noise_grams or 0.0)
    meant = interpret(
        change.delta_grams,
        slot=replace(slot, noise_grams=noise),
        lying=lying_in(scene, slot.code),
        in_baskets=scene.carried if change.delta_grams > 0 else None,
        elsewhere=without(scene.elsewhere, slot.goods) if change.delta_grams > 0 else (),
    )
    best = meant.best
    if best is None:
        return Judged(change, at, Finding.UNEXPLAINED)
    if not best.taken:
        return Judged(change, at, Finding.DRIFT)
    restocked = any(restock.covers(slot.code, at) for restock in scene.restocks)
    who = whose(at, seen=scene.seen, stays=scene.stays)
    moves = moves_of(best.taken, probability=best.probability, hand=hand, who=who)
    taking = any(pieces > 0 for pieces in best.taken.values())
    if restocked or (who.source == "nobody_inside" and not taking):  # only staff can be there
        return Judged(change, at, Finding.RESTOCK, tuple(moves), best.misplaced)
    return Judged(change, at, Finding.TAKE if taking else Finding.PUT_BACK, tuple(moves), best.misplaced)
