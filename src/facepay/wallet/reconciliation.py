"""The provider's settlement file against our books: every line of one has its entry in the other, or is listed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.database import Database
from facepay.wallet.settlement import Line, move_to_bank, read_settlement

DifferenceKind = Literal["missing_here", "missing_there", "amount_differs", "duplicate"]

# Top-ups and their refunds that the file names, or that the provider decided on the day, each with what the clearing
# account got by it; then what it got on the day for no such row.
_BOOKED = text("""
    with asked as (
        select id, charge_id as provider_id, amount, currency, status, settled_at, transfer_id from top_up
        union all
        select id, refund_id, -amount, currency, status, settled_at, transfer_id from top_up_refund
    )
    select a.id as reference, a.provider_id, a.amount, a.currency, a.status,
           a.status = 'succeeded' and a.settled_at >= :start and a.settled_at < :end as of_the_day, e.posted, e.unit
      from asked a
      left join ledger.transfers t on t.id = a.transfer_id and t.cause_id = a.id
      left join lateral (
        select -e.amount as posted, e.unit from ledger.entries e join ledger.accounts c on c.id = e.account_id
         where e.transfer_id = t.id and c.kind = 'provider_clearing') e on true
     where a.id = any(:references) or a.status = 'succeeded' and a.settled_at >= :start and a.settled_at < :end
    union all
    select t.cause_id, null, null, null, null, true, -e.amount, e.unit
      from ledger.accounts c
      join ledger.entries e on e.account_id = c.id and e.created_at >= cast(:start as timestamptz) - interval '1 hour'
      join ledger.transfers t on t.id = e.transfer_id
     where c.kind = 'provider_clearing' and t.cause in ('top_up', 'top_up_refund')
       and t.event_at >= :start and t.event_at < :end
       and not exists (select from top_up x where x.id = t.cause_id and x.transfer_id = t.id)
       and not exists (select from top_up_refund x where x.id = t.cause_id and x.transfer_id = t.id)
""")
_SETTLED = text("select key, event_at from ledger.transfers where key = any(:keys)")


@dataclass(frozen=True, slots=True)
class Booked:
    """What we have of a top-up or refund: the row says `amount`, the ledger `posted`; a refund's are negative."""

    reference: UUID
    provider_id: str | None
    amount: int | None
    currency: str | None
    status: str | None
    of_the_day: bool
    posted: int | None
    unit: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """`here` and `there` are what we and the provider say, in minor units."""

    kind: DifferenceKind
    reference: UUID
    provider_id: str | None
    here: int | None
    there: int | None
    detail: str


@dataclass(slots=True)
class Report:
    """Of one day: the lines that agree, whose money is moved to the bank, and everything that doesn't."""

    day: date
    matched: list[Line] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.differences


async def reconcile(database: Database, *, day: date, file: bytes) -> Report:
    """Compare, then move the money of the lines that agree from clearing to the bank. Once more changes nothing.

    The file lists what the provider decided on that day (UTC). Raises MalformedSettlement.
    """
    lines = read_settlement(file)
    async with database.begin() as session:
        booked, settled = await _books(session, day, lines)
    report = compare(day, lines, booked, settled)
    outcomes = await move_to_bank(database, report.matched)
    for line, outcome in zip(tuple(report.matched), outcomes, strict=True):
        if not outcome.ok:
            report.matched.remove(line)
            detail = f"the ledger won't move it to the bank: {outcome.code}"
            report.differences.append(_difference("amount_differs", line, line.gross, detail))
    return report


def compare(day: date, lines: Iterable[Line], booked: Sequence[Booked], settled: Mapping[str, datetime]) -> Report:
    """`settled` says when the ledger moved a line's key, where it did before."""
    report = Report(day)
    ours = {row.reference: row for row in booked if row.status is not None}
    told: set[str] = set()
    for line in lines:
        found: Difference | None
        if line.id in told:
            found = _difference("duplicate", line, None, "the file has it twice")
        elif settled.get(line.key, line.settled_at) != line.settled_at:
            found = _difference("duplicate", line, None, f"was settled before, at {settled[line.key]:%Y-%m-%d %H:%M}")
        else:
            found = _against(line, ours.get(line.reference))
        told.add(line.id)
        if found:
            report.differences.append(found)
        else:
            report.matched.append(line)
    for row in booked:
        if row.of_the_day and row.provider_id not in told:
            detail = "booked without a top-up" if row.status is None else "the file doesn't have it"
            here = row.amount if row.posted is None else row.posted
            report.differences.append(Difference("missing_there", row.reference, row.provider_id, here, None, detail))
    return report


def _against(line: Line, row: Booked | None) -> Difference | None:
    """How a line differs from what we booked for it."""
    if row is None:
        return _difference("missing_here", line, None, "we never asked for it")
    if row.posted is None or row.status != "succeeded":
        return _difference("missing_here", line, row.posted, f"not credited: it is {row.status} here")
    if row.provider_id != line.id:
        return _difference("duplicate", line, row.posted, f"what we asked for was done as {row.provider_id}")
    if (row.posted, row.unit) != (line.gross, line.currency):
        return _difference("amount_differs", line, row.posted, f"{row.unit} here, {line.currency} there")
    if (row.amount, row.currency) != (row.posted, row.unit):
        return _difference("amount_differs", line, row.posted, f"the top-up itself says {row.amount} {row.currency}")
    if line.net != line.gross - line.fee:
        return _difference("amount_differs", line, row.posted, f"gross less fee isn't the net of {line.net}")
    return None


def _difference(kind: DifferenceKind, line: Line, here: int | None, detail: str) -> Difference:
    return Difference(kind, line.reference, line.id, here, line.gross, detail)


async def _books(session: AsyncSession, day: date, lines: list[Line]) -> tuple[list[Booked], dict[str, datetime]]:
    start = datetime.combine(day, time(), UTC)
    asked = {
        "start": start,
        "end": start + timedelta(days=1),
        "references": [line.reference for line in lines],
    }
    booked = [Booked(*row) for row in await session.execute(_BOOKED, asked)]
    settled = await session.execute(_SETTLED, {"keys": [line.key for line in lines]})
    return booked, {row.key: row.event_at for row in settled}
