"""Paid before: goods that whoever walks out paid for at a kiosk, which knew of no tags. A lane doesn't charge them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from sqlalchemy import Uuid, any_, bindparam, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased

from facepay.catalog.products import Product
from facepay.checkout.orders import Order, OrderLine, bought_by
from facepay.checkout.sold_tags import Piece, SoldTag
from facepay.entrance.visits import Visit
from facepay.kernel.database import rows_of
from facepay.lanes.passages import Passage
from facepay.stores.devices import Device, DeviceRole

_FIRST = aliased(Order)  # itself, or the one that it supplements
# Whoever pays for the passage may have paid at the kiosk for what somebody of their group carries out.
_OF_PASSAGE = or_(
    Visit.id == any_(bindparam("visit_ids", type_=ARRAY(Uuid()))),
    (Visit.member_id == bindparam("payer_id", type_=Uuid())) & Visit.left_at.is_(None),
)
_CLAIMED = (
    select(func.count())
    .where(SoldTag.order_id == Order.id, SoldTag.product_id == OrderLine.product_id, SoldTag.returned_at.is_(None))
    .scalar_subquery()
)
_UNCLAIMED = OrderLine.quantity - OrderLine.returned - _CLAIMED
PAID_BEFORE = rows_of(
    select(Order.id, OrderLine.product_id, _UNCLAIMED.label("pieces"))
    .join(Visit, bought_by(Visit.member_id) & (Visit.store_id == Order.store_id))
    .join(OrderLine, OrderLine.order_id == Order.id)
    .join(_FIRST, _FIRST.id == func.coalesce(Order.supplements_id, Order.id))
    .join(Device, Device.id == _FIRST.device_id)
    .where(
        Visit.store_id == bindparam("store_id"),
        _OF_PASSAGE,
        Order.created_at >= Visit.entered_at,
        _FIRST.created_at >= Visit.entered_at,
        Visit.left_at.is_(None) | (_FIRST.created_at <= Visit.left_at),
        Order.cancelled_at.is_(None),
        # A lane's order has the tags that it is of; what else is in it was paid for want of a tag that can be read.
        Device.role != DeviceRole.LANE,
        ~select(Passage.id).where(Passage.order_id == _FIRST.id).exists(),
        _UNCLAIMED > 0,
    )
    .order_by(Order.created_at, Order.id)
)
Paid = tuple[str, str, int]


def tags_paid(taken: Mapping[str, Product], paid: Iterable[Paid]) -> dict[str, Piece]:
    """As many tags of each product as were paid for, the oldest orders and the lowest EPCs first, so that whoever asks
    again gets the same ones. `paid` are rows of PAID_BEFORE.
    """
    orders: dict[UUID, list[UUID]] = {}
    for order_id, product_id, pieces in paid:
        orders.setdefault(UUID(product_id), []).extend([UUID(order_id)] * min(pieces, len(taken)))
    covered: dict[str, Piece] = {}
    for epc, product in sorted(taken.items()):
        if of_product := orders.get(product.id):
            covered[epc] = Piece(product.id, of_product.pop(0))
    return covered
