"""Tabs: all that a party has had so far, who answers for what of it, and what of it was paid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.catalog.products import Product
from facepay.checkout.orders import Order
from facepay.dining.bills import Charge, Share, Split, split
from facepay.dining.items import ItemState, PartyItem, items_of
from facepay.dining.parties import Cover, Party, PartyState
from facepay.dining.policies import DiningPolicy, policy_of
from facepay.kernel.database import Base, Identified
from facepay.kernel.ids import new_id
from facepay.stores.stores import get_store

SettledBy = Literal["payment", "departure"]


class Settlement(Base):
    """A cover that has paid, or was paid for: it owes nothing of what comes after. No order where it had nothing."""

    __tablename__ = "dining_settlement"
    __table_args__ = (
        CheckConstraint("settled_by in ('payment', 'departure')", name="settled_by_known"),
        CheckConstraint("split in ('seat', 'person', 'one')", name="split_known"),
    )

    cover_id: Mapped[UUID] = mapped_column(ForeignKey("dining_cover.id"), primary_key=True)
    party_id: Mapped[UUID] = mapped_column(ForeignKey("dining_party.id"), index=True)
    order_id: Mapped[UUID | None] = mapped_column(ForeignKey("shop_order.id"), index=True)
    settled_by: Mapped[SettledBy] = mapped_column(String(12))
    split: Mapped[Split] = mapped_column(String(8))
    settled_at: Mapped[datetime]


class PaidShare(Identified, Base):
    """What an order paid of an item, or of the service charge (no item): never more, all together, than it costs."""

    __tablename__ = "dining_paid_share"
    __table_args__ = (
        CheckConstraint("amount >= 0 and parts > 0", name="is_a_share"),
        Index("ix_dining_paid_share_party_id", "party_id"),
    )

    party_id: Mapped[UUID] = mapped_column(ForeignKey("dining_party.id"))
    item_id: Mapped[UUID | None] = mapped_column(ForeignKey("dining_item.id"))
    amount: Mapped[int]
    parts: Mapped[int]
    order_id: Mapped[UUID] = mapped_column(ForeignKey("shop_order.id"), index=True)


@dataclass(frozen=True)
class Tab:
    """As it stands; whoever does anything by it has locked the party.

    `covers` are all that the party ever had, in the order in which they sat down; `charges` don't hold the service.
    """

    party: Party
    policy: DiningPolicy
    currency: str
    covers: Sequence[Cover]
    settlements: Mapping[UUID, Settlement]
    charges: tuple[Charge, ...]
    service_product: Product | None
    service_paid: int
    service_parts: int
    courses_wait: bool  # that the kitchen is not to begin yet

    @cached_property
    def present(self) -> list[Cover]:
        """Who sits there and hasn't paid, by seat."""
        here = [each for each in self.covers if each.left_at is None and each.id not in self.settlements]
        return sorted(here, key=lambda cover: cover.seat)

    @cached_property
    def gone(self) -> list[Cover]:
        """Members who left something unpaid behind."""
        theirs = {charge.cover_id for charge in self.charges if charge.left}
        gone = [each for each in self.covers if each.left_at is not None and each.id not in self.settlements]
        return [each for each in gone if each.member_id and each.id in theirs]

    @cached_property
    def host(self) -> Cover | None:
        """Who answers for guests and for the table: the member who said so, or else the first who sits there."""
        members = [each for each in self.covers if each in self.present and each.member_id]
        said = (each for each in members if each.id == self.party.host_cover_id)
        return next(said, next(iter(members), None))

    @cached_property
    def service(self) -> Charge | None:
        """On all that they had. Where nothing else is left, only those owe it who are still to pay their part of it."""
        due = self._service_on(sum(charge.total for charge in self.charges))
        is_shared = any(charge.left for charge in self.charges) or (
            self.party.state == PartyState.PAYING and bool(self.present)
        )
        if due < self.service_paid or not is_shared:
            due = self.service_paid
        return self._service_charge(due, paid=self.service_paid, parts_paid=self.service_parts)

    @property
    def all_charges(self) -> list[Charge]:
        return [*self.charges, *([self.service] if self.service else [])]

    @property
    def total(self) -> int:
        return sum(charge.total for charge in self.all_charges)

    @property
    def left(self) -> int:
        """Still to be paid."""
        return sum(charge.left for charge in self.all_charges)

    def shares(self, by: Split) -> dict[UUID, list[Share]]:
        """What is left, by the cover that owes it; nothing where nobody is there who could."""
        sharing = self.present or self.gone
        if not sharing:
            return {}
        owing = {each.id for each in (*self.present, *self.gone)}
        return split(
            [
                each if each.cover_id in (None, *owing) else replace(each, cover_id=self._heir(each))
                for each in self.charges
            ],
            service=self.service,
            by=by,
            sharing=[each.id for each in sharing],
            alone=[each.id for each in self.gone if each not in sharing],
        )

    def _heir(self, charge: Charge) -> UUID | None:
        """The cover that owes what somebody who left had: none, where it falls to the table."""
        heir = self.answers_for(charge.cover_id, charge.answering_id)
        return heir.id if heir and self.policy.guests_fall_to == "host" else None

    def answers_for(self, cover_id: UUID | None, answering_id: UUID | None = None) -> Cover | None:
        """Whose wallet it is held on: members' own; for everybody else, that of whoever was the host when it was
        ordered, or is now; none where no member is there.
        """
        members = {each.id: each for each in (*self.present, *self.gone) if each.member_id}
        own = members.get(cover_id) if cover_id else None
        before = members.get(answering_id) if answering_id else None
        return own or before or self.host

    def answered_by(self, cover: Cover | None) -> list[Share]:
        """What is left of all that this cover's wallet answers for, with the service on it; None: what none does."""
        theirs = [
            each
            for each in self.charges
            if each.is_open and self.answers_for(each.cover_id, each.answering_id) is cover
        ]
        service = self._service_charge(self._service_on(sum(each.left for each in theirs)))
        return [Share(each, each.left) for each in (*theirs, *([service] if service else []))]

    def _service_on(self, amount: int) -> int:
        return self.policy.service_on(amount, covers=len({each.seat for each in self.covers}))

    def _service_charge(self, amount: int, *, paid: int = 0, parts_paid: int = 0) -> Charge | None:
        product = self.service_product
        if product is None or not amount:
            return None
        return _charge(product, None, None, product.name, 1, amount, None, paid, parts_paid)


