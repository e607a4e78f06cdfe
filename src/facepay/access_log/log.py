"""The access log: every attempt, door, credential and setting, written once and chained. migrations/access_log.sql."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, SmallInteger, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column, relationship

from facepay.kernel.chain import Log
from facepay.kernel.database import Base, Identified
from facepay.kernel.ids import new_id

Kind = Literal[
    "attempt", "door", "emergency", "credential", "configuration", "presence", "retention", "erasure", "export"
]
Decision = Literal["granted", "denied"]
# These concern every store, and so none.
CHAIN_WIDE = ("retention", "erasure")
LOG = Log("access", record="event", sealed_text="access_log.sealed_text")
_WRITE = text("select access_log.write(cast(:id as uuid), cast(:at as timestamptz), cast(:event as jsonb))")


def _known(column: str, values: tuple[str, ...]) -> str:
    return f"{column} in ({', '.join(map(repr, values))})"


class AccessEvent(Identified, Base):
    """What happened, without whom: that is in `access_event_person`, and here as digests.

    It points at what it is about without foreign keys: it outlives that, and their checks would lock the store's row
    for every attempt.
    """

    __tablename__ = "access_event"
    __table_args__ = (
        CheckConstraint(_known("kind", get_args(Kind)), name="kind_known"),
        CheckConstraint(_known("decision", get_args(Decision)), name="decision_known"),
        UniqueConstraint("position"),
        Index("ix_access_event_store_id_id", "store_id", "id"),
        Index("ix_access_event_attempts", "store_id", "event_at", postgresql_where=text("kind = 'attempt'")),
        Index("ix_access_event_access_point_id_id", "access_point_id", "id"),
        Index("ix_access_event_chain_wide", "kind", "position", postgresql_where=text(_known("kind", CHAIN_WIDE))),
    )

    position: Mapped[int]
    kind: Mapped[str] = mapped_column(String(16))
    store_id: Mapped[UUID | None]  # none where it is about all of them
    code: Mapped[str] = mapped_column(String(40))
    actor: Mapped[str] = mapped_column(String(80))
    decision: Mapped[str | None] = mapped_column(String(8))
    access_point_id: Mapped[UUID | None]
    device_id: Mapped[UUID | None]
    zone_id: Mapped[UUID | None]
    policy: Mapped[str | None] = mapped_column(String(80))  # "<id>@<version>"
    factors: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    details: Mapped[dict[str, Any]] = mapped_column(JSONB)
    person_digests: Mapped[list[bytes]] = mapped_column(ARRAY(LargeBinary()))
    event_at: Mapped[datetime]
    created_at: Mapped[datetime]
    persons: Mapped[list[AccessEventPerson]] = relationship(
        order_by="AccessEventPerson.place", viewonly=True, lazy="raise"
    )


class AccessEventPerson(Base):
    """Who took part in an event, in their place, until they are erased: then only that somebody did.

    `unlinked_after` chains it to the others that the event `unlinked_by` emptied.
    """

    __tablename__ = "access_event_person"
    __table_args__ = (
        CheckConstraint(
            "(unlinked_by is null) = (salt is not null) and (unlinked_by is null) = (details is not null)"
            " and (unlinked_by is null) = (unlinked_after is null)"
            " and (unlinked_by is null or (member_id is null and holder_id is null))",
            name="unlinked_whole",
        ),
        Index("ix_access_event_person_member_id_event_id", "member_id", "event_id"),
        Index("ix_access_event_person_unlinked_by", "unlinked_by", postgresql_where=text("unlinked_by is not null")),
    )

    event_id: Mapped[UUID] = mapped_column(ForeignKey("access_event.id"), primary_key=True)
    place: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    member_id: Mapped[UUID | None]
    holder_id: Mapped[UUID | None]
    details: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    salt: Mapped[bytes | None] = mapped_column(LargeBinary)
    unlinked_by: Mapped[UUID | None]
    unlinked_after: Mapped[bytes | None] = mapped_column(LargeBinary)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who took part, and what was measured of them. A holder's member is named too: erasure goes by it."""

    member_id: UUID | None = None
    holder_id: UUID | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewEvent:
    """What is to be written down. `factors` and `details` name nobody and measure nobody: they stay for ever.

    `code` says what came of it (`granted`, `outside_schedule`, `forced`, …), `actor` who did it (`device:<id>`,
    `staff:<name>`, `system:<task>`), `policy` what decided, as "<id>@<version>".
    """

    kind: Kind
    store_id: UUID | None
    code: str
    actor: str
    decision: Decision | None = None
    access_point_id: UUID | None = None
    device_id: UUID | None = None
    zone_id: UUID | None = None
    policy: str | None = None
    factors: Sequence[Mapping[str, Any]] = ()
    persons: Sequence[Person] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


async def write(session: AsyncSession, event: NewEvent, *, now: datetime) -> UUID:
    """Write an event down, in one round trip and without a lock that two writers share; answers its id."""
    event_id = new_id()
    await session.execute(_WRITE, {"id": event_id, "at": now, "event": to_json(event).decode()})
    return event_id
