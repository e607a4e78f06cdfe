"""Sessions before a mirror: one at a time, forgotten whole as soon as the person has left.

Pictures aren't kept at all. What was read and said in a session lives in its `memory`, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import CheckConstraint, ForeignKey, Index, func, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.fitting.outfits import Kind, Outfit
from facepay.fitting.requests import cancel_open, topic_of
from facepay.kernel.database import Base, Database, Identified
from facepay.kernel.errors import NotFound
from facepay.kernel.hub import notify
from facepay.members.members import holding
from facepay.recommender.consents import standing_agreement
from facepay.recommender.verdicts import Verdict
from facepay.settings import Settings
from facepay.vision.colours import Appearance

AT_ONCE_MAX = 200


class FittingSession(Identified, Base):
    """Opened and ended by whoever is `alone_at` the mirror. `member_id` is None of a guest, and once it has ended."""

    __tablename__ = "fitting_session"
    __table_args__ = (
        Index("uq_fitting_session_open", "device_id", unique=True, postgresql_where=text("ended_at is null")),
        Index("ix_fitting_session_open_used_at", "used_at", postgresql_where=text("ended_at is null")),
        CheckConstraint("ended_at is null or (member_id is null and memory is null)", name="forgotten_when_ended"),
    )

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"), index=True)
    member_id: Mapped[UUID | None] = mapped_column(ForeignKey("member.id"), index=True)
    memory: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    opened_at: Mapped[datetime]
    used_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    @property
    def remembered(self) -> Memory:
        return Memory() if self.memory is None else _MEMORY.validate_python(self.memory)

    def remember(self, memory: Memory) -> None:
        self.memory = _MEMORY.dump_python(memory, mode="json")


@dataclass(frozen=True, slots=True)
class Memory:
    """What a session knows. `outfits` are the last that were advised, the first of them of this number; `said` is of
    products, and `refused` are outfits of these products.
    """

    appearance: Appearance | None = None
    sizes: dict[Kind, str] = field(default_factory=dict)
    said: dict[UUID, Verdict] = field(default_factory=dict)
    refused: tuple[frozenset[UUID], ...] = ()
    outfits: tuple[Outfit, ...] = ()
    first_number: int = 1

    def advised(self, outfits: Sequence[Outfit]) -> Memory:
        """Numbers count on, so that none ever names another outfit."""
        return replace(self, outfits=tuple(outfits), first_number=self.first_number + len(self.outfits))

    def outfit(self, number: int) -> Outfit:
        """Raises OutfitNotFound."""
        if not 0 <= number - self.first_number < len(self.outfits):
            raise OutfitNotFound("There is no outfit of this number, or other outfits have come since.")
        return self.outfits[number - self.first_number]

    def products(self, verdict: Verdict) -> list[UUID]:
        return [product_id for product_id, said in self.said.items() if said is verdict]


_MEMORY: TypeAdapter[Memory] = TypeAdapter(Memory)


class SessionNotFound(NotFound):
    """No session of this id is open at this mirror: there was none, or the person has left."""

    code = "fitting_session_not_found"
    title = "No such session"


class OutfitNotFound(NotFound):
    """The session has no outfit of this number any more."""

    code = "outfit_not_found"
    title = "No such outfit"


def lasts(settings: Settings) -> timedelta:
    return timedelta(minutes=settings.fitting_session_minutes)


async def alone_at(session: AsyncSession, device_id: UUID) -> None:
    """Until the transaction ends, nobody else opens or ends a session at this mirror."""
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(str(device_id), 0))))


async def open_at(session: AsyncSession, device_id: UUID) -> FittingSession | None:
    query = select(FittingSession).where(FittingSession.device_id == device_id, FittingSession.ended_at.is_(None))
    return await session.scalar(query.execution_options(populate_existing=True))


async def session_at(
    session: AsyncSession, *, device_id: UUID, session_id: UUID, now: datetime, settings: Settings
) -> FittingSession:
    """One that is open. Raises SessionNotFound."""
    found = await session.get(FittingSession, session_id, populate_existing=True)
    if found is None or found.device_id != device_id or not is_open(found, settings=settings, now=now):
        raise SessionNotFound("No session of this id is open at this mirror.")
    return found


async def use_session(
    session: AsyncSession, *, device_id: UUID, session_id: UUID, now: datetime, settings: Settings
) -> FittingSession:
    """As `session_at`, to change it: it lasts on from now. The member's row is locked, and then its own, in the order
    in which a member is erased.
    """
    found = await session_at(session, device_id=device_id, session_id=session_id, now=now, settings=settings)
    member_id = found.member_id
    if member_id is not None:
        await session.execute(holding({member_id}))
    await hold(session, found)
    if found.ended_at is not None or found.member_id != member_id:
        raise SessionNotFound("Somebody else stands at this mirror by now.")
    found.used_at = now
    return found


async def hold(session: AsyncSession, fitting: FittingSession) -> None:
    """Lock its row, and read it again. The caller holds its member's."""
    await session.refresh(fitting, with_for_update={"key_share": True})


def is_open(fitting: FittingSession, *, settings: Settings, now: datetime) -> bool:
    return fitting.ended_at is None and fitting.used_at + lasts(settings) > now


async def end_session(session: AsyncSession, fitting: FittingSession, *, now: datetime) -> None:
    """Everything in it is forgotten, and nothing is brought any more."""
    # Whatever it holds by now, and not what was read of it before.
    forgotten = {"ended_at": now, "member_id": None, "memory": None}
    await session.execute(
        update(FittingSession)
        .where(FittingSession.id == fitting.id, FittingSession.ended_at.is_(None))
        .values(forgotten)
        .execution_options(synchronize_session=False)
    )
    await cancel_open(session, session_id=fitting.id, now=now)
    await notify(session, topic_of(fitting.store_id), topic_of(fitting.device_id))


async def end_unused(database: Database, *, settings: Settings, now: datetime) -> int:
    """Those whose person has left without a word, one at a time; answers of how many."""
    async with database.read() as session:
        unused = await session.scalars(
            select(FittingSession)
            .where(FittingSession.ended_at.is_(None), FittingSession.used_at <= now - lasts(settings))
            .order_by(FittingSession.id)
            .limit(AT_ONCE_MAX)
        )
    ended = 0
    for device_id in {each.device_id for each in unused}:
        async with database.begin() as session:
            await alone_at(session, device_id)
            fitting = await open_at(session, device_id)
            if fitting is not None and not is_open(fitting, settings=settings, now=now):
                await end_session(session, fitting, now=now)
                ended += 1
    return ended


async def profiled(session: AsyncSession, *, member_id: UUID | None, settings: Settings) -> bool:
    """Whether their purchases and tastes may be used: they have agreed to it, and the shop does it at all."""
    if member_id is None or not settings.profiling:
        return False
    return await standing_agreement(session, member_id=member_id) is not None
