"""The rounds of the night watch at the gates: who is refused again and again, and who walks in or out uncounted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Select, Uuid, func, literal, select, text, true
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by
from sqlalchemy.orm import aliased

from facepay.alerts.alerts import Evidence
from facepay.alerts.kinds import AlertKind, Severity
from facepay.entrance.gates import ODD, GateAttempt
from facepay.entrance.house_rules import HouseRules
from facepay.entrance.visits import Visit
from facepay.kernel.database import Database
from facepay.nightwatch.findings import Found, follow_up
from facepay.nightwatch.patrol import before
from facepay.stores.devices import Device, DeviceRole

REFUSED_REPEATEDLY = AlertKind("refused_repeatedly", Severity.WARNING, "A gate refuses somebody again and again.")
TAILGATING = AlertKind("tailgating", Severity.WARNING, "More people stood at an entry than came in by it.")
LEFT_UNCOUNTED = AlertKind("left_uncounted", Severity.WARNING, "Somebody left whom nobody had seen come in.")
ALERT_KINDS = (REFUSED_REPEATEDLY, TAILGATING, LEFT_UNCOUNTED)
# The house's own reasons, and pictures that nobody can be seen in: they say nothing of who tries to get in.
INNOCENT = (
    "store_full",
    "party_inside",
    "outside_hours",
    "door_interlocked",
    "gate_locked",
    "already_inside",
    "group_closed",
    "too_many_guests",
    "debt_unsettled",
    "no_face",
    "low_quality",
)
# Whoever stood behind comes in by their own face meanwhile.
FOLLOWS_WITHIN = timedelta(minutes=1)
# Their exit may be asked for twice; and of who came in without network it is told later.
UNCOUNTED_AFTER = timedelta(minutes=10)
# What a round that was missed can still find.
LOOK_BACK = timedelta(hours=1)


async def watch_refusals(database: Database, *, now: datetime) -> None:
    """Of gates that have refused too often of late."""
    async with database.begin() as session:
        found = [
            Found(
                store_id,
                f"device:{gate_id}",
                Evidence("gate_attempt", last_id),
                device_id=gate_id,
                details={"refusals": refusals, "minutes": minutes},
            )
            for store_id, gate_id, minutes, refusals, last_id in await session.execute(refusing_gates(now))
        ]
        await follow_up(session, REFUSED_REPEATEDLY, found, now=now)


async def watch_entries(database: Database, *, now: datetime) -> None:
    """Of entries at which more faces were seen than people came in."""
    async with database.begin() as session:
        found = [
            Found(
                store_id,
                f"gate_attempt:{attempt_id}",
                Evidence("gate_attempt", attempt_id),
                device_id=gate_id,
                details={"faces": faces, "people": people},
            )
            for store_id, gate_id, attempt_id, faces, people in await session.execute(crowded_entries(now))
        ]
        await follow_up(session, TAILGATING, found, now=now)


async def watch_exits(database: Database, *, now: datetime) -> None:
    """Of exits of people who had not come in, as far as anybody knows."""
    async with database.begin() as session:
        found = [
            Found(store_id, f"gate_attempt:{attempt_id}", Evidence("gate_attempt", attempt_id), device_id=gate_id)
            for store_id, gate_id, attempt_id in await session.execute(uncounted_exits(now))
        ]
        await follow_up(session, LEFT_UNCOUNTED, found, now=now)


def refusing_gates(now: datetime) -> Select[*tuple[Any, ...]]:
    last = func.array_agg(aggregate_order_by(GateAttempt.id, GateAttempt.decided_at.desc()), type_=ARRAY(Uuid()))[1]
    denied = (
        select(func.count().label("refusals"), last.label("last_id"))
        .where(
            GateAttempt.gate_id == Device.id,
            GateAttempt.decided_at > before(now, HouseRules.refusals_within_minutes * 60),
            GateAttempt.decision == "deny",
            GateAttempt.code.not_in(INNOCENT),
        )
        .correlate(Device, HouseRules)
        .lateral()
    )
    return (
        select(Device.store_id, Device.id, HouseRules.refusals_within_minutes, *denied.c)
        .select_from(HouseRules)
        .join(Device, (Device.store_id == HouseRules.store_id) & (Device.role == DeviceRole.GATE))
        .join(denied, denied.c.refusals >= HouseRules.refusals_max)
    )


def crowded_entries(now: datetime) -> Select[*tuple[Any, ...]]:
    entry = aliased(GateAttempt)
    came_in = (
        select(func.sum(1 + entry.guests).cast(BigInteger).label("people"))
        .where(
            entry.gate_id == GateAttempt.gate_id,
            entry.decided_at.between(GateAttempt.decided_at, GateAttempt.decided_at + literal(FOLLOWS_WITHIN)),
            entry.code == "welcome",
        )
        .correlate(GateAttempt)
        .lateral()
    )
    return (
        _odd(now - FOLLOWS_WITHIN)
        .add_columns(GateAttempt.faces, came_in.c.people)
        .join(came_in, true())
        .where(GateAttempt.code == "welcome", GateAttempt.faces > came_in.c.people)
    )


def uncounted_exits(now: datetime) -> Select[*tuple[Any, ...]]:
    was_inside = (
        select(Visit.id)
        .where(
            Visit.member_id == GateAttempt.member_id,
            Visit.store_id == Device.store_id,
            Visit.left_at.between(GateAttempt.decided_at - literal(UNCOUNTED_AFTER), GateAttempt.decided_at),
            Visit.left_at >= now - LOOK_BACK - 2 * UNCOUNTED_AFTER,  # as follows, and lets an index find them
        )
        .exists()
    )
    return _odd(now - UNCOUNTED_AFTER).where(
        GateAttempt.code == "not_inside", GateAttempt.member_id.is_not(None), ~was_inside
    )


def _odd(until: datetime) -> Select[*tuple[Any, ...]]:
    """Attempts that don't add up, of stores that want to hear of it."""
    return (
        select(Device.store_id, Device.id, GateAttempt.id)
        .select_from(GateAttempt)
        .join(Device, Device.id == GateAttempt.gate_id)
        .join(HouseRules, (HouseRules.store_id == Device.store_id) & HouseRules.tailgating_watched)
        .where(text(f"({ODD})"), GateAttempt.decided_at.between(until - LOOK_BACK, until))
    )
