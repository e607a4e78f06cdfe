"""What is asked for in a fitting room, and how far staff are with it: each step once, whoever presses for it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import CheckConstraint, ForeignKey, Index, String, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column, relationship

from facepay.catalog.products import Product
from facepay.fitting.garments import Garment
from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import Conflict, NotFound
from facepay.kernel.hub import notify
from facepay.stores.devices import Device
from facepay.webhooks.events import EventType, emit


class RequestState(StrEnum):
    ASKED = "asked"
    ACCEPTED = "accepted"
    BRINGING = "bringing"
    BROUGHT = "brought"
    NOT_FOUND = "not_found"
    CANCELLED = "cancelled"


OPEN = (RequestState.ASKED, RequestState.ACCEPTED, RequestState.BRINGING)
# Each step, and where it may begin.
STEPS = {
    RequestState.ACCEPTED: (RequestState.ASKED,),
    RequestState.BRINGING: (RequestState.ACCEPTED,),
    RequestState.BROUGHT: (RequestState.ACCEPTED, RequestState.BRINGING),
    RequestState.NOT_FOUND: (RequestState.ACCEPTED, RequestState.BRINGING),
}


class FittingRequest(Identified, Base):
    """One piece for one mirror. Who stands before it, only the session says, while it lasts."""

    __tablename__ = "fitting_request"
    __table_args__ = (
        CheckConstraint(
            "state in ('asked', 'accepted', 'bringing', 'brought', 'not_found', 'cancelled')", name="state_known"
        ),
        # One mirror doesn't ask twice for what is on its way.
        Index(
            "uq_fitting_request_open",
            "session_id",
            "product_id",
            unique=True,
            postgresql_where=text("state in ('asked', 'accepted', 'bringing')"),
        ),
        Index(
            "ix_fitting_request_store_id_open",
            "store_id",
            "id",
            postgresql_where=text("state in ('asked', 'accepted', 'bringing')"),
        ),
        Index("ix_fitting_request_store_id_id", "store_id", "id"),
    )

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), index=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("fitting_session.id"), index=True)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("garment.product_id", ondelete="CASCADE"), index=True)
    state: Mapped[RequestState] = mapped_column(String(16), default=RequestState.ASKED)
    asked_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    accepted_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff_account.id"))
    ended_at: Mapped[datetime | None]
    unanswered_at: Mapped[datetime | None]  # when staff were called
    garment: Mapped[Garment] = relationship(lazy="joined", innerjoin=True)
    mirror: Mapped[Device] = relationship(lazy="joined", innerjoin=True)


class FittingTold(BaseModel):
    request_id: UUID
    store_id: UUID
    device_id: UUID
    sku: str
    state: RequestState


REQUESTED = EventType("fitting.requested", "Somebody in a fitting room asks for a piece.", FittingTold)
ANSWERED = EventType("fitting.answered", "Staff are a step further with what a fitting room asked for.", FittingTold)
EVENT_TYPES = (REQUESTED, ANSWERED)


class RequestNotFound(NotFound):
    """This store has no request with this id."""

    code = "fitting_request_not_found"
    title = "No such request"


class RequestTaken(Conflict):
    """Somebody else has accepted it, and brings it."""

    code = "fitting_request_taken"
    title = "Taken by somebody else"


class RequestElsewhere(Conflict):
    """The request isn't where this step begins: `state` says where it is."""

    code = "fitting_request_elsewhere"
    title = "Request elsewhere"


def topic_of(store_id: UUID) -> str:
    return f"fitting:{store_id}"


async def answer(
    session: AsyncSession, *, store_id: UUID, request_id: UUID, to: RequestState, staff_id: UUID, now: datetime
) -> FittingRequest:
    """One step on; to repeat it changes nothing. Raises RequestNotFound, RequestTaken and RequestElsewhere."""
    request = await session.get(
        FittingRequest, request_id, with_for_update={"of": FittingRequest}, populate_existing=True
    )
    if request is None or request.store_id != store_id:
        raise RequestNotFound("This store has no request with this id.")
    if to is RequestState.ACCEPTED and request.accepted_by not in (None, staff_id):
        raise RequestTaken("Somebody else has accepted it.", state=request.state)
    if request.state == to:
        return request
    if request.state not in STEPS[to]:
        raise RequestElsewhere(f"The request is {request.state}.", state=request.state)
    request.state = to
    if to is RequestState.ACCEPTED:
        request.accepted_at, request.accepted_by = now, staff_id
    elif to is not RequestState.BRINGING:
        request.ended_at = now
    await tell(session, request, ANSWERED, now=now)
    return request


async def cancel_open(session: AsyncSession, *, session_id: UUID, now: datetime, only: UUID | None = None) -> None:
    """Nobody waits for these any more. The caller holds the session's row."""
    of_session = select(FittingRequest).where(FittingRequest.session_id == session_id, FittingRequest.state.in_(OPEN))
    if only is not None:
        of_session = of_session.where(FittingRequest.id == only)
    locked = of_session.order_by(FittingRequest.id).with_for_update(of=FittingRequest)
    for request in (await session.scalars(locked)).all():
        request.state, request.ended_at = RequestState.CANCELLED, now
        await tell(session, request, ANSWERED, now=now)


async def tell(session: AsyncSession, request: FittingRequest, type: EventType[FittingTold], *, now: datetime) -> None:
    """Staff's screens, the mirror and integrators, once this is committed."""
    await session.flush()
    sku = await session.scalar(select(Product.sku).where(Product.id == request.product_id))
    told = {name: getattr(request, name) for name in ("store_id", "device_id", "state")}
    data = FittingTold(request_id=request.id, sku=sku or "", **told)
    await emit(session, type=type, subject_id=request.id, data=data, device_id=request.device_id, now=now)
    await notify(session, topic_of(request.store_id), topic_of(request.device_id))
