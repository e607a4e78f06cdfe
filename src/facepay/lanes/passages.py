"""Passages: one person, or one party, walks through a lane; who it is, what they carry, and how it ends.

The conversation follows what Amazon documents for walk-out stores: authentication takes the lane for a limited time and
is accepted, denied or still processing (https://developer.amazon.com/docs/physicalstores/start_auth.html, …/
process_auth.html), and a purchase is known by the id of its trip, for good (…/create_purchases.html).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Uuid,
    delete,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.alerts.alerts import Evidence, raise_alert
from facepay.entrance.turns import Turn, open_turn, start, turn_indexes
from facepay.identity.verdicts import WORTH_REVIEW, DeviceDecision
from facepay.kernel.auth import Principal
from facepay.kernel.database import Base, Database
from facepay.kernel.errors import Conflict, NotFound
from facepay.lanes.kinds import PASSAGE_ABANDONED
from facepay.lanes.reads import Window
from facepay.stores.devices import DeviceRole
from facepay.wallet.payments import void

PassageState = Literal["pending", "hold", "release", "closed"]
Authentication = Literal["processing", "accepted", "denied", "step_up"]
CLOSED_AT_ONCE_MAX = 100
TAGS_KEPT_FOR = timedelta(days=1)
# A hold on money outlives its passage by this much, should nobody close that: the ledger then lets go by itself.
HOLD_OUTLIVES = timedelta(minutes=10)


class Passage(DeviceDecision, Turn, Base):
    """`pending` until the lane asks for a decision; `hold` may still become `release`. Both ends are for good.

    `member_id` is who was recognised, `payer_id` who pays for them. `basket` is what was taken, quantities by sku;
    `held` what is reserved of the payer's wallet. `opened_at` and `finished_at` are by the lane's own clock.
    """

    __tablename__ = "passage"
    __table_args__ = (
        *turn_indexes("passage"),
        CheckConstraint("decision in ('pending', 'hold', 'release', 'closed')", name="decision_known"),
        CheckConstraint(
            "authentication in ('processing', 'accepted', 'denied', 'step_up')", name="authentication_known"
        ),
        CheckConstraint("identified_by in ('face', 'pass')", name="identified_by_known"),
        CheckConstraint("(decision in ('release', 'closed')) = (ended_at is not null)", name="ends_with_decision"),
        CheckConstraint("order_id is null or decision = 'release'", name="sold_on_release"),
        CheckConstraint("(hold_id is null) = (held = 0)", name="hold_has_amount"),
        CheckConstraint("(hold_id is null) = (held_of is null)", name="hold_is_of_somebody"),
        Index("uq_passage_trip_id", "trip_id", unique=True),
        Index("ix_passage_store_id_id", "store_id", "id"),
        Index("ix_passage_device_id_id", "device_id", "id"),
        Index("ix_passage_store_id_decided_at", "store_id", "decided_at"),
        Index("ix_passage_store_id_code_id", "store_id", "code", "id"),
        Index("ix_passage_closed", "store_id", "decided_at", postgresql_where=text("decision = 'closed'")),
        Index("ix_passage_worth_review", "id", postgresql_where=text(WORTH_REVIEW)),
    )

    code: Mapped[str] = mapped_column(String(40))  # both mixins have one: a passage always says why
    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    opened_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    authentication: Mapped[str] = mapped_column(String(12), server_default="processing")
    authentication_code: Mapped[str] = mapped_column(String(40), server_default="processing")
    payer_id: Mapped[UUID | None] = mapped_column(ForeignKey("member.id"), index=True)
    proven: Mapped[bool] = mapped_column(server_default="false")
    several_people: Mapped[bool] = mapped_column(server_default="false")
    visit_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()), server_default="{}")
    basket: Mapped[dict[str, int]] = mapped_column(JSONB, server_default="{}")
    unknown_tags: Mapped[list[str]] = mapped_column(JSONB, server_default="[]")
    parts: Mapped[list[int]] = mapped_column(JSONB, server_default="[]")  # of what the portal read, by number
    # What a kiosk says of the goods: pieces by sku in place of unknown tags, and tags that were put down there.
    named: Mapped[dict[str, int]] = mapped_column(JSONB, server_default="{}")
    left_behind: Mapped[list[str]] = mapped_column(JSONB, server_default="[]")
    at_kiosk: Mapped[bool] = mapped_column(server_default="false")
    total: Mapped[int | None]
    currency: Mapped[str] = mapped_column(String(3))
    hold_id: Mapped[UUID | None]
    held: Mapped[int] = mapped_column(server_default="0")
    held_of: Mapped[UUID | None] = mapped_column(
        ForeignKey("member.id")
    )  # whose wallet it is: of a family, its payer's
    order_id: Mapped[UUID | None] = mapped_column(ForeignKey("shop_order.id"), index=True)

    @property
    def window(self) -> Window:
        return Window(self.opened_at, self.finished_at)

    @property
    def payers(self) -> set[UUID]:
        """Whoever's row has to be locked before the passage's."""
        return {each for each in (self.member_id, self.payer_id) if each is not None}

    def why_over(self, now: datetime) -> Literal["turn_expired", "face_left"] | None:
        """Whoever walks out of the camera's view walks on: only time ends a passage."""
        return "turn_expired" if now >= self.expires_at else None

    def is_shown_to(self, device: Principal) -> bool:
        """Its lane, and the kiosks of the store."""
        at_kiosk = device.role == DeviceRole.KIOSK and device.store_id == self.store_id
        return at_kiosk or device.id == self.device_id

    def on_lane_clock(self, now: datetime) -> datetime:
        return self.opened_at + (now - self.started_at)

    def finish(self, finished_at: datetime | None, now: datetime) -> None:
        """By the lane's own clock. A time before it began, or after it has to end, would cut off what was read."""
        if finished_at is None or not self.opened_at <= finished_at <= self.on_lane_clock(self.expires_at):
            finished_at = self.on_lane_clock(now)
        self.finished_at = finished_at

    def miss_face(self, now: datetime) -> None:
        """Whoever was seen, and wasn't known yet, has gone: this asks for a face anew, or a pass."""
        if self.ended_at is None and self.authentication == "processing" and self.face_left(now):
            self.authenticated("denied", "face_left")

    def authenticated(self, as_: Authentication, code: str) -> None:
        self.authentication, self.authentication_code = as_, code

    def forget_measured(self) -> None:
        """Of a face: a pass took its place."""
        self.similarity = self.threshold = self.margin = self.false_positive_rate = self.searched = None
        self.narrowed_by = self.basis = self.pack = self.quality = None


