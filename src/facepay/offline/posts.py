"""What a device did without network, told in order, once each, and never lost.

A device numbers what it does from 1 on, in runs: one that has lost its queue begins another. A post is judged in a
transaction of its own, which moves the queue on by one, so that a crash between two leaves a beginning of the queue and
the device goes on where it was. What can't be done as it was promised is kept as disputed, for staff to settle.

The queue is locked before anything else, and a post names one member: no two posts wait for each other in a circle.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, exists, func, select, text
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.auth import Principal
from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import Conflict
from facepay.kernel.ids import new_id
from facepay.offline.clocks import DeviceTime
from facepay.offline.documents import Pass, Policy

Kind = Literal["entry", "exit", "sale"]
KINDS_OF: dict[str, tuple[Kind, ...]] = {"gate": ("entry", "exit"), "kiosk": ("sale",), "lane": ("sale", "exit")}


class OfflineQueue(Base):
    """How far a run of a device's queue has come."""

    __tablename__ = "offline_queue"

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), primary_key=True)
    run: Mapped[UUID] = mapped_column(primary_key=True)
    next_sequence: Mapped[int]
    posted_at: Mapped[datetime]


class OfflinePost(Identified, Base):
    """One thing that a device did, and what became of it.

    `goods` are its lines with the price and tax of the policy's list, where that could be read. `owed` is what of the
    total the wallet couldn't pay.
    """

    __tablename__ = "offline_post"
    __table_args__ = (
        CheckConstraint("kind in ('entry', 'exit', 'sale')", name="kind_known"),
        CheckConstraint("verdict in ('accepted', 'accepted_with_debt', 'disputed')", name="verdict_known"),
        CheckConstraint("outcome in ('charged', 'waived', 'explained')", name="outcome_known"),
        CheckConstraint("num_nonnulls(outcome, resolved_at, resolved_by) in (0, 3)", name="resolved_by_somebody"),
        Index("uq_offline_post_sequence", "device_id", "run", "sequence", unique=True),
        Index(
            "ix_offline_post_unsettled",
            "store_id",
            "id",
            postgresql_where=text("verdict = 'disputed' and resolved_at is null"),
        ),
    )

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    run: Mapped[UUID]
    sequence: Mapped[int]
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    kind: Mapped[str] = mapped_column(String(8))
    policy_id: Mapped[UUID | None]
    pass_id: Mapped[UUID | None]
    member_id: Mapped[UUID | None] = mapped_column(ForeignKey("member.id"), index=True)
    goods: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB)
    total: Mapped[int | None]
    currency: Mapped[str | None] = mapped_column(String(3))
    happened_at: Mapped[datetime]  # by our clock, as well as could be told
    said_at: Mapped[datetime]  # by the device's
    received_at: Mapped[datetime]
    verdict: Mapped[str] = mapped_column(String(20))
    code: Mapped[str] = mapped_column(String(40))
    owed: Mapped[int] = mapped_column(default=0)
    order_id: Mapped[UUID | None] = mapped_column(ForeignKey("shop_order.id"))
    visit_id: Mapped[UUID | None] = mapped_column(ForeignKey("visit.id"), index=True)
    outcome: Mapped[str | None] = mapped_column(String(12))
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[str | None] = mapped_column(String(80))
    note: Mapped[str | None] = mapped_column(String(200))

    def price_by(self, policy: Policy) -> None:
        """Each line that the policy lists."""
        self.currency = policy.currency
        listed = {product.sku: product for product in policy.products}
        self.goods = self.goods and [
            line | listed[line["sku"]].model_dump(include={"price", "tax_rate_basis_points"})
            if line["sku"] in listed
            else line
            for line in self.goods
        ]

    @property
    def listed_total(self) -> int | None:
        """What the goods cost by the policy's list; None where not all of them are on it."""
        if self.goods is None or any("price" not in line for line in self.goods):
            return None
        total: int = sum(line["price"] * line["quantity"] for line in self.goods)
        return total


@dataclass(frozen=True, slots=True)
class Told:
    """A post as it came: `quantities` and `total` are what was sold, `shown` the pass where it can be read."""

    sequence: int
    kind: Kind
    time: DeviceTime
    shown_text: str
    shown: Pass | None = field(repr=False)
    quantities: dict[str, int] = field(default_factory=dict)
    total: int = 0

    def post(self, device: Principal, *, run: UUID, digest: bytes, happened_at: datetime, now: datetime) -> OfflinePost:
        """Accepted, until something speaks against it."""
        goods = [{"sku": sku, "quantity": quantity} for sku, quantity in self.quantities.items()]
        return OfflinePost(
            id=new_id(),
            store_id=device.store,
            device_id=device.id,
            run=run,
            sequence=self.sequence,
            digest=digest,
            kind=self.kind,
            goods=goods or None,
            total=self.total if self.kind == "sale" else None,
            happened_at=happened_at,
            said_at=self.time.at,
            received_at=now,
            verdict="accepted",
            code="accepted",
            owed=0,
        )

    def digest(self, policy: str) -> bytes:
        """The same for the same post under the same policy."""
        return hashlib.sha256(repr((policy, self)).encode()).digest()


class PostConflict(Conflict):
    """Under this number the device has told something else before: it must begin another run."""

    code = "offline_post_conflict"
    title = "Told otherwise before"


async def locked_queue(session: AsyncSession, *, device: Principal, run: UUID, now: datetime) -> OfflineQueue:
    """A run's queue, locked until the transaction ends; new where the device begins it."""
    fresh = insert(OfflineQueue).values(device_id=device.id, run=run, next_sequence=1, posted_at=now)
    await session.execute(fresh.on_conflict_do_nothing())
    return await session.get_one(OfflineQueue, (device.id, run), with_for_update=True, populate_existing=True)


async def told_before(session: AsyncSession, *, queue: OfflineQueue, told: Told, digest: bytes) -> OfflinePost:
    """The post that has this number already. Raises PostConflict where it says something else."""
    found = await session.scalars(
        select(OfflinePost).where(
            OfflinePost.device_id == queue.device_id,
            OfflinePost.run == queue.run,
            OfflinePost.sequence == told.sequence,
        )
    )
    post = found.one()
    if post.digest != digest:
        raise PostConflict("This number was told with other content before.", sequence=told.sequence)
    return post


async def told_in_another_run(session: AsyncSession, post: OfflinePost) -> bool:
    """Whether the device has told the same of the same moment in another run: a queue that was restored from a copy."""
    same = exists().where(
        OfflinePost.member_id == post.member_id,
        OfflinePost.pass_id == post.pass_id,
        OfflinePost.device_id == post.device_id,
        OfflinePost.kind == post.kind,
        OfflinePost.said_at == post.said_at,
        OfflinePost.run != post.run,
        OfflinePost.verdict != "disputed",
    )
    return bool(await session.scalar(select(same)))


async def paid_at_device(session: AsyncSession, post: OfflinePost) -> int:
    """What was charged at the post's device by its pass before, in minor units."""
    paid = await session.scalar(
        select(func.coalesce(func.sum(OfflinePost.total), 0)).where(
            OfflinePost.member_id == post.member_id,
            OfflinePost.pass_id == post.pass_id,
            OfflinePost.device_id == post.device_id,
            OfflinePost.order_id.is_not(None),
        )
    )
    return int(paid or 0)
