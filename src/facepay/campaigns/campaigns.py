"""Campaigns: smile, and something is taken off your next purchase. Who may win how much, where, when and how often.

All wins together never promise more than the budget: see `rewards.reserves` for the money's way.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, String, Uuid, any_, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.catalog.products import find_products
from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import Conflict, NotFound, Problem
from facepay.kernel.ids import new_id
from facepay.rewards.budgets import fund, open_budget
from facepay.rewards.reserves import campaign_budget, campaign_cost
from facepay.stores.stores import Store, StoreNotFound
from facepay.wallet.accounts import Account, balances
from facepay.wallet.ledger import Cause


@dataclass(frozen=True, slots=True)
class Step:
    """From `strength_min` (0 to 1) on a smile wins this: either basis points or an amount, `amount_max` at most."""

    strength_min: float
    basis_points: int | None
    amount: int | None
    amount_max: int


class Campaign(Identified, Base):
    __tablename__ = "campaign"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="period"),
        CheckConstraint("budget >= 0 and min_basket >= 0 and lasts_minutes > 0", name="bounds"),
        CheckConstraint("per_member_max > 0 and per_member_per_day_max > 0", name="wins_counted"),
    )

    name: Mapped[str] = mapped_column(String(200))  # as receipts say it
    currency: Mapped[str] = mapped_column(String(3))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    store_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()))  # all, where it names none
    skus: Mapped[list[str]] = mapped_column(JSONB)
    categories: Mapped[list[str]] = mapped_column(JSONB)
    min_basket: Mapped[int]
    steps_held: Mapped[list[dict[str, Any]]] = mapped_column("steps", JSONB)  # Steps, the weakest smile first
    budget: Mapped[int]
    per_member_max: Mapped[int]
    per_member_per_day_max: Mapped[int]
    stacks_with_tier: Mapped[bool]
    stacks_with_coupons: Mapped[bool]
    lasts_minutes: Mapped[int]  # what was won
    active: Mapped[bool]
    created_at: Mapped[datetime]

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(Step(**step) for step in self.steps_held)

    @property
    def budget_account(self) -> Account:
        return campaign_budget(self.id, self.currency)

    @property
    def cost_account(self) -> Account:
        return campaign_cost(self.id, self.currency)

    def step_for(self, strength: float) -> Step | None:
        """The highest that such a smile reaches."""
        return next((step for step in reversed(self.steps) if strength >= step.strength_min), None)

    def step_after(self, strength: float) -> Step | None:
        """The lowest that it doesn't."""
        return next((step for step in self.steps if strength < step.strength_min), None)


class CampaignNotFound(NotFound):
    """There is no campaign with this id."""

    code = "campaign_not_found"
    title = "No such campaign"


class CampaignPeriod(Problem):
    """A campaign ends after it starts."""

    status = 422
    code = "campaign_period"
    title = "Ends before it starts"


class CampaignCurrency(Problem):
    """Some of its stores sell in another currency."""

    status = 422
    code = "campaign_currency"
    title = "Another currency"


class CampaignGoods(Problem):
    """Some of its skus are of no product."""

    status = 422
    code = "campaign_goods"
    title = "Unknown goods"


class CampaignBudgetPromised(Conflict):
    """The budget can't be less than what the campaign has given and promised already."""

    code = "campaign_budget_promised"
    title = "Budget promised already"


@dataclass(frozen=True, slots=True)
class Funds:
    """What a campaign has given, what is promised to those who have won, and what can still be won; minor units."""

    given: int
    reserved: int
    left: int


