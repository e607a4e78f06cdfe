"""What the recommender is worth and what it takes, on a made-up history with known taste.

    .venv/bin/python -m benchmarks.recommender [--products 10000] [--members 6000] [--trials 1000] [--seed 1]

Real Postgres, the real learning and the real statements. It is the taste that is made up: each product suits one of
many tastes (six in ten by their category) and some a part of the day, popularity follows a power law, and members have
three tastes each. Of a purchase a quarter is something they have bought before, then three quarters are to their taste
and one is what is popular. So whatever there is to learn was put in: on a shop's own history run
`facepay recommender evaluate`. `the best there is` knows all of that of each member, the one thing that nobody can.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID, uuid5

import numpy as np
import psycopg
import typer
import uvloop
from numpy.typing import NDArray
from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncSession

from benchmarks.former_recommender import recommend as recommend_formerly
from facepay.cli.running import printed
from facepay.evaluation.suggestions import AT, evaluate_suggestions, words_of
from facepay.kernel.database import Database
from facepay.kernel.embedded import OWNER, SUPERUSER, EmbeddedPostgres
from facepay.kernel.ids import new_id
from facepay.migrate import connect, migrate
from facepay.recommender.learning import learn
from facepay.recommender.recommending import recommend
from facepay.settings import Settings

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAYS, TRIED_DAYS = 90, 7
NAMES = UUID("0190a000-0000-7000-8000-000000000000")
PARTS_HOURS = ((5, 11), (11, 14), (14, 17), (17, 22), (22, 24))
CATEGORIES, PRODUCTS_PER_TASTE, TASTES_EACH = 60, 80, 3
AGAIN, TO_TASTE, SUITS_A_PART, SUITED = 0.25, 0.75, 0.3, 4.0
console = Console()


@dataclass
class Shop:
    """Products by their number, with what nobody but the maker of this history knows."""

    random: np.random.Generator
    products: int
    category: NDArray[np.int64] = field(init=False)
    taste: NDArray[np.int64] = field(init=False)
    in_part: NDArray[np.float64] = field(init=False)  # popularity, by part of the day and product
    pools: list[NDArray[np.int64]] = field(init=False)

    def __post_init__(self) -> None:
        tastes = max(20, self.products // PRODUCTS_PER_TASTE)
        self.category = self.random.integers(CATEGORIES, size=self.products)
        of_category = (self.category * 2 + self.random.integers(2, size=self.products)) % tastes
        anywhere = self.random.integers(tastes, size=self.products)
        self.taste = np.where(self.random.random(self.products) < 0.6, of_category, anywhere)
        popular = self.random.permutation(1 / np.arange(1, self.products + 1) ** 0.8)
        suits = self.random.integers(len(PARTS_HOURS), size=self.products)
        lift = np.where(self.random.random(self.products) < SUITS_A_PART, SUITED, 1.0)
        self.in_part = np.array([popular * np.where(suits == part, lift, 1.0) for part in range(len(PARTS_HOURS))])
        self.pools = [np.flatnonzero(self.taste == taste) for taste in range(tastes)]

    def chances(self, tastes: NDArray[np.int64], shares: Sequence[float], part: int, bought: Sequence[int]) -> Any:
        """How likely each product is the next that somebody with these tastes buys."""
        popular = self.in_part[part]
        chances = (1 - TO_TASTE) * popular / popular.sum()
        for taste, share in zip(tastes, shares, strict=True):
            pool = self.pools[taste]
            chances[pool] += TO_TASTE * share * popular[pool] / popular[pool].sum()
        if bought:
            chances *= 1 - AGAIN
            np.add.at(chances, list(bought), AGAIN / len(bought))
        return chances


@dataclass(frozen=True, slots=True)
class Purchase:
    member: int
    product: int
    at: datetime
    rank: int  # of the product, by its true chance: 0 is the likeliest


def history(shop: Shop, members: int) -> list[Purchase]:
    random, found = shop.random, []
    for member in range(members):
        number = int(np.clip(np.exp(random.normal(2.7, 0.6)), 5, 60))
        tastes = random.choice([t for t, pool in enumerate(shop.pools) if len(pool)], TASTES_EACH, replace=False)
        parts = random.dirichlet(np.full(len(PARTS_HOURS), 0.7))
        bought: list[int] = []
        for day in np.sort(random.random(number)) * DAYS:
            part = int(random.choice(len(PARTS_HOURS), p=parts))
            chances = shop.chances(tastes, (0.5, 0.3, 0.2), part, bought)
            product = int(np.searchsorted(np.cumsum(chances), random.random() * chances.sum()))
            first, last = PARTS_HOURS[part]
            hour = first + random.random() * (last - first)
            at = (NOW - timedelta(days=DAYS)).replace(hour=0) + timedelta(days=int(day), hours=hour)
            found.append(Purchase(member, product, at, int((chances > chances[product]).sum())))
            bought.append(product)
    return found


def fill(superuser: psycopg.Connection[Any], shop: Shop, purchases: Sequence[Purchase], members: int) -> UUID:
    """Everything that the recommender reads; answers the store's id."""
    store, device = new_id(), new_id()
    before = NOW - timedelta(days=365)
    products = [uuid5(NAMES, f"product {number}") for number in range(shop.products)]
    people = [uuid5(NAMES, f"member {number}") for number in range(members)]
    superuser.execute("set session_replication_role = replica")
    superuser.execute(
        "insert into store (id, name, code, timezone, currency, created_at) values (%s, 'S', 'S', 'UTC', 'CNY', %s)",
        (store, before),
    )

    def copy(table: str, columns: str, rows: Sequence[tuple[Any, ...]]) -> None:
        with superuser.cursor().copy(f"copy {table} ({columns}) from stdin") as lines:
            for row in rows:
                lines.write_row(row)

    copy("member", "id, display_name, status, pin_failures, created_at, updated_at",
         [(person, "", "active", 0, before, before) for person in people])  # fmt: skip
    copy("profiling_consent", "id, member_id, policy_version, accepted_at, evidence_since",
         [(new_id(), person, "2026-01", before, before) for person in people])  # fmt: skip
    copy("product",
         "id, sku, name, category, price, tax_rate_basis_points, currency, active, created_at, updated_at",
         [(product, f"P-{number}", f"Product {number}", f"Category {shop.category[number]}", 100, 0, "CNY", True,
           before, before) for number, product in enumerate(products)])  # fmt: skip
    copy("stock", "store_id, product_id, quantity, updated_at",
         [(store, product, 10, before) for product in products])  # fmt: skip
    orders = [new_id() for _ in purchases]
    copy("shop_order", "id, store_id, device_id, member_id, currency, total, tax, refunded, created_at",
         [(order, store, device, people[each.member], "CNY", 100, 0, 0, each.at)
          for order, each in zip(orders, purchases, strict=True)])  # fmt: skip
    copy("order_line", "order_id, position, product_id, sku, name, quantity, unit_price, tax_rate_basis_points, total,"
         " tax",
         [(order, 1, products[each.product], "", "", 1, 100, 0, 100, 0)
          for order, each in zip(orders, purchases, strict=True)])  # fmt: skip
    superuser.execute("set session_replication_role = origin")
    superuser.execute("vacuum analyze")
    return store


