"""What a restaurant's bills go by: service charge and tips, how much is put on hold, and when a table is unattended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, ForeignKey, String
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base
from facepay.rewards.discounts import BASIS_POINTS

GuestsFallTo = Literal["host", "table"]


class DiningPolicy(Base):
    """A store without a row goes by the defaults. Amounts are in minor units.

    The service charge is sold as a product of the shop, whose tax rate it has. What guests ate falls to their host, or
    to everybody who is still at the table. A party that no member is in may order for `unsecured_max`, on trust.
    `debt_max` is how much a hold may fall short of what somebody who left owes; null: the chain's, as at lanes.
    """

    __tablename__ = "dining_policy"
    __table_args__ = (
        CheckConstraint("service_basis_points between 0 and 5000", name="service_in_bounds"),
        CheckConstraint("service_basis_points = 0 or service_product_id is not null", name="service_is_sold"),
        CheckConstraint("service_from_covers > 0", name="covers_counted"),
        CheckConstraint("margin_basis_points between 0 and 10000", name="margin_in_bounds"),
        CheckConstraint("tip_max_basis_points between 0 and 20000", name="tip_in_bounds"),
        CheckConstraint("unattended_minutes > 0", name="minutes_counted"),
        CheckConstraint("unsecured_max >= 0 and debt_max >= 0", name="not_negative"),
        CheckConstraint("guests_fall_to in ('host', 'table')", name="guests_fall_to_known"),
    )

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"), primary_key=True)
    service_basis_points: Mapped[int]
    service_product_id: Mapped[UUID | None] = mapped_column(ForeignKey("product.id"))
    service_from_covers: Mapped[int]
    tips_basis_points: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    tip_max_basis_points: Mapped[int]
    margin_basis_points: Mapped[int]
    unattended_minutes: Mapped[int]
    guests_fall_to: Mapped[GuestsFallTo] = mapped_column(String(8))
    unsecured_max: Mapped[int]
    debt_max: Mapped[int | None]

    @property
    def unattended_for(self) -> timedelta:
        return timedelta(minutes=self.unattended_minutes)

    def service_on(self, amount: int, *, covers: int) -> int:
        """Rounded half up."""
        if covers < self.service_from_covers:
            return 0
        return (amount * self.service_basis_points + BASIS_POINTS // 2) // BASIS_POINTS

    def with_margin(self, amount: int) -> int:
        return amount + amount * self.margin_basis_points // BASIS_POINTS

    def tip_max(self, amount: int) -> int:
        return amount * self.tip_max_basis_points // BASIS_POINTS


async def policy_of(session: AsyncSession, *, store_id: UUID) -> DiningPolicy:
    """The store's own, or the defaults."""
    return await session.get(DiningPolicy, store_id) or default_policy(store_id)


def default_policy(store_id: UUID) -> DiningPolicy:
    return DiningPolicy(
        store_id=store_id,
        service_basis_points=0,
        service_product_id=None,
        service_from_covers=1,
        tips_basis_points=[500, 1000, 1500],
        tip_max_basis_points=5000,
        margin_basis_points=1000,
        unattended_minutes=10,
        guests_fall_to="host",
        unsecured_max=0,
        debt_max=None,
    )


async def keep_policy(session: AsyncSession, *, store_id: UUID, values: Mapping[str, Any]) -> DiningPolicy:
    """From the next order, bill or departure on."""
    row = insert(DiningPolicy).values(store_id=store_id, **values)
    kept = await session.scalars(
        row.on_conflict_do_update(index_elements=["store_id"], set_=dict(values)).returning(DiningPolicy),
        execution_options={"populate_existing": True},
    )
    return kept.one()
