"""A simulation of ten thousand stores: queues of replicas as InferencePool has them, shards of Postgres behind.

    python -m benchmarks.chain_day [--stores 10000] [--seconds 120] [--measure 7] [--save]

Requests arrive at random along a day's curve. A balancer gives each to the less busy of two replicas; a full one
refuses, and the device asks again a second later, `TRIES` times in all, before it goes on by itself. Shown are the
busiest minutes against the number of replicas, the hours of a day, and what it is like to lose a replica or a region.
`--measure` first asks one real server on this machine the same way, and compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from heapq import heapify, heappop, heappush, heapreplace
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.saving import parser, save
from facepay.capacity import Chain, Costs

Floats = NDArray[np.float64]
# Of a day's visits by hour, as supposed: a shop by a railway station, busiest on the way home.
CURVE = np.array([1, 0, 0, 0, 0, 2, 8, 18, 20, 15, 15, 20, 28, 20, 15, 15, 20, 30, 40, 34, 20, 12, 6, 3], float)
REGIONS = {"east": 0.4, "south": 0.3, "west": 0.2, "north": 0.1}
TRIES = 5
SILENCE_SECONDS = 2.0  # for which a device waits for an answer
NOTICED_SECONDS = 5.0  # after which the balancer asks a lost replica no more
AWAY_SECONDS = 30.0  # from a lost region to its standby's promotion, and to where its devices then turn
CORES = 2
console = Console()


@dataclass(frozen=True, slots=True)
class Plant:
    """Service times in seconds: of a frame on one worker, and of a request's statements on one of a shard's cores."""

    replicas: int
    workers: int
    frame: float
    statements: float
    queue_max: int = 32
    shards: int = 1
    shard_cores: int = 16
    spread: float = 0.25  # standard deviation by the mean
    tries: int = TRIES
    beside: float = 0.0  # of each request, while others have the workers

    def drawn(self, dice: np.random.Generator, mean: float, count: int) -> Floats:
        shape = 1 / self.spread**2
        return dice.gamma(shape, mean / shape, count)


@dataclass(frozen=True, slots=True)
class Loss:
    """So many replicas at this second; where all are lost, others stand in `AWAY_SECONDS` later."""

    at: float
    replicas: int


@dataclass(slots=True)
class Told:
    """`took` is seconds until a request was answered, from the first try on; not a number where it never was."""

    arrived: Floats
    took: Floats
    failed_first: int
    asked_again: int

    @property
    def given_up(self) -> float:
        return float(np.isnan(self.took).mean())

    def quantile(self, share: float) -> float:
        return float(np.nanquantile(self.took, share)) * 1000 if not np.isnan(self.took).all() else float("nan")


class Replica:
    """Frames wait in one line for the workers; `inside` are those at work and in line, by when they will be done."""

    def __init__(self, workers: int, places: int) -> None:
        self._free = [0.0] * workers
        self._places = places
        self.inside: list[tuple[float, int]] = []
        self.lost = False

    def load(self, now: float) -> int:
        while self.inside and self.inside[0][0] <= now:
            heappop(self.inside)
        return len(self.inside)

    def take(self, now: float, seconds: float, number: int) -> float | None:
        """When it will be done; None where it is refused."""
        if self.load(now) >= self._places:
            return None
        done = max(now, self._free[0]) + seconds
        heapreplace(self._free, done)
        heappush(self.inside, (done, number))
        return done


def play(arrived: Floats, plant: Plant, *, seed: int = 1, loss: Loss | None = None) -> Told:
    """What becomes of requests that arrive at these seconds."""
    dice = np.random.default_rng(seed)
    done, refused, again = _through_replicas(arrived, plant, dice, loss)
    answered = ~np.isnan(done)
    took = np.full(len(arrived), np.nan)
    took[answered] = _through_shards(done[answered], plant, dice) - arrived[answered] + plant.beside
    return Told(arrived, took, refused, again)


def _through_replicas(
    arrived: Floats, plant: Plant, dice: np.random.Generator, loss: Loss | None
) -> tuple[Floats, int, int]:
    """When each frame was seen, how many were refused at first, and how many tries came to that."""
    seconds = plant.drawn(dice, plant.frame, len(arrived))
    replicas = [Replica(plant.workers, plant.workers + plant.queue_max) for _ in range(plant.replicas)]
    known = list(replicas)
    picks = dice.random((len(arrived) * 2, 2))
    waits = dice.random(len(arrived) * 2)
    done, refused, drawn = np.full(len(arrived), np.nan), 0, 0
    todo = [(at, number, 1) for number, at in enumerate(arrived.tolist())]
    if loss:
        todo += [(loss.at, -1, 0), (loss.at + NOTICED_SECONDS, -2, 0), (loss.at + AWAY_SECONDS, -3, 0)]
    heapify(todo)
    while todo:
        now, number, tries = heappop(todo)
        if number < 0:
            assert loss
            for _, hurt in _fail(number, replicas, known, loss):
                done[hurt] = np.nan
                heappush(todo, (now + SILENCE_SECONDS, hurt, 2))
            continue
        drawn = (drawn + 1) % len(waits)
        one, other = (known[int(pick * len(known))] for pick in picks[drawn])
        chosen = one if one.load(now) <= other.load(now) else other
        end = None if chosen.lost else chosen.take(now, seconds[number], number)
        if end is not None:
            done[number] = end
            continue
        refused += tries == 1
        if tries < plant.tries:
            wait = SILENCE_SECONDS if chosen.lost else 1 + waits[drawn]
            heappush(todo, (now + wait, number, tries + 1))
    return done, refused, drawn


def _fail(what: int, replicas: list[Replica], known: list[Replica], loss: Loss) -> list[tuple[float, int]]:
    """Whose frames are lost; a balancer without any replica left goes on asking those that it had."""
    lost = replicas[: loss.replicas]
    if what == -1:
        for replica in lost:
            replica.lost = True
        return [each for replica in lost for each in replica.inside if each[0] > loss.at]
    if what == -2 and loss.replicas < len(replicas):
        known[:] = replicas[loss.replicas :]
    if what == -3 and loss.replicas == len(replicas):
        for replica in lost:
            replica.lost, replica.inside = False, []
    return []


def _through_shards(seen: Floats, plant: Plant, dice: np.random.Generator) -> Floats:
    """When each is committed, in one line before each shard's cores."""
    order = np.argsort(seen)
    seconds = plant.drawn(dice, plant.statements, len(seen))
    shards = [[0.0] * plant.shard_cores for _ in range(plant.shards)]
    of = dice.integers(plant.shards, size=len(seen))
    committed = np.empty(len(seen))
    for number in order.tolist():
        free = shards[of[number]]
        committed[number] = max(seen[number], free[0]) + seconds[number]
        heapreplace(free, committed[number])
    return committed