async def measure(url: str, store: UUID, members: int, trials: int, purchases: Sequence[Purchase]) -> None:
    settings, database = Settings(_env_file=None), Database(url)
    since = NOW - timedelta(days=TRIED_DAYS)
    print_best(purchases, since)
    findings = await evaluate_suggestions(database, settings=settings, since=since, now=NOW, members_max=trials)
    console.print(printed(words_of(findings)))
    start = time.perf_counter()
    await learn(database, settings=settings, now=NOW)
    console.print(f"learnt in {time.perf_counter() - start:.1f} s")
    people = [uuid5(NAMES, f"member {number}") for number in np.random.default_rng(2).integers(members, size=trials)]
    asked: dict[str, Any] = {"store_id": store, "limit": AT, "settings": settings, "now": NOW}
    took = {
        "of a member": await timed(database, people, lambda s, who: recommend(s, member_id=who, **asked)),
        "of a guest": await timed(database, people, lambda s, _: recommend(s, member_id=None, **asked)),
        "two statements, as before": await timed(
            database, people[:200], lambda s, who: recommend_formerly(s, member_id=who, **asked)
        ),
    }
    formerly = float(np.median(took["two statements, as before"]))
    for name, milliseconds in took.items():
        p50, p95, p99 = np.percentile(milliseconds, [50, 95, 99])
        console.print(f"{name}: p50 {p50:.1f} ms, p95 {p95:.1f}, p99 {p99:.1f}; {p50 / formerly:.2f} times as before")
    await database.close()


async def timed(
    database: Database, people: Sequence[UUID], suggest: Callable[[AsyncSession, UUID], Awaitable[object]]
) -> list[float]:
    """Milliseconds, one after the other, each in a session of its own; the first twenty warm up."""
    took = []
    for person in people:
        async with database.read() as session:
            start = time.perf_counter()
            await suggest(session, person)
            took.append((time.perf_counter() - start) * 1000)
    return took[20:]


def print_best(purchases: Sequence[Purchase], since: datetime) -> None:
    first: dict[int, Purchase] = {}
    for each in sorted(purchases, key=lambda each: each.at):
        if since <= each.at < NOW:
            first.setdefault(each.member, each)
    ranks = np.array([each.rank for each in first.values()])
    gain = np.where(ranks < AT, 1 / np.log2(ranks + 2.0), 0.0)
    console.print(f"the best there is: hit rate {(ranks < AT).mean():.3f}, NDCG {gain.mean():.3f} at {AT}")


def main(
    products: Annotated[int, typer.Option(min=100)] = 10_000,
    members: Annotated[int, typer.Option(min=100)] = 6_000,
    trials: Annotated[int, typer.Option(min=50)] = 1_000,
    seed: int = 1,
) -> None:
    shop = Shop(np.random.default_rng(seed), products)
    purchases = history(shop, members)
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "postgres") as server:
        with connect(server.url(role=OWNER)) as connection:
            migrate(connection)
        with psycopg.connect(server.url(role=SUPERUSER).replace("+psycopg", ""), autocommit=True) as superuser:
            store = fill(superuser, shop, purchases, members)
        console.print(f"{products} products, {members} members, {len(purchases)} purchases, {os.cpu_count()} cores")
        uvloop.run(measure(server.url(), store, members, trials, purchases))


if __name__ == "__main__":
    typer.run(main)
