"""A store's menu: which products are dishes there, in which section and courses, with what options, and when."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, ForeignKey, Index, String, delete, select
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.catalog.products import Product, get_piece_by_sku
from facepay.catalog.stock import Stock
from facepay.dining.options import OptionGroup
from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import NotFound
from facepay.kernel.ids import new_id
from facepay.schedules.schedules import Schedule, ScheduleNotFound, covers, get_schedule
from facepay.stores.stores import Store, get_open_store, get_store


class MenuItem(Identified, Base):
    """`courses` are those in which it may be ordered, its usual one first; without a schedule there is always some."""

    __tablename__ = "menu_item"
    __table_args__ = (
        CheckConstraint("cardinality(courses) between 1 and 9", name="has_courses"),
        Index("uq_menu_item_product", "store_id", "product_id", unique=True),
    )

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    product_id: Mapped[UUID] = mapped_column(ForeignKey("product.id"))
    section: Mapped[str] = mapped_column(String(80))
    position: Mapped[int] = mapped_column(default=0, server_default="0")  # in its section
    courses: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    options: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list, server_default="[]")
    schedule_id: Mapped[UUID | None] = mapped_column(ForeignKey("schedule.id"))
    changed_at: Mapped[datetime]

    @property
    def groups(self) -> list[OptionGroup]:
        return [OptionGroup.model_validate(each) for each in self.options]


class NotOnMenu(NotFound):
    """This store's menu doesn't have it."""

    code = "not_on_menu"
    title = "Not on the menu"


@dataclass(frozen=True, slots=True)
class Offered:
    """A dish that is to be had now; sold out, it is still shown."""

    item: MenuItem
    product: Product
    sold_out: bool


async def set_dish(
    session: AsyncSession,
    *,
    store_id: UUID,
    sku: str,
    section: str,
    position: int,
    courses: Sequence[int],
    options: Sequence[OptionGroup],
    schedule_id: UUID | None,
    now: datetime,
) -> tuple[MenuItem, Product]:
    """A product is a dish here from now on, or another way than before.

    Raises StoreNotFound, StoreClosed, ProductNotFound, NotSoldByPiece, and ScheduleNotFound for another store's too.
    """
    await get_open_store(session, store_id)
    product = await get_piece_by_sku(session, sku)
    if schedule_id is not None and (await get_schedule(session, schedule_id)).store_id != store_id:
        raise ScheduleNotFound("This store has no schedule with this id.")
    values = {
        "section": section,
        "position": position,
        "courses": list(courses),
        "options": [each.model_dump(mode="json") for each in options],
        "schedule_id": schedule_id,
        "changed_at": now,
    }
    row = insert(MenuItem).values(id=new_id(), store_id=store_id, product_id=product.id, **values)
    found = await session.scalars(
        row.on_conflict_do_update(index_elements=["store_id", "product_id"], set_=values).returning(MenuItem),
        execution_options={"populate_existing": True},
    )
    return found.one(), product


async def take_off_menu(session: AsyncSession, *, store_id: UUID, sku: str) -> None:
    """What was ordered of it stays. Raises NotOnMenu."""
    products = select(Product.id).where(Product.sku == sku)
    dish = delete(MenuItem).where(MenuItem.store_id == store_id, MenuItem.product_id.in_(products))
    if await session.scalar(dish.returning(MenuItem.id)) is None:
        raise NotOnMenu("This store's menu doesn't have it.")


async def offered(
    session: AsyncSession, *, store_id: UUID, now: datetime, skus: Collection[str] | None = None
) -> list[Offered]:
    """What there is at this hour, in the menu's order; among these skus where some are named. Raises StoreNotFound."""
    store = await get_store(session, store_id)
    query = (
        select(MenuItem, Product, Stock.quantity, Schedule)
        .join(Product, Product.id == MenuItem.product_id)
        .outerjoin(Stock, (Stock.product_id == Product.id) & (Stock.store_id == store_id))
        .outerjoin(Schedule, Schedule.id == MenuItem.schedule_id)
        .where(MenuItem.store_id == store_id, Product.active, Product.currency == store.currency)
        .order_by(MenuItem.section, MenuItem.position, Product.sku)
        .execution_options(populate_existing=True)
    )
    rows = await session.execute(query if skus is None else query.where(Product.sku.in_(skus)))
    return [
        Offered(item, product, sold_out=left is not None and left <= 0)
        for item, product, left, schedule in rows
        if _is_served(schedule, store, now)
    ]


def _is_served(schedule: Schedule | None, store: Store, now: datetime) -> bool:
    return schedule is None or covers(schedule.timetable, now, store.timezone)