async def add_campaign(
    session: AsyncSession, *, steps: Sequence[Step], actor: str, now: datetime, **values: Any
) -> Campaign:
    """Raises CampaignPeriod, StoreNotFound, CampaignCurrency and CampaignGoods."""
    held = [
        {"strength_min": s.strength_min, "basis_points": s.basis_points, "amount": s.amount, "amount_max": s.amount_max}
        for s in steps
    ]
    campaign = Campaign(id=new_id(), created_at=now, steps_held=held, **values)
    _check_period(campaign)
    await _check_stores(session, campaign.store_ids, campaign.currency)
    products = await find_products(session, skus=campaign.skus)
    if unknown := sorted(set(campaign.skus) - products.keys()):
        raise CampaignGoods("There are no such products.", skus=unknown)
    session.add(campaign)
    await session.flush()
    await open_budget(session, budget=campaign.budget_account, cost=campaign.cost_account, now=now)
    await _fund(session, campaign, campaign.budget, actor, now)
    return campaign


async def change_campaign(
    session: AsyncSession, *, campaign_id: UUID, changes: dict[str, Any], actor: str, now: datetime
) -> Campaign:
    """Set active, ends_at, budget or the limits of wins. Raises CampaignNotFound, CampaignPeriod and
    CampaignBudgetPromised.
    """
    campaign = await get_campaign(session, campaign_id, lock=True)
    more = changes.get("budget", campaign.budget) - campaign.budget
    for field, value in changes.items():
        setattr(campaign, field, value)
    _check_period(campaign)
    await session.flush()
    await _fund(session, campaign, more, actor, now)
    return campaign


async def get_campaign(session: AsyncSession, campaign_id: UUID, *, lock: bool = False) -> Campaign:
    """Raises CampaignNotFound."""
    # Whoever smiles holds it against changes, and doesn't mind those who refer to it.
    campaign = await session.get(Campaign, campaign_id, with_for_update={"key_share": True} if lock else None)
    if campaign is None:
        raise CampaignNotFound("There is no campaign with this id.")
    return campaign


async def running_in(session: AsyncSession, *, store_id: UUID, now: datetime, lock: bool = False) -> list[Campaign]:
    """Those that can be played in a store, the first to end first; `lock` holds them as they are."""
    query = (
        select(Campaign)
        .join(Store, Store.id == store_id)
        .where(
            Campaign.active,
            Campaign.starts_at <= now,
            Campaign.ends_at > now,
            Campaign.currency == Store.currency,
            or_(func.cardinality(Campaign.store_ids) == 0, Store.id == any_(Campaign.store_ids)),
        )
        .order_by(Campaign.id)
    )
    found = await session.scalars(query.with_for_update(read=True, of=Campaign) if lock else query)
    return sorted(found, key=lambda campaign: (campaign.ends_at, campaign.id))


async def funds_of(session: AsyncSession, campaigns: Sequence[Campaign]) -> list[Funds]:
    """Of each, in one round trip."""
    accounts = [account for each in campaigns for account in (each.budget_account, each.cost_account)]
    found = await balances(session, [account.id for account in accounts])
    return [
        Funds(
            given=found[each.cost_account.id].posted,
            reserved=found[each.budget_account.id].held,
            left=found[each.budget_account.id].available,
        )
        for each in campaigns
    ]


def _check_period(campaign: Campaign) -> None:
    if campaign.ends_at <= campaign.starts_at:
        raise CampaignPeriod("A campaign ends after it starts.", starts_at=campaign.starts_at.isoformat())


async def _check_stores(session: AsyncSession, store_ids: Collection[UUID], currency: str) -> None:
    found = {store.id: store.currency for store in await session.scalars(select(Store).where(Store.id.in_(store_ids)))}
    if unknown := sorted(map(str, set(store_ids) - found.keys())):
        raise StoreNotFound("There is no store with this id.", stores=unknown)
    if others := sorted(str(store_id) for store_id, each in found.items() if each != currency):
        raise CampaignCurrency("A store of another currency has no part in it.", stores=others, currency=currency)


async def _fund(session: AsyncSession, campaign: Campaign, amount: int, actor: str, now: datetime) -> None:
    cause = Cause("campaign", campaign.id)
    if not await fund(session, budget=campaign.budget_account, amount=amount, cause=cause, actor=actor, now=now):
        (funds,) = await funds_of(session, [campaign])
        raise CampaignBudgetPromised("The campaign has given or promised more than that.", left=funds.left)