async def tab_of(session: AsyncSession, *, party: Party, new: PartyItem | None = None) -> Tab:
    """With an item that is about to be ordered, where there is one."""
    policy = await policy_of(session, store_id=party.store_id)
    items = {item.id: item for item in await items_of(session, party_id=party.id)}
    if new is not None:
        items[new.id] = new
    covers = select(Cover).where(Cover.party_id == party.id).order_by(Cover.seated_at, Cover.seat)
    settled = await session.scalars(select(Settlement).where(Settlement.party_id == party.id))
    wanted = {item.product_id for item in items.values()} | {policy.service_product_id}
    products = {each.id: each for each in await session.scalars(select(Product).where(Product.id.in_(wanted)))}
    paid = await _paid(session, party)
    charges = [
        _charge(
            products[each.product_id],
            each.id,
            each.cover_id,
            each.name,
            each.quantity,
            each.unit_price,
            each.answering_id,
            *paid.get(each.id, (0, 0)),
        )
        for each in items.values()
    ]
    service_paid, service_parts = paid.get(None, (0, 0))
    return Tab(
        party=party,
        policy=policy,
        currency=(await get_store(session, party.store_id)).currency,
        covers=(await session.scalars(covers)).all(),
        settlements={each.cover_id: each for each in settled},
        charges=tuple(charges),
        service_product=products.get(policy.service_product_id) if policy.service_product_id else None,
        service_paid=service_paid,
        service_parts=service_parts,
        courses_wait=any(each.state == ItemState.ORDERED for each in items.values() if each is not new),
    )


async def _paid(session: AsyncSession, party: Party) -> dict[UUID | None, tuple[int, int]]:
    """Amount and parts, by item; the service charge's under None."""
    query = select(PaidShare.item_id, func.sum(PaidShare.amount), func.sum(PaidShare.parts))
    rows = await session.execute(query.where(PaidShare.party_id == party.id).group_by(PaidShare.item_id))
    return {item_id: (int(amount), int(parts)) for item_id, amount, parts in rows}


def _charge(
    product: Product,
    item_id: UUID | None,
    cover_id: UUID | None,
    name: str,
    quantity: int,
    unit_price: int,
    answering_id: UUID | None,
    paid: int,
    parts_paid: int,
) -> Charge:
    return Charge(
        item_id=item_id,
        cover_id=cover_id,
        product_id=product.id,
        sku=product.sku,
        name=name,
        quantity=quantity,
        unit_price=unit_price,
        tax_rate_basis_points=product.tax_rate_basis_points,
        category=product.category,
        answering_id=answering_id,
        paid=paid,
        parts_paid=parts_paid,
    )


async def note_paid(
    session: AsyncSession,
    *,
    tab: Tab,
    shares: Iterable[Share],
    covers: Iterable[Cover],
    order: Order | None,
    split: Split,
    by: SettledBy,
    now: datetime,
) -> None:
    """That these shares were paid by an order, and that these covers owe nothing any more."""
    session.add_all(
        PaidShare(
            id=new_id(),
            party_id=tab.party.id,
            item_id=share.charge.item_id,
            amount=share.amount,
            parts=share.parts,
            order_id=order.id,
        )
        for share in shares
        if order is not None
    )
    session.add_all(
        Settlement(
            cover_id=cover.id,
            party_id=tab.party.id,
            order_id=order.id if order else None,
            settled_by=by,
            split=split,
            settled_at=now,
        )
        for cover in covers
    )
    await session.flush()
