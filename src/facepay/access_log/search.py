"""What the access log is searched for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pydantic_core import to_jsonable_python
from sqlalchemy import Select, select

from facepay.access_log.log import CHAIN_WIDE, AccessEvent, AccessEventPerson, Decision, Kind
from facepay.kernel.schemas import DeviceClock


@dataclass(frozen=True, slots=True)
class Sought:
    """A store's events; what is left out isn't asked about. `retention` and `erasure` concern all stores."""

    store_id: UUID
    since: Annotated[DeviceClock | None, Query(alias="from", description="When it happened, at the earliest.")] = None
    until: Annotated[DeviceClock | None, Query(alias="to", description="When it happened, before that.")] = None
    access_point: Annotated[UUID | None, Query()] = None
    zone: Annotated[UUID | None, Query()] = None
    member: Annotated[UUID | None, Query(description="Who took part.")] = None
    kind: Annotated[Kind | None, Query()] = None
    decision: Annotated[Decision | None, Query()] = None
    code: Annotated[str | None, Query(max_length=40)] = None

    def query(self) -> Select[AccessEvent]:
        of = None if self.kind in CHAIN_WIDE else self.store_id
        query = select(AccessEvent).where(AccessEvent.store_id.is_not_distinct_from(of))
        for column, value in (
            (AccessEvent.access_point_id, self.access_point),
            (AccessEvent.zone_id, self.zone),
            (AccessEvent.kind, self.kind),
            (AccessEvent.decision, self.decision),
            (AccessEvent.code, self.code),
        ):
            if value is not None:
                query = query.where(column == value)
        if self.since is not None:
            query = query.where(AccessEvent.event_at >= self.since)
        if self.until is not None:
            query = query.where(AccessEvent.event_at < self.until)
        if self.member is not None:
            theirs = select(AccessEventPerson.event_id).where(AccessEventPerson.member_id == self.member)
            query = query.where(AccessEvent.id.in_(theirs))
        return query

    def worded(self) -> dict[str, Any]:
        """What was asked for, but of whom."""
        asked = {
            "from": self.since,
            "to": self.until,
            "access_point": self.access_point,
            "zone": self.zone,
            "kind": self.kind,
            "decision": self.decision,
            "code": self.code,
        }
        worded: dict[str, Any] = to_jsonable_python({name: each for name, each in asked.items() if each is not None})
        return worded
