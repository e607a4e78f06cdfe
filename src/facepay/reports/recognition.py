"""How sure a store's devices were of whom they saw: counts, times and scores, and nobody's.

All counts are in whole fives, rounded down: fewer than five are none, and two reports that differ by one person's day
don't say so. A stranger's score is never kept, so those of refusals are of people who were recognised first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import CompoundSelect, Date, Float, Integer, Select, case, cast, func, literal, null, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.access_log.log import AccessEvent
from facepay.checkout.kiosk import Checkout
from facepay.dining.agreeing import Agreement
from facepay.dining.paying import TablePayment
from facepay.dining.seatings import Seating
from facepay.entrance.gates import GateAttempt
from facepay.fitting.looks import MirrorLook
from facepay.lanes.passages import Passage
from facepay.reports.spans import Span
from facepay.review.disputes import Dispute
from facepay.stores.devices import Device

Use = Literal["gate", "pay", "door", "lane", "table", "mirror"]
Outcome = Literal["accepted", "asked", "refused"]
USES: tuple[Use, ...] = ("gate", "pay", "door", "lane", "table", "mirror")
ACCEPTED = ("open", "paid", "granted", "accepted", "member", "agreed")
ASKED = "step_up"
LEAST = 5
BIN = 0.02


def fives(count: int) -> int:
    return count - count % LEAST


class Code(NamedTuple):
    outcome: Outcome
    code: str


@dataclass(slots=True)
class Outcomes:
    accepted: int = 0
    asked: int = 0
    refused: int = 0

    def add(self, outcome: Outcome, count: int) -> None:
        setattr(self, outcome, getattr(self, outcome) + count)

    def hidden(self) -> Outcomes:
        return Outcomes(fives(self.accepted), fives(self.asked), fives(self.refused))


@dataclass(frozen=True, slots=True)
class Latency:
    """To see who it is, in milliseconds: half, nine in ten, ninety-nine in a hundred took no longer."""

    p50: float
    p90: float
    p99: float


@dataclass(frozen=True, slots=True)
class Bin:
    """How many had a cosine from `low` on, up to `low` and BIN."""

    low: float
    accepted: int
    refused: int


@dataclass(slots=True)
class Recognition:
    """Of one use. `wrong` of the decisions that staff have `reviewed` were."""

    use: Use
    days: dict[date, Outcomes]
    total: Outcomes = field(default_factory=Outcomes)
    codes: dict[Code, int] = field(default_factory=lambda: defaultdict(int))
    latency: Latency | None = None
    threshold: float | None = None
    similarities: list[Bin] = field(default_factory=list)
    reviewed: int = 0
    wrong: int = 0


async def recognition_at(session: AsyncSession, *, store_id: UUID, span: Span) -> list[Recognition]:
    """Of every use and every day, those with no decision too."""
    found = {use: Recognition(use, days={day: Outcomes() for day in span.days()}) for use in USES}
    for use, day, outcome, code, count in await session.execute(_counts(store_id, span)):
        found[use].total.add(outcome, count)
        found[use].days[day].add(outcome, count)
        found[use].codes[Code(outcome, code)] += count
    for use, measured, p50, p90, p99, scored, threshold in await session.execute(_middles(store_id, span)):
        if measured >= LEAST:
            found[use].latency = Latency(p50, p90, p99)
        if scored >= LEAST:
            found[use].threshold = threshold
    for use, number, accepted, refused in await session.execute(_scores(store_id, span)):
        if accepted >= LEAST or refused >= LEAST:
            found[use].similarities.append(Bin(round(number * BIN, 2), fives(accepted), fives(refused)))
    for use, reviewed, wrong in await session.execute(_reviews(store_id, span)):
        found[use].reviewed, found[use].wrong = fives(reviewed), fives(wrong)
    return list(found.values())


def _counts(store_id: UUID, span: Span) -> Select[Any]:
    seen = _decisions(store_id, span).subquery()
    day = cast(func.timezone(span.zone, seen.c.at), Date).label("day")
    return select(seen.c.use, day, seen.c.outcome, seen.c.code, func.count()).group_by(
        seen.c.use, "day", seen.c.outcome, seen.c.code
    )


def _middles(store_id: UUID, span: Span) -> Select[Any]:
    seen = _decisions(store_id, span).subquery()
    times = [func.percentile_cont(share).within_group(seen.c.work_ms) for share in (0.5, 0.9, 0.99)]
    threshold = func.percentile_cont(0.5).within_group(seen.c.threshold)
    return select(seen.c.use, func.count(seen.c.work_ms), *times, func.count(seen.c.threshold), threshold).group_by(
        seen.c.use
    )


def _scores(store_id: UUID, span: Span) -> Select[Any]:
    seen = _decisions(store_id, span).subquery()
    number = cast(func.floor(seen.c.similarity / BIN), Integer).label("number")
    accepted = func.count().filter(seen.c.outcome == "accepted")
    others = func.count().filter(seen.c.outcome != "accepted")
    scored = select(seen.c.use, number, accepted, others).where(seen.c.similarity.is_not(None))
    return scored.group_by(seen.c.use, "number").order_by(seen.c.use, "number")


def _reviews(store_id: UUID, span: Span) -> Select[Any]:
    """By when they were resolved: of the decisions themselves many are older."""
    use = case(
        (Dispute.gate_attempt_id.is_not(None), "gate"), (Dispute.checkout_id.is_not(None), "pay"), else_="lane"
    ).label("use")
    wrong = func.count().filter(Dispute.verdict == "wrong")
    resolved = (
        Dispute.store_id == store_id,
        Dispute.resolved_at >= span.start,
        Dispute.resolved_at < span.end,
    )
    return select(use, func.count(), wrong).where(*resolved).group_by("use")


def _decisions(store_id: UUID, span: Span) -> CompoundSelect[Any]:
    return union_all(*_by_use(store_id, span))


def _by_use(store_id: UUID, span: Span) -> Iterator[Select[Any]]:
    here = select(Device.id).where(Device.store_id == store_id)
    yield _made("gate", GateAttempt, GateAttempt.gate_id.in_(here), span)
    yield _made("pay", Checkout, Checkout.store_id == store_id, span)
    lane = _made("lane", Passage, Passage.store_id == store_id, span, Passage.authentication)
    # Who never showed a face or a pass was neither recognised nor refused.
    yield lane.where(Passage.authentication != "processing")
    for table in (Seating, Agreement, TablePayment):
        yield _made("table", table, table.device_id.in_(here), span)
    yield _made("mirror", MirrorLook, MirrorLook.device_id.in_(here), span)
    at, nothing = AccessEvent.event_at, cast(null(), Float)
    attempts = AccessEvent.store_id == store_id, AccessEvent.kind == "attempt", at >= span.start, at < span.end
    yield _row("door", at, AccessEvent.decision, AccessEvent.code, nothing, nothing, cast(null(), Integer)).where(
        *attempts
    )


def _made(use: Use, table: Any, where: Any, span: Span, decision: Any = None) -> Select[Any]:
    decision = table.decision if decision is None else decision
    code = Passage.authentication_code if table is Passage else table.code
    row = _row(use, table.decided_at, decision, code, table.similarity, table.threshold, table.work_ms)
    return row.where(where, table.decided_at >= span.start, table.decided_at < span.end)


def _row(use: Use, at: Any, decision: Any, code: Any, similarity: Any, threshold: Any, work_ms: Any) -> Select[Any]:
    outcome = case((decision.in_(ACCEPTED), "accepted"), (decision == ASKED, "asked"), else_="refused")
    columns = {
        "use": literal(use),
        "at": at,
        "outcome": outcome,
        "code": code,
        "similarity": similarity,
        "threshold": threshold,
        "work_ms": work_ms,
    }
    return select(*(each.label(name) for name, each in columns.items()))
