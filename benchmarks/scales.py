"""How often is a change of weight read right? A simulated year of takes, by the scale's noise, and a day of drift.

People take one piece nearly always, several now and then, pieces of two kinds sometimes, or all there are; they put
back what they carry, lay things down that belong elsewhere or aren't goods at all. Weights are as pieces differ. Their
habits are not the prior that the interpretation assumes, but nobody measured them in a shop either.

    python -m benchmarks.scales --changes 14600
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from time import perf_counter
from uuid import UUID, uuid5

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from facepay.shelves.drift import Baseline, Reading, Scale, Step, settle
from facepay.shelves.planogram import Good, Slot
from facepay.shelves.weights import Interpretation, interpret

NOISES_GRAMS = (1.0, 2.0, 5.0, 10.0)
SURE = 0.95
GOODS = UUID("5f0e8d1c-9d5b-4c39-8f2c-0d5f4f8f1f10")
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)


def good(sku: str, unit_weight_grams: float, tolerance_grams: float, full_quantity: int = 12) -> Good:
    return Good(uuid5(GOODS, sku), sku, unit_weight_grams, tolerance_grams, full_quantity)


TEA, MILK, JUICE = good("tea", 512, 3), good("milk", 1032, 6), good("juice", 345, 2)
GUM, BUN, NOODLES = good("gum", 27, 0.4, 40), good("bun", 110, 4), good("noodles", 121, 2, 20)
SLOTS: Mapping[str, tuple[Good, ...]] = {
    "one product": (TEA,),
    "three, unlike": (TEA, JUICE, BUN),
    "three, two teas weigh a milk": (TEA, MILK, JUICE),
    "six": (TEA, MILK, JUICE, GUM, BUN, NOODLES),
    "thirty": tuple(good(f"thirty-{n}", 60 * 1.1**n, 0.6 * 1.1**n, 8) for n in range(30)),
}
ELSEWHERE = tuple(good(f"elsewhere-{n}", 20 * 1.02**n, 0.1 * 1.02**n) for n in range(200))


@dataclass
class Shoppers:
    """What people do at one slot; every piece has a weight of its own. `baskets` is what they carry."""

    slot: Slot
    random: Random
    lying: dict[UUID, list[float]] = field(default_factory=dict)
    baskets: dict[UUID, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.refill()

    def refill(self) -> None:
        """Full again, and everybody has paid."""
        for each in self.slot.goods:
            self.lying[each.product_id] = [self._piece(each) for _ in range(each.full_quantity)]
            self.baskets[each.product_id] = []

    def counts(self) -> tuple[dict[UUID, int], dict[UUID, int]]:
        return _counted(self.lying), _counted(self.baskets)

    def change(self) -> tuple[dict[UUID, int] | None, float]:
        """What the next one takes, and by how many grams the slot changes; None for what isn't goods."""
        chance = self.random.random()
        if chance < 0.005:
            return None, self.random.uniform(20, 3_000)
        if chance < 0.01:
            stray = self.random.choice(ELSEWHERE)
            return {stray.product_id: -1}, self._piece(stray)
        if chance < 0.015:
            return self._move({product_id: len(pieces) for product_id, pieces in self.lying.items()})
        carried = [each for each, pieces in self.baskets.items() if pieces]
        if carried and chance < 0.15:
            return self._move({self.random.choice(carried): -1})
        kinds = self.random.sample(self.slot.goods, 2 if chance > 0.97 and len(self.slot.goods) > 1 else 1)
        return self._move({kind.product_id: self._pieces() for kind in kinds})

    def _move(self, wanted: Mapping[UUID, int]) -> tuple[dict[UUID, int], float]:
        taken, grams = {}, 0.0
        for product_id, pieces in wanted.items():
            source, target = self.lying[product_id], self.baskets[product_id]
            if pieces < 0:
                source, target = target, source
            moved = [source.pop() for _ in range(min(abs(pieces), len(source)))]
            target.extend(moved)
            if moved:
                taken[product_id] = len(moved) if pieces > 0 else -len(moved)
                grams -= sum(moved) if pieces > 0 else -sum(moved)
        return taken, grams

    def _pieces(self) -> int:
        return self.random.choices((1, 2, 3, 4, 6), (87, 8, 2, 2, 1))[0]

    def _piece(self, of: Good) -> float:
        return self.random.gauss(of.unit_weight_grams, of.tolerance_grams)


def _counted(pieces: Mapping[UUID, Sequence[float]]) -> dict[UUID, int]:
    return {product_id: len(those) for product_id, those in pieces.items()}


def year(slot: Slot, *, changes: int, seed: int = 1) -> Iterator[tuple[dict[UUID, int] | None, Interpretation]]:
    """What people did, and how it was read. Counts are right before each change: errors aren't carried on."""
    random = Random(seed)
    shoppers = Shoppers(slot, random)
    for _ in range(changes):
        if random.random() < 0.04 or not any(shoppers.lying.values()):
            shoppers.refill()
        lying, in_baskets = shoppers.counts()
        taken, grams = shoppers.change()
        if taken == {}:
            continue
        measured = random.gauss(grams, slot.noise_grams)
        yield taken, interpret(measured, slot=slot, lying=lying, in_baskets=in_baskets, elsewhere=ELSEWHERE)


@dataclass(frozen=True)
class Day:
    """A simulated day of one scale: what was moved, what was made of it, and the content it ends with."""

    moved: list[dict[UUID, int]]
    steps: list[Step]
    read: list[Mapping[UUID, int] | None]
    lying: dict[UUID, int]
    counted: dict[UUID, int]

    @property
    def exact(self) -> bool:
        return self.moved == [taken for taken in self.read if taken != {}] and self.lying == self.counted


