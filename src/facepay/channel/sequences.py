"""Numbers that devices give to what they report, so that gaps and repeats show.

A run of numbers begins with 1 and ends when the device begins another, say at its next start: `run` is whatever it
calls it. A device may keep several series at a time, one for each kind of report.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Identity, Index, String, text
from sqlalchemy.dialects.postgresql import INT8MULTIRANGE, Range, insert
from sqlalchemy.dialects.postgresql.ranges import MultiRange
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base
from facepay.kernel.errors import Conflict

GAPS_MAX = 1_000
HAS_GAPS = "missing_since is not null and alerted_at is null"


class DeviceSequence(Base):
    """Which numbers of a run have come: all up to `highest` but the missing ones."""

    __tablename__ = "device_sequence"
    __table_args__ = (Index("ix_device_sequence_gaps", "missing_since", postgresql_where=text(HAS_GAPS)),)

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), primary_key=True)
    series: Mapped[str] = mapped_column(String(16), primary_key=True)
    run: Mapped[str] = mapped_column(String(64), primary_key=True)
    highest: Mapped[int]
    missing: Mapped[MultiRange[int]] = mapped_column(INT8MULTIRANGE)
    missing_since: Mapped[datetime | None]  # the first gap that nobody was alerted of
    alerted_at: Mapped[datetime | None]
    last_at: Mapped[datetime]
    run_order: Mapped[int] = mapped_column(Identity())  # in which order runs were first heard of

    @property
    def numbers(self) -> Numbers:
        return Numbers(self.highest, tuple(range(gap.lower or 0, gap.upper or 0) for gap in self.missing))


HEARD = insert(DeviceSequence)
FOUND = (
    HEARD.on_conflict_do_update(index_elements=["device_id", "series", "run"], set_={"last_at": HEARD.excluded.last_at})
    .returning(DeviceSequence)
    .execution_options(populate_existing=True)
)


class TooManyGaps(Conflict):
    """So many numbers are missing that this is no run any more: begin a new one."""

    code = "too_many_gaps"
    title = "Too many gaps"


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of a run that have come: all from 1 up to `highest` but those in `missing`, which is in order."""

    highest: int = 0
    missing: tuple[range, ...] = ()

    def note(self, numbers: Iterable[int]) -> tuple[Numbers, frozenset[int]]:
        """What there is with these too, and which of them had not come before."""
        come = set(numbers)
        new = sorted(number for number in come if number > self.highest)
        late = {number for number in come if any(number in gap for gap in self.missing)}
        gaps = [rest for gap in self.missing for rest in _without(gap, sorted(late))]
        highest = self.highest
        for number in new:
            gaps.append(range(highest + 1, number))
            highest = number
        return Numbers(highest, tuple(gap for gap in gaps if gap)), frozenset(new) | late


@dataclass(frozen=True, slots=True)
class Noted:
    """`fresh` are the numbers that had not come before."""

    fresh: frozenset[int]
    numbers: Numbers


async def note_sequence(
    session: AsyncSession,
    *,
    device_id: UUID,
    run: str,
    sequences: Collection[int],
    now: datetime,
    series: str = "event",
) -> Noted:
    """Note that these numbers have come; late ones fill gaps. The run is locked until the transaction ends.

    Raises TooManyGaps.
    """
    row = {"device_id": device_id, "series": series, "run": run, "last_at": now}
    sequence = (await session.scalars(FOUND, row | {"highest": 0, "missing": MultiRange[int]()})).one()
    before = sequence.numbers
    after, new = before.note(sequences)
    if len(after.missing) > GAPS_MAX:
        raise TooManyGaps("Begin a new run.", gaps_max=GAPS_MAX)
    sequence.highest = after.highest
    sequence.missing = MultiRange(Range(gap.start, gap.stop) for gap in after.missing)
    if not after.missing:
        sequence.missing_since = sequence.alerted_at = None
    elif _opened_a_gap(before, after, new) and (sequence.missing_since is None or sequence.alerted_at is not None):
        sequence.missing_since, sequence.alerted_at = now, None
    await session.flush()
    return Noted(new, after)


def _opened_a_gap(before: Numbers, after: Numbers, new: Collection[int]) -> bool:
    return after.highest - before.highest > sum(number > before.highest for number in new)


def _without(gap: range, numbers: Iterable[int]) -> Iterator[range]:
    """What is left of a gap, in order; some of it may be empty."""
    start = gap.start
    for number in numbers:
        if number in gap:
            yield range(start, number)
            start = number + 1
    yield range(start, gap.stop)