def arrivals(rate: float, seconds: float, seed: int = 1) -> Floats:
    dice = np.random.default_rng(seed)
    return np.sort(dice.random(dice.poisson(rate * seconds)) * seconds)


def plant_of(costs: Costs, replicas: int, *, shards: int = 1) -> Plant:
    """A replica of `CORES`, of which models, search and app share the work of a frame."""
    app = (2 * costs.pass_app_ms + costs.sale_app_ms) / 3
    statements = (2 * costs.pass_postgres_ms + costs.sale_postgres_ms) / 3
    frame = (costs.frame_ms + costs.search_ms_per_million + app) / 1000
    return Plant(replicas, CORES, frame, statements / 1000, shards=shards)


def row(told: Told) -> list[str]:
    count = len(told.arrived)
    return [
        f"{count:,}",
        f"{told.quantile(0.5):,.0f}",
        f"{told.quantile(0.99):,.0f}",
        f"{told.failed_first / count:.2%}",
        f"{told.given_up:.3%}",
    ]


def against_replicas(rate: float, costs: Costs, seconds: float) -> list[dict[str, Any]]:
    """The busiest minutes of the largest region."""
    table = Table("replicas", "busy", "requests", "p50 ms", "p99 ms", "failed at first", "went on alone")
    rows = []
    enough = rate * plant_of(costs, 1).frame / CORES
    for replicas in sorted({ceil(enough / busy) for busy in (1.2, 1.1, 1.0, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5)}):
        told = play(arrivals(rate, seconds), plant_of(costs, replicas))
        table.add_row(str(replicas), f"{enough / replicas:.2f}", *row(told))
        rows.append(figures(told) | {"what": "replicas", "replicas": replicas, "busy": enough / replicas})
    console.print(f"{rate:,.0f} requests a second for {seconds:.0f} s, replicas of {CORES} cores", table)
    return rows