def day(slot: Slot, *, seed: int, moves: int = 60, drift_grams: float = 30.0, every_seconds: float = 30.0) -> Day:
    """Drift by a sine over the day and a tenth of it each 80 minutes; a hand presses on the scale before each change,
    which then rings. The scale reads ten times a second around a change, and else every so often.
    """
    shoppers, random = Shoppers(slot, Random(seed)), Random(seed + 1)
    start = sum(map(sum, shoppers.lying.values()))
    moments = sorted(random.sample(range(600, 85_000, 30), moves))
    changes = [(moment, *_goods_only(shoppers)) for moment in moments]
    around = [moment + np.arange(-1, 6, 0.1) for moment in moments]
    seconds = np.unique(np.round(np.concatenate([np.arange(0, 86_400, every_seconds), *around]), 3))
    grams = _readings(seconds, [(moment, change) for moment, _, change in changes], start, drift_grams, random)
    grams += np.random.default_rng(seed).normal(0, slot.noise_grams, len(seconds))
    samples = [
        Reading(MIDNIGHT + timedelta(seconds=second), value)
        for second, value in zip(seconds.tolist(), grams.tolist(), strict=True)
    ]
    known = Baseline.starting(samples[0], content_grams=start, noise_grams=slot.noise_grams)
    steps = settle(Scale(known), samples[1:], slot).steps
    read, counted = _interpreted(steps, slot)
    return Day([taken for _, taken, _ in changes], steps, read, shoppers.counts()[0], counted)


def _goods_only(shoppers: Shoppers) -> tuple[dict[UUID, int], float]:
    own = {each.product_id for each in shoppers.slot.goods}
    while True:
        taken, grams = shoppers.change()
        if taken and taken.keys() <= own:
            return taken, grams


def _readings(
    seconds: np.ndarray, changes: Sequence[tuple[int, float]], start: float, drift_grams: float, random: Random
) -> np.ndarray:
    grams = start + drift_grams * (np.sin(2 * np.pi * seconds / 86_400) + 0.1 * np.sin(2 * np.pi * seconds / 4_800))
    for moment, change in changes:
        since = seconds - moment
        pressed, rings = (since >= 0) & (since < 2), (since >= 2) & (since < 3)
        grams[pressed] += random.uniform(100, 600) * np.sin(np.pi * since[pressed] / 2)
        grams[rings] -= 0.3 * change * np.exp(-6 * (since[rings] - 2)) * np.cos(30 * (since[rings] - 2))
        grams[since >= 2] += change
    return grams


def _interpreted(steps: Sequence[Step], slot: Slot) -> tuple[list[Mapping[UUID, int] | None], dict[UUID, int]]:
    """As a shelf goes on: each reading counts for the next."""
    lying = {each.product_id: each.full_quantity for each in slot.goods}
    in_baskets = dict.fromkeys(lying, 0)
    read: list[Mapping[UUID, int] | None] = []
    for step in steps:
        as_noisy = replace(slot, noise_grams=step.noise_grams)
        best = interpret(step.change_grams, slot=as_noisy, lying=lying, in_baskets=in_baskets).best
        read.append(best.taken if best else None)
        for product_id, pieces in (best.taken if best else {}).items():
            lying[product_id] -= pieces
            in_baskets[product_id] += pieces
    return read, lying


def show_year(console: Console, changes: int) -> None:
    table = Table(title=f"A simulated year at one slot: {changes} changes")
    for column in ("goods", "noise", "read right", f"surer than {SURE:.0%}", "of those right", "said", "ms"):
        table.add_column(column, justify="left" if column == "goods" else "right")
    for name, goods in SLOTS.items():
        for noise in track(NOISES_GRAMS, name, console=console, transient=True):
            started, said, counts = perf_counter(), 0.0, Counter[str]()
            for truth, found in year(Slot("A1", noise, goods), changes=changes):
                best = found.best
                right = best is None if truth is None else best is not None and best.taken == truth
                probability = best.probability if best else found.unexplained
                said += probability
                sure = best is not None and probability >= SURE
                counts.update(all=1, right=right, sure=sure, sure_right=sure and right)
            table.add_row(
                name,
                f"{noise:.0f} g",
                f"{counts['right'] / counts['all']:.2%}",
                f"{counts['sure'] / counts['all']:.2%}",
                f"{counts['sure_right'] / max(1, counts['sure']):.3%}",
                f"{said / counts['all']:.2%}",
                f"{1000 * (perf_counter() - started) / counts['all']:.1f}",
            )
    console.print(table)


def show_days(console: Console, days: int) -> None:
    table = Table(title=f"{days} days of ±30 g drift, 60 changes each")
    for column in ("goods", "noise", "changes", "steps found", "days exact"):
        table.add_column(column, justify="left" if column == "goods" else "right")
    for name in ("one product", "three, unlike"):
        for noise in NOISES_GRAMS:
            slot = Slot("A1", noise, tuple(replace(each, full_quantity=200) for each in SLOTS[name]))
            lived = [day(slot, seed=seed) for seed in range(days)]
            table.add_row(
                name,
                f"{noise:.0f} g",
                str(sum(len(each.moved) for each in lived)),
                str(sum(len(each.steps) for each in lived)),
                f"{sum(each.exact for each in lived)} of {days}",
            )
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=14_600, help="in the year: forty a day")
    parser.add_argument("--days", type=int, default=20, help="of drift")
    options = parser.parse_args()
    console = Console(width=110)
    show_year(console, options.changes)
    show_days(console, options.days)


if __name__ == "__main__":
    main()
