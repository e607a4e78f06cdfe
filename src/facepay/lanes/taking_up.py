"""Taking a passage up: whatever is posted to it begins here, with everything locked that it may change.

Before its row stand its lane's door, against commands, and the members who may pay, against whatever else they pay. Who
these are stands in the row, so that it is looked at twice, under a lock of the passage's own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Uuid, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.channel.doors import Door, door_query
from facepay.entrance.groups import payer_query
from facepay.entrance.visits import Visit
from facepay.identity.standing import stands
from facepay.kernel.auth import Principal
from facepay.lanes.passages import Passage, PassageNotFound, PassageOver, let_go
from facepay.lanes.policies import LanePolicy, default_policy
from facepay.members.members import Member, holding

# Composed once: it took longer than the database's answer. Who pays for what some members take is asked with the rest.
_THEIRS = (
    (Visit.member_id == any_(bindparam("members", type_=ARRAY(Uuid())))) | (Visit.member_id == Passage.member_id)
) & (Visit.store_id == Passage.store_id)
_FOUND = (
    door_query(Passage.device_id)
    .add_columns(
        Passage,
        LanePolicy,
        func.array(payer_query(_THEIRS & Visit.left_at.is_(None)).scalar_subquery(), type_=ARRAY(Uuid())),
    )
    .select_from(Passage)
    .outerjoin(LanePolicy, LanePolicy.device_id == Passage.device_id)
    .where(Passage.id == bindparam("passage_id"))
    .execution_options(populate_existing=True)
)
_OWN = (Visit.member_id == Passage.member_id) & (Visit.store_id == Passage.store_id) & Visit.left_at.is_(None)
_LOCKED = (
    select(
        Passage,
        stands(Passage.member_id, now=bindparam("now", type_=DateTime(timezone=True))),
        payer_query(_OWN).scalar_subquery(),
    )
    .where(Passage.id == bindparam("passage_id"))
    .with_for_update(of=Passage)
    .execution_options(populate_existing=True)
)


@dataclass(frozen=True, slots=True)
class Found:
    """A passage, its lane's door, held against commands, and what the lane goes by; `held` are members, locked."""

    passage: Passage
    door: Door
    policy: LanePolicy
    held: Mapping[UUID, Member]


async def find_passage(session: AsyncSession, *, passage_id: UUID, device: Principal) -> Found:
    """Of this lane, or at a kiosk of its store. Raises PassageNotFound."""
    found, _ = await _find(session, passage_id, device)
    return found


async def take_up(
    session: AsyncSession, *, passage_id: UUID, device: Principal, now: datetime, also: Collection[UUID] = ()
) -> Found:
    """The passage, locked, and its members: whoever it knows, `also` these, and who pays for them. Raises
    PassageNotFound.
    """
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(str(passage_id), 0))))
    found, payers = await _find(session, passage_id, device, also)
    held = await _hold_members(session, {*found.passage.payers, *also, *payers})
    await _lock(session, found.passage, now)
    found.passage.miss_face(now)
    return replace(found, held=held)


async def _find(
    session: AsyncSession, passage_id: UUID, device: Principal, members: Collection[UUID] = ()
) -> tuple[Found, list[UUID]]:
    """And whoever pays for what these members take, and the one who was known before; all in one round trip."""
    found = await session.execute(_FOUND, {"passage_id": passage_id, "members": list(members)})
    row = found.one_or_none()
    if row is None or not row.Passage.is_shown_to(device):
        raise PassageNotFound("There is no such passage here.")
    *door, passage, policy, payer_ids = row
    return Found(passage, Door(*door), policy or default_policy(passage.device_id), {}), payer_ids


async def _lock(session: AsyncSession, passage: Passage, now: datetime) -> None:
    """And ask again, now that its members are held, about whoever was accepted: a consent may have ended meanwhile, or
    a host have left.
    """
    row = await session.execute(_LOCKED, {"passage_id": passage.id, "now": now})
    _, may_be_recognised, payer_id = row.one()
    if passage.ended_at is not None or passage.authentication != "accepted":
        return
    if passage.identified_by == "face" and not may_be_recognised:
        passage.authenticated("denied", "unknown_face")
    elif passage.payer_id != (payer_id or passage.member_id):
        await let_go(session, passage=passage, now=now)
        passage.payer_id = payer_id or passage.member_id


async def _hold_members(session: AsyncSession, member_ids: Collection[UUID]) -> dict[UUID, Member]:
    """Against whatever else they pay at this moment, as whoever charges them does."""
    if not member_ids:
        return {}
    held = await session.scalars(holding(member_ids))
    return {member.id: member for member in held}


def must_go_on(passage: Passage, now: datetime) -> None:
    """Raises PassageOver."""
    if passage.is_over(now):
        raise PassageOver("This passage has ended.", decision=passage.decision, passage_code=passage.code)