def figures(told: Told) -> dict[str, Any]:
    return {
        "requests": len(told.arrived),
        "p50_ms": told.quantile(0.5),
        "p99_ms": told.quantile(0.99),
        "failed": told.failed_first / len(told.arrived),
        "alone": told.given_up,
    }


def through_the_day(chain: Chain, costs: Costs, replicas: int, share: float) -> list[dict[str, Any]]:
    """Half a minute of each hour, of the largest region."""
    table = Table("hour", "requests/s", "requests", "p50 ms", "p99 ms", "failed at first", "went on alone")
    rows = []
    peak = (chain.decisions_a_second + chain.sales_a_second) * chain.frames * share
    for hour, weight in enumerate(CURVE / CURVE.max()):
        if weight:
            told = play(arrivals(peak * weight, 30, seed=hour), plant_of(costs, replicas))
            table.add_row(f"{hour}:00", f"{peak * weight:,.0f}", *row(told))
            rows.append(figures(told) | {"what": "hour", "hour": hour, "rate": peak * weight})
    console.print(table)
    return rows


def losses(rate: float, costs: Costs, replicas: int, seconds: float) -> list[dict[str, Any]]:
    """A third of the way through."""
    table = Table("lost", "requests", "p50 ms", "p99 ms", "failed at first", "went on alone", "longest ms")
    rows = []
    cases: Mapping[str, Loss | None] = {
        "nothing": None,
        "a replica": Loss(seconds / 3, 1),
        "a tenth of them": Loss(seconds / 3, max(1, replicas // 10)),
        "a third of them": Loss(seconds / 3, max(1, replicas // 3)),
        "the region": Loss(seconds / 3, replicas),
    }
    for what, loss in cases.items():
        told = play(arrivals(rate, seconds), plant_of(costs, replicas), loss=loss)
        table.add_row(what, *row(told), f"{np.nanmax(told.took) * 1000:,.0f}")
        rows.append(figures(told) | {"what": f"lost: {what}", "longest_ms": float(np.nanmax(told.took)) * 1000})
    console.print(f"{replicas} replicas", table)
    return rows


def main() -> None:
    arguments = parser(__doc__, seconds=120, of="the busiest minutes")
    arguments.add_argument("--stores", type=int, default=10_000)
    arguments.add_argument("--measure", type=float, metavar="SECONDS", default=0, help="of each rate at a real server")
    options = arguments.parse_args()
    rows = []
    if options.measure:
        from benchmarks.chain_day_real import compare

        rows += compare(options.measure)
    chain, costs = Chain(options.stores, 50_000_000, regions=50), Costs()
    share = max(REGIONS.values())
    rate = (chain.decisions_a_second + chain.sales_a_second) * chain.frames * share
    rows += against_replicas(rate, costs, options.seconds)
    replicas = ceil(rate * plant_of(costs, 1).frame / CORES / chain.used)
    rows += through_the_day(chain, costs, replicas, share)
    rows += losses(rate, costs, replicas, options.seconds)
    if options.save:
        from benchmarks.chain_day_plot import plot

        save("chain_day", rows)
        plot(rows)


if __name__ == "__main__":
    main()
