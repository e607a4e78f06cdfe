"""The round of the night watch at the exits: goods whose tags an antenna saw leave, and nobody has paid for.

A gate, a lane or a door with an antenna reports the event `tags_seen`, whose details are the EPCs, each with how often
it was read or how loud. What a lane or a till sold by its tag is paid for. So is as much of each product as those who
are inside, or have just left, paid for at a kiosk, which knows of no tags.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.alerts.alerts import Evidence
from facepay.alerts.kinds import AlertKind, Severity
from facepay.catalog.epc import EpcUnreadable, Sgtin, decode_sgtin96
from facepay.channel.door_states import HAVE_DOORS
from facepay.channel.events import DeviceEvent
from facepay.checkout.orders import Order, OrderLine, bought_by
from facepay.checkout.sold_tags import SoldTag, goods_of
from facepay.entrance.visits import Visit
from facepay.kernel.database import Database
from facepay.nightwatch.findings import Finding, Found, follow_up
from facepay.stores.devices import Device, DeviceRole

TAG_UNPAID = AlertKind("tag_unpaid", Severity.WARNING, "Goods went out whose tag nobody has paid for.")
ALERT_KINDS = (TAG_UNPAID,)
TAGS_SEEN = "tags_seen"
# For so long whoever took them may come back and pay.
LOOK_BACK = timedelta(minutes=10)
# Whoever paid walks past the antenna a moment after the gate has let them out.
LEAVES_WITHIN = timedelta(minutes=2)
EVENTS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Seen:
    """A tag at an exit, the last time that it was seen there."""

    store_id: UUID
    device_id: UUID
    event_id: UUID


async def watch_tags(database: Database, *, now: datetime) -> None:
    async with database.begin() as session:
        seen, sgtins = _read(await session.execute(sightings(now)))
        sold = await _sold(session, seen) if seen else set()
        unsold = {epc: seen[epc] for epc in seen.keys() - sold}
        goods = (await goods_of(session, sgtins={epc: sgtins[epc] for epc in unsold})).products if unsold else {}
        by_product: dict[tuple[UUID, UUID], list[str]] = {}
        for epc in sorted(goods):
            by_product.setdefault((seen[epc].store_id, goods[epc].id), []).append(epc)
        paid = await _paid_without_tags(session, by_product, now) if by_product else {}
        found = [
            Found(
                seen[epc].store_id,
                epc,
                Evidence("device_event", seen[epc].event_id),
                seen[epc].device_id,
                {"sku": goods[epc].sku},
            )
            for key, epcs in by_product.items()
            for epc in epcs[paid.get(key, 0) :]
        ]

        def note_of(finding: Finding) -> str | None:
            return "It was paid for." if finding.subject in sold else None

        await follow_up(session, TAG_UNPAID, found, now=now, note_of=note_of)


def _read(rows: Iterable[Any]) -> tuple[dict[str, Seen], dict[str, Sgtin]]:
    """By EPC; what is no product's tag is nobody's business."""
    seen: dict[str, Seen] = {}
    sgtins: dict[str, Sgtin] = {}
    for store_id, device_id, event_id, details in rows:
        for text in details:
            with suppress(EpcUnreadable):
                epc = text.upper()
                sgtins[epc] = decode_sgtin96(epc)
                seen.setdefault(epc, Seen(store_id, device_id, event_id))
    return seen, sgtins


def sightings(now: datetime) -> Select[*tuple[Any, ...]]:
    """What antennas at exits saw of late, the last first: a storm of them hides nothing that comes after it."""
    return (
        select(Device.store_id, Device.id, DeviceEvent.id, DeviceEvent.details)
        .join(Device, Device.id == DeviceEvent.device_id)
        .where(DeviceEvent.kind == TAGS_SEEN, DeviceEvent.received_at > now - LOOK_BACK, Device.role.in_(HAVE_DOORS))
        .order_by(DeviceEvent.received_at.desc())
        .limit(EVENTS_MAX)
    )


async def _sold(session: AsyncSession, epcs: Collection[str]) -> set[str]:
    return set(await session.scalars(select(SoldTag.epc).where(SoldTag.epc.in_(epcs), SoldTag.returned_at.is_(None))))


async def _paid_without_tags(
    session: AsyncSession, products: Collection[tuple[UUID, UUID]], now: datetime
) -> Mapping[tuple[UUID, UUID], int]:
    """How many pieces of each store's products no tag is known of yet, of those that people paid for who are inside or
    have just left.
    """
    claimed = (
        select(func.count())
        .where(SoldTag.order_id == Order.id, SoldTag.product_id == OrderLine.product_id, SoldTag.returned_at.is_(None))
        .scalar_subquery()
    )
    of_late = or_(Visit.left_at.is_(None), Visit.left_at >= now - LOOK_BACK - LEAVES_WITHIN)
    pieces = func.sum(OrderLine.quantity - OrderLine.returned - claimed)
    rows = await session.execute(
        select(Order.store_id, OrderLine.product_id, pieces)
        .select_from(Visit)
        .join(Order, bought_by(Visit.member_id) & (Order.created_at >= Visit.entered_at))
        .join(OrderLine, OrderLine.order_id == Order.id)
        .join(Device, (Device.id == Order.device_id) & (Device.role != DeviceRole.LANE))
        .where(
            Visit.store_id.in_({store_id for store_id, _ in products}),
            of_late,
            Order.store_id == Visit.store_id,
            Order.cancelled_at.is_(None),
            OrderLine.product_id.in_({product_id for _, product_id in products}),
        )
        .group_by(Order.store_id, OrderLine.product_id)
    )
    return {(store_id, product_id): int(pieces) for store_id, product_id, pieces in rows}
