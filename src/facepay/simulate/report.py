"""How a simulated store does: each device while it is open, each operation in the end, for people and for machines."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import TypeAdapter
from rich.console import Group
from rich.table import Column, Table
from rich.text import Text

from facepay.kernel.proofs import Report as Proof
from facepay.simulate.books import Books
from facepay.simulate.crowd import Crowd, Device, Plan, Record
from facepay.simulate.line import LOST


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from the request to the whole answer."""

    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float

    @classmethod
    def of(cls, milliseconds: Sequence[float]) -> Latency:
        if not milliseconds:
            return cls(0, 0, 0, 0, 0)
        return cls(
            len(milliseconds), *(round(float(each), 1) for each in np.percentile(milliseconds, (50, 95, 99, 100)))
        )

    @property
    def cells(self) -> Iterable[str]:
        return (f"{each:,.0f}" if self.count else "" for each in (self.p50_ms, self.p95_ms, self.p99_ms))


def devices_now(crowd: Crowd, seconds: float) -> Group:
    """Each device as it does just now."""
    table = _table("device", "a minute", "p50", "p95", "p99 ms", "refused", "lost", "errors")
    for device in (*crowd.gates, *crowd.kiosks):
        latency = Latency.of([each for times in device.line.milliseconds.values() for each in times])
        errors = Counter(code for _, code in device.line.errors.elements())
        lost = errors.pop(LOST, 0)
        rate = f"{latency.count / seconds * 60:,.0f}"
        refused = str(device.refused.total() or "")
        table.add_row(device.name, rate, *latency.cells, refused, str(lost or ""), _counted(errors))
    record = crowd.record
    return Group(
        table, Text(f"{seconds:.0f} s: {record.arrived} came, {record.inside} inside, {len(record.paid)} paid")
    )


@dataclass(frozen=True, slots=True)
class Report:
    """`operations` by the last word of their path; `refused` are answers of a gate or kiosk, `errors` are none."""

    plan: Plan
    record: Record
    requests_per_second: float
    operations: dict[str, Latency]
    refused: dict[str, dict[str, int]]
    errors: dict[str, dict[str, int]]
    books: Books
    ledger: Proof | None

    @classmethod
    def of(cls, crowd: Crowd, books: Books, ledger: Proof | None) -> Report:
        stations: list[Device] = [*crowd.gates, *crowd.kiosks]
        times: dict[str, list[float]] = defaultdict(list)
        for device in stations:
            for operation, milliseconds in device.line.milliseconds.items():
                times[operation] += milliseconds
        return cls(
            crowd.plan,
            crowd.record,
            round(sum(map(len, times.values())) / crowd.record.seconds, 2),
            {operation: Latency.of(times[operation]) for operation in sorted(times)},
            _nested(device.refused for device in stations),
            _nested(device.line.errors for device in stations),
            books,
            ledger,
        )

    @property
    def ok(self) -> bool:
        return not self.books.faults and (self.ledger is None or self.ledger.ok)

    def json(self) -> bytes:
        """Without anybody's orders."""
        return TypeAdapter(Report).dump_json(self, indent=2, exclude={"record": {"paid"}})

    def shown(self) -> Group:
        table = _table("operation", "answers", "a second", "p50", "p95", "p99", "max ms")
        for operation, latency in self.operations.items():
            rate = f"{latency.count / self.record.seconds:.1f}"
            table.add_row(operation, f"{latency.count:,}", rate, *latency.cells, f"{latency.max_ms:,.0f}")
        return Group(table, Text("\n".join(self._lines())))

    def _lines(self) -> Iterable[str]:
        record, books = self.record, self.books
        yield f"\n{self.requests_per_second} requests a second for {record.seconds:.0f} s"
        yield f"{record.arrived} visits, {record.late} of them late as everybody was in the store"
        yield f"Strangers let in: {record.strangers_let_in}; members taken for others: {record.mistaken_for_others}"
        for what, counts in (("refused", self.refused), ("error", self.errors)):
            for operation, codes in counts.items():
                yield from (f"  {what}: {count} x {operation} {code}" for code, count in codes.items())
        yield from (f"  given up: {count} x {code}" for code, count in record.given_up.items())
        yield f"Books: {books.paid} paid answers, {books.orders} orders, {books.wallets} wallets, {books.taken} taken"
        yield from (f"  WRONG: {fault}" for fault in books.faults)
        yield f"Ledger: {self.ledger or 'run `facepay ledger verify` where the server runs'}"


def _table(first: str, *figures: str) -> Table:
    columns = (Column(each, justify="right") for each in figures)
    return Table(Column(first, no_wrap=True), *columns, box=None, pad_edge=False, header_style="bold")


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count} x {code}" for code, count in counts.most_common())


def _nested(counts: Iterable[Counter[tuple[str, str]]]) -> dict[str, dict[str, int]]:
    """Operation -> code -> how often, the most frequent first."""
    nested: dict[str, dict[str, int]] = defaultdict(dict)
    for (operation, code), count in sum(counts, Counter[tuple[str, str]]()).most_common():
        nested[operation][code] = count
    return nested
