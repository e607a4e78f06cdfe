"""What a store lets its devices do without network, and the signed policy that tells each of them so."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.catalog.products import Product
from facepay.catalog.stock import Stock
from facepay.channel.doors import doors_by_id
from facepay.entrance.house_rules import HouseRules, rules_of
from facepay.kernel.auth import Principal
from facepay.kernel.database import Base
from facepay.kernel.ids import new_id
from facepay.offline.documents import Hours, ListedProduct, Mode, Policy, whole_seconds
from facepay.offline.passes import unwelcome_passes
from facepay.schedules.schedules import get_schedule
from facepay.stores.stores import Store, get_open_store

PRODUCTS_MAX = 2_000  # 0.3 MB signed; a batch of posts has to carry it
REVOKED_MAX = 4_000
# A device is given the next policy when a quarter of the one it holds is over, so that it rarely begins with less.
RENEWALS = 4


class OfflinePolicy(Base):
    """A store without one denies."""

    __tablename__ = "offline_policy"
    __table_args__ = (
        CheckConstraint("mode in ('deny', 'allow_signed_pass')", name="mode_known"),
        CheckConstraint("payment_max >= 0 and pass_max >= payment_max", name="amounts"),
    )

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"), primary_key=True)
    mode: Mapped[str] = mapped_column(String(20))
    payment_max: Mapped[int]
    pass_max: Mapped[int]
    changed_by: Mapped[str | None] = mapped_column(String(80))
    changed_at: Mapped[datetime | None]


async def set_policy(
    session: AsyncSession, *, store_id: UUID, mode: Mode, payment_max: int, pass_max: int, actor: str, now: datetime
) -> OfflinePolicy:
    """From each device's next policy on. Raises StoreNotFound and StoreClosed."""
    await get_open_store(session, store_id)
    values = {
        "mode": mode,
        "payment_max": payment_max,
        "pass_max": pass_max,
        "changed_by": actor,
        "changed_at": now,
    }
    kept = await session.scalars(
        insert(OfflinePolicy)
        .values(store_id=store_id, **values)
        .on_conflict_do_update(index_elements=["store_id"], set_=values)
        .returning(OfflinePolicy),
        execution_options={"populate_existing": True},
    )
    return kept.one()


async def store_policy(session: AsyncSession, *, store_id: UUID) -> OfflinePolicy:
    """What staff set, or that nothing is allowed. Raises StoreNotFound and StoreClosed."""
    await get_open_store(session, store_id)
    return await session.get(OfflinePolicy, store_id) or OfflinePolicy(
        store_id=store_id, mode=Mode.DENY, payment_max=0, pass_max=0
    )


async def current_policy(session: AsyncSession, *, device: Principal, lasts: timedelta, now: datetime) -> Policy:
    """What this device may do from now on. Passes that are too many to name are all refused: the policy denies."""
    store = await get_open_store(session, device.store)
    terms = await store_policy(session, store_id=store.id)
    mode, products, left_out = Mode(terms.mode), tuple[ListedProduct, ...](), 0
    revoked: Sequence[UUID] = ()
    if mode is not Mode.DENY:
        products, left_out = await _price_list(session, store_id=store.id, currency=store.currency)
        revoked = await unwelcome_passes(session, now=now, limit=REVOKED_MAX + 1)
        if len(revoked) > REVOKED_MAX:
            mode, products, left_out, revoked = Mode.DENY, (), 0, ()
    rules = await rules_of(session, store_id=store.id)
    door = (await doors_by_id(session, [device.id]))[device.id]
    return Policy(
        id=new_id(),
        issued_at=whole_seconds(now),
        expires_at=whole_seconds(now + lasts),
        device_id=device.id,
        store_id=store.id,
        currency=store.currency,
        mode=mode,
        payment_max=terms.payment_max,
        pass_max=terms.pass_max,
        products=products,
        products_left_out=left_out,
        revoked_passes=frozenset(revoked),
        entries=rules.entries_offline or not (rules.counts_people or rules.face_must_show or door.interlocked),
        hours=await _hours(session, rules, store),
    )


async def _hours(session: AsyncSession, rules: HouseRules, store: Store) -> Hours | None:
    if rules.opening_schedule_id is None:
        return None
    schedule = await get_schedule(session, rules.opening_schedule_id)
    return Hours(timetable=schedule.timetable, timezone=store.timezone)


def tag_of(policy: Policy, *, lasts: timedelta) -> str:
    """A weak entity tag (RFC 9110): what the policy says but for its id and times, and which quarter it was made in."""
    said = policy.model_dump_json(exclude={"id", "issued_at", "expires_at", "revoked_passes"}).encode()
    revoked = b"".join(sorted(each.bytes for each in policy.revoked_passes))
    quarter = policy.issued_at.timestamp() // (lasts.total_seconds() / RENEWALS)
    return f'W/"{int(quarter)}-{hashlib.sha256(said + revoked).hexdigest()[:32]}"'


async def _price_list(session: AsyncSession, *, store_id: UUID, currency: str) -> tuple[tuple[ListedProduct, ...], int]:
    """What is for sale, counted here first; and how many products the list has no room for."""
    # Without network no weighing could be told from a second sale by it.
    for_sale = Product.active & (Product.currency == currency) & (Product.sold_by == "piece")
    rows = await session.scalars(
        select(Product)
        .outerjoin(Stock, (Stock.product_id == Product.id) & (Stock.store_id == store_id))
        .where(for_sale)
        .order_by(Stock.store_id.is_(None), Product.sku)
        .limit(PRODUCTS_MAX)
    )
    listed = tuple(ListedProduct.model_validate(product) for product in rows)
    if len(listed) < PRODUCTS_MAX:
        return listed, 0
    counted = await session.scalar(select(func.count()).select_from(Product).where(for_sale))
    return listed, (counted or 0) - len(listed)
