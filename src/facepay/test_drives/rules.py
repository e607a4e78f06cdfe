"""What a store asks of whoever drives its cars: who may, for how long, and what it costs by their standing.

A reservation keeps the rules and prices that it was made under: what was quoted is what is charged.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import to_json
from sqlalchemy import ForeignKey, String
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.catalog.products import find_products
from facepay.kernel.database import Base
from facepay.kernel.errors import Conflict, Problem
from facepay.kernel.schemas import AMOUNT_MAX, Code, Line, Request
from facepay.stores.stores import get_open_store

DAYS_MAX = 366
Bound = Annotated[int, Field(ge=0, le=DAYS_MAX, strict=True)]
Hours = Annotated[int, Field(ge=1, le=24 * DAYS_MAX, strict=True)]
Minutes = Annotated[int, Field(ge=0, le=7 * 24 * 60, strict=True)]
Sku = Annotated[Code | None, Field(description="The product that it is charged as, and so its price and tax.")]


class Level(Request):
    """What members of some standing pay, and leave as a deposit. The first level that they reach holds.

    A score or a tier is enough; a level that asks for neither is everybody's.
    """

    name: Line
    score_min: Annotated[int | None, Field(ge=0, le=10_000, strict=True)] = None
    tier: Annotated[Line | None, Field(description="A membership tier by its name, or a higher one.")] = None
    fee_sku: Sku = None
    deposit: Annotated[int, Field(ge=0, le=AMOUNT_MAX, strict=True, description="Minor units.")] = 0


class Rules(Request):
    """The defaults are the original's where it had any: three days, each model once, five in two months."""

    levels: Annotated[tuple[Level, ...], Field(min_length=1, max_length=20, description="The best standing first.")]
    age_min: Annotated[int, Field(ge=16, le=99, strict=True)] = 18
    drive_hours: Hours = 72
    extension_hours_max: Annotated[int, Field(ge=0, le=24 * DAYS_MAX, strict=True)] = 72
    turnaround_minutes: Annotated[Minutes, Field(description="Between two drives of a car.")] = 120
    drives_per_model_max: Annotated[int, Field(ge=1, le=DAYS_MAX, strict=True)] = 1
    drives_max: Annotated[int, Field(ge=1, le=DAYS_MAX, strict=True, description="That start in `window_days`.")] = 5
    window_days: Annotated[int, Field(ge=1, le=DAYS_MAX, strict=True)] = 61
    no_shows_max: Annotated[Bound, Field(description="In `window_days`, until no more is reserved.")] = 2
    ahead_days_max: Annotated[int, Field(ge=1, le=DAYS_MAX, strict=True)] = 60
    early_minutes: Minutes = 15
    grace_minutes: Annotated[Minutes, Field(description="From the start until nobody is waited for.")] = 60
    cancel_free_hours: Annotated[int, Field(ge=0, le=24 * DAYS_MAX, strict=True)] = 24
    remind_hours: Annotated[int, Field(ge=1, le=72, strict=True)] = 3
    tolerance_minutes: Minutes = 15
    late_hours_max: Annotated[int, Field(ge=0, le=24 * DAYS_MAX, strict=True, description="That are charged.")] = 48
    late_step_hours: Annotated[Hours, Field(description="Charged so often while a car is late.")] = 24
    missing_hours: Annotated[Hours, Field(description="Late, until it is a matter for the police.")] = 24
    dispute_hours: Annotated[Hours, Field(description="In which a member may say that damage isn't theirs.")] = 48
    licence_check_days: Annotated[int, Field(ge=1, le=3650, strict=True)] = 365
    score_days: Annotated[int, Field(ge=1, le=3650, strict=True)] = 180
    liveness_required: Annotated[
        bool, Field(strict=True, description="A machine without a challenge, depth or passive check hands out nothing.")
    ] = True
    late_sku: Annotated[Sku, Field(description="One piece for each hour started.")] = None
    no_show_sku: Sku = None
    cancel_sku: Sku = None
    damage_sku: Annotated[Sku, Field(description="Its tax; the price is what the damage costs.")] = None

    @property
    def skus(self) -> frozenset[str]:
        fees = (self.late_sku, self.no_show_sku, self.cancel_sku, self.damage_sku)
        return frozenset(sku for sku in (*fees, *(level.fee_sku for level in self.levels)) if sku)

    @model_validator(mode="after")
    def _levels_differ(self) -> Self:
        if len({level.name for level in self.levels}) < len(self.levels):
            raise ValueError("two levels have one name")
        return self


class Terms(Request):
    """What one drive was reserved under: the one level that its member has, and the prices of that day."""

    rules: Rules
    currency: str
    prices: dict[str, int]

    @property
    def level(self) -> Level:
        return self.rules.levels[0]

    @property
    def fee(self) -> int:
        return self.price_of(self.level.fee_sku)

    def price_of(self, sku: str | None) -> int:
        return self.prices[sku] if sku else 0

    @property
    def lasts(self) -> timedelta:
        return timedelta(hours=self.rules.drive_hours)

    @property
    def turnaround(self) -> timedelta:
        return timedelta(minutes=self.rules.turnaround_minutes)


class DriveRules(Base):
    __tablename__ = "drive_rules"

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"), primary_key=True)
    rules: Mapped[dict[str, Any]] = mapped_column(JSONB)
    changed_by: Mapped[str] = mapped_column(String(80))
    changed_at: Mapped[datetime]

    def read(self) -> Rules:
        return Rules.model_validate_json(to_json(self.rules))


class DrivesNotOffered(Conflict):
    """The store has set no rules for test drives, and so lends no cars."""

    code = "drives_not_offered"
    title = "No test drives here"


class FeeNotForSale(Problem):
    """A fee is charged as a product of the shop's, which there has to be, by piece and in the store's currency."""

    status = 422
    code = "fee_not_for_sale"
    title = "No such fee"


async def set_rules(session: AsyncSession, *, store_id: UUID, rules: Rules, by: str, now: datetime) -> DriveRules:
    """From the next reservation on. Raises StoreNotFound, StoreClosed and FeeNotForSale."""
    store = await get_open_store(session, store_id)
    await prices_of(session, rules, currency=store.currency)
    values = {"rules": rules.model_dump(mode="json"), "changed_by": by, "changed_at": now}
    statement = insert(DriveRules).values(store_id=store_id, **values)
    kept = await session.scalars(
        statement.on_conflict_do_update(index_elements=["store_id"], set_=values).returning(DriveRules),
        execution_options={"populate_existing": True},
    )
    return kept.one()


async def rules_of(session: AsyncSession, store_id: UUID) -> Rules:
    """Raises DrivesNotOffered."""
    row = await session.get(DriveRules, store_id)
    if row is None:
        raise DrivesNotOffered("This store has no rules for test drives.")
    return row.read()


async def prices_of(session: AsyncSession, rules: Rules, *, currency: str) -> dict[str, int]:
    """Of all that may be charged, by sku. Raises FeeNotForSale."""
    products = await find_products(session, skus=sorted(rules.skus))
    sold = {
        sku
        for sku, product in products.items()
        if product.active and product.currency == currency and product.sold_by == "piece"
    }
    if missing := sorted(rules.skus - sold):
        raise FeeNotForSale("There are no such products by piece, in this currency.", skus=missing)
    return {sku: product.price for sku, product in products.items()}
