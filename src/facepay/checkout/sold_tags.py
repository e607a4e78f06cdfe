"""RFID tags that were sold: each piece once at a time, whichever lane reads it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    DateTime,
    ForeignKey,
    Index,
    SQLColumnExpression,
    String,
    Uuid,
    bindparam,
    column,
    delete,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.alerts.alerts import Evidence, raise_alert
from facepay.alerts.kinds import AlertKind, Severity
from facepay.catalog.epc import HEX_DIGITS, Sgtin
from facepay.catalog.products import Product, products_of
from facepay.kernel.database import Base, Identified
from facepay.kernel.ids import new_id

TAG_SOLD_BEFORE = AlertKind("tag_sold_before", Severity.WARNING, "A tag that was sold is for sale again: two have it.")
SOLD = "returned_at is null"


class SoldTag(Identified, Base):
    """One sale of one tag. A piece that came back can be sold again, which is another row."""

    __tablename__ = "sold_tag"
    __table_args__ = (
        CheckConstraint(f"epc ~ '^[0-9A-F]{{{HEX_DIGITS}}}$'", name="epc_in_hex"),
        Index("uq_sold_tag_sold", "epc", unique=True, postgresql_where=text(SOLD)),
        Index("ix_sold_tag_epc_id", "epc", "id"),
    )

    epc: Mapped[str] = mapped_column(String(HEX_DIGITS))
    product_id: Mapped[UUID] = mapped_column(ForeignKey("product.id"))
    # Asked for at the commit: a lane claims its tags before it charges for them.
    order_id: Mapped[UUID] = mapped_column(
        ForeignKey("shop_order.id", deferrable=True, initially="DEFERRED"), index=True
    )
    sold_at: Mapped[datetime]
    returned_at: Mapped[datetime | None]


@dataclass(frozen=True, slots=True)
class TaggedGoods:
    """What tags are, by EPC; `unknown` are those whose GTIN no product that is sold by piece has."""

    products: dict[str, Product]
    unknown: frozenset[str]

    @property
    def quantities(self) -> dict[str, int]:
        """Pieces by sku."""
        counted: dict[str, int] = {}
        for product in self.products.values():
            counted[product.sku] = counted.get(product.sku, 0) + 1
        return counted


@dataclass(frozen=True, slots=True)
class Piece:
    """What a tag is on, and in which order that is paid."""

    product_id: UUID
    order_id: UUID


async def goods_of(session: AsyncSession, *, sgtins: Mapping[str, Sgtin]) -> TaggedGoods:
    """The products of tags, by EPC, on sale or not. A tag can't tell what goods by weight weigh: it is unknown."""
    known = await products_of(session, gtins={sgtin.gtin for sgtin in sgtins.values()})
    pieces = {gtin: product for gtin, product in known.items() if product.sold_by == "piece"}
    products = {epc: pieces[sgtin.gtin] for epc, sgtin in sgtins.items() if sgtin.gtin in pieces}
    return TaggedGoods(products, frozenset(sgtins.keys() - products.keys()))


def is_sold(epc: SQLColumnExpression[str]) -> ColumnElement[bool]:
    """Whether a tag of another statement is sold, for all that is committed."""
    return select(SoldTag.id).where(SoldTag.epc == epc, SoldTag.returned_at.is_(None)).exists()


# Composed once: it took longer than the database's answer.
_CLAIMED = (
    func.unnest(
        bindparam("ids", type_=ARRAY(Uuid())),
        bindparam("epcs", type_=ARRAY(String())),
        bindparam("product_ids", type_=ARRAY(Uuid())),
        bindparam("order_ids", type_=ARRAY(Uuid())),
    )
    .table_valued(
        column("id", Uuid()), column("epc", String()), column("product_id", Uuid()), column("order_id", Uuid())
    )
    .render_derived()
)
_CLAIM = (
    insert(SoldTag)
    .from_select(
        ["id", "epc", "product_id", "order_id", "sold_at"],
        select(*_CLAIMED.c, bindparam("now", type_=DateTime(timezone=True))),
    )
    .on_conflict_do_nothing(index_elements=["epc"], index_where=text(SOLD))
    .returning(SoldTag.epc)
    .execution_options(dml_strategy="raw")
)


async def claim_tags(session: AsyncSession, *, pieces: Mapping[str, Piece], now: datetime) -> set[str]:
    """Sell tags, by EPC, in orders that are there, or come in the same transaction; answers those that are sold
    already: the others are claimed.

    Waits for whoever is selling one of them at this moment. Claim after visits are locked, and before stock is.
    """
    if not pieces:
        return set()
    # In one order, so that two lanes with the same tags never wait in a circle.
    claimed = dict(sorted(pieces.items()))
    given = {
        "now": now,
        "ids": [new_id() for _ in claimed],
        "epcs": list(claimed),
        "product_ids": [piece.product_id for piece in claimed.values()],
        "order_ids": [piece.order_id for piece in claimed.values()],
    }
    return claimed.keys() - set(await session.scalars(_CLAIM, given))


async def unclaim_tags(session: AsyncSession, *, epcs: Collection[str]) -> None:
    """Nothing comes of it after all: forget these, which were claimed in this transaction."""
    await session.execute(delete(SoldTag).where(SoldTag.epc.in_(epcs), text(SOLD)))


async def release_tags(
    session: AsyncSession, *, order_id: UUID, now: datetime, epcs: Collection[str] | None = None
) -> set[str]:
    """Take back an order's tags, or these of them, so that they can be sold again; answers which that were."""
    released = (
        update(SoldTag).where(SoldTag.order_id == order_id, text(SOLD)).values(returned_at=now).returning(SoldTag.epc)
    )
    if epcs is not None:
        released = released.where(SoldTag.epc.in_(epcs))
    return set(await session.scalars(released))


async def tags_of(session: AsyncSession, *, order_id: UUID, skus: Collection[str]) -> set[str]:
    """What is sold in an order of these products, by the tags."""
    sold = select(SoldTag.epc).join(Product, Product.id == SoldTag.product_id)
    return set(await session.scalars(sold.where(SoldTag.order_id == order_id, Product.sku.in_(skus), text(SOLD))))


async def sales_of_tag(session: AsyncSession, *, epc: str, limit: int) -> list[SoldTag]:
    """The newest first."""
    query = select(SoldTag).where(SoldTag.epc == epc).order_by(SoldTag.id.desc()).limit(limit)
    return list(await session.scalars(query))


async def alert_sold_before(
    session: AsyncSession, *, epcs: Iterable[str], store_id: UUID, device_id: UUID, evidence: Evidence, now: datetime
) -> None:
    """Somebody should look: a tag that was sold is in a lane. It was copied, or came back past the till."""
    for epc in sorted(epcs):
        await raise_alert(
            session,
            TAG_SOLD_BEFORE,
            store_id=store_id,
            device_id=device_id,
            subject=epc,
            now=now,
            evidence=evidence,
        )