class PassageTag(Base):
    """How well a tag was seen in a passage: see `lanes.reads.Signal`."""

    __tablename__ = "passage_tag"

    passage_id: Mapped[UUID] = mapped_column(ForeignKey("passage.id"), primary_key=True)
    epc: Mapped[str] = mapped_column(String(128), primary_key=True, index=True)
    levels: Mapped[bytes] = mapped_column(LargeBinary)


class PassageNotFound(NotFound):
    """There is no such passage here."""

    code = "passage_not_found"
    title = "No such passage"


class PassageOver(Conflict):
    """The passage has ended: begin another, with a trip id of its own."""

    code = "passage_over"
    title = "Passage over"


class TripTaken(Conflict):
    """Another device has had this trip."""

    code = "trip_taken"
    title = "Trip taken"


class ReadsMissing(Conflict):
    """Not all parts of the reads that there were have come: send those that are missing, then finish again."""

    code = "reads_missing"
    title = "Reads missing"


async def start_passage(
    session: AsyncSession,
    *,
    lane: Principal,
    trip_id: str,
    currency: str,
    opened_at: datetime,
    lasts: timedelta,
    now: datetime,
) -> Passage:
    """The lane is this trip's until it ends; the same trip again is the same passage, however it stands.

    Raises DeviceBusy while another is under way, and TripTaken.
    """
    taken = await session.scalar(select(Passage.device_id).where(Passage.trip_id == trip_id))
    if taken not in (None, lane.id):
        raise TripTaken("Another device has had this trip.")
    before = await open_turn(session, Passage, device_id=lane.id)
    if before is not None and before.trip_id != trip_id and before.is_over(now):
        await close(session, passage=before, code=code_of_abandoned(before), now=now)
    return await start(
        session,
        Passage,
        device_id=lane.id,
        trip_id=trip_id,
        lasts=lasts,
        now=now,
        store_id=lane.store,
        currency=currency,
        opened_at=opened_at,
        decision="pending",
        code="processing",
        created_at=now,
        decided_at=now,
    )


async def let_go(session: AsyncSession, *, passage: Passage, now: datetime) -> None:
    """Of the money that is on hold for it."""
    if passage.hold_id is not None:
        actor = f"device:{passage.device_id}"
        await void(session, hold_id=passage.hold_id, order_id=passage.id, actor=actor, now=now)
        passage.hold_id, passage.held, passage.held_of = None, 0, None


async def close(session: AsyncSession, *, passage: Passage, code: str, now: datetime) -> None:
    """It ends with the exit closed, and nothing is charged. The passage is locked."""
    await let_go(session, passage=passage, now=now)
    passage.decision, passage.decided_at = "closed", now
    passage.end(code, now=now)
    if code == PASSAGE_ABANDONED.name:
        await raise_alert(
            session,
            PASSAGE_ABANDONED,
            store_id=passage.store_id,
            device_id=passage.device_id,
            subject=str(passage.id),
            now=now,
            evidence=Evidence("passage", passage.id),
            pieces=sum(passage.basket.values()),
            unknown_tags=len(passage.unknown_tags),
            total=passage.total,
        )
    await session.flush()


def code_of_abandoned(passage: Passage) -> str:
    """Goods that nobody paid for lie in the lane, or somebody went back with them."""
    return "passage_abandoned" if passage.basket or passage.unknown_tags else "passage_expired"


async def close_overdue(database: Database, *, now: datetime) -> int:
    """Close passages that were left open past their limit, some at a time; answers how many."""
    async with database.begin() as session:
        overdue = await session.scalars(
            select(Passage)
            .where(Passage.ended_at.is_(None), Passage.expires_at <= now)
            .order_by(Passage.id)
            .limit(CLOSED_AT_ONCE_MAX)
            .with_for_update(skip_locked=True)
        )
        passages = overdue.all()
        for passage in passages:
            await close(session, passage=passage, code=code_of_abandoned(passage), now=now)
    return len(passages)


async def forget_tags(database: Database, *, now: datetime) -> None:
    """Drop how well tags were seen in passages that ended a day ago: which were sold stands in the orders."""
    ended = select(Passage.id).where(Passage.ended_at < now - TAGS_KEPT_FOR)
    async with database.begin() as session:
        await session.execute(delete(PassageTag).where(PassageTag.passage_id.in_(ended)))
