"""Payers: who walks through a lane, by their faces or a pass, and who pays for what they carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Uuid, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.entrance.groups import payer_query
from facepay.entrance.visits import Visit
from facepay.identity.decisions import answer, ask, identify
from facepay.identity.passes import ShownPass
from facepay.identity.policy import Ambiguous, Match, Uncertain
from facepay.identity.sighting import Sighting, candidates_of
from facepay.identity.step_up import StepUp, waiting_step_up
from facepay.identity.verdicts import Asked, Recognised, Shown, TurnedAway, Verdict, means_of
from facepay.kernel.auth import Principal
from facepay.kernel.passwords import PasswordHasher
from facepay.lanes.passages import Passage, let_go
from facepay.members.members import Member
from facepay.settings import Settings

# Another frame may show more.
STILL_PROCESSING = frozenset({"no_face", "low_quality", "faces_disagree"})
Beside = Sequence[UUID | None]


def members_shown(shown: Shown) -> Sequence[UUID]:
    """Whom this may be: their rows are locked where it is acted on."""
    if isinstance(shown, ShownPass):
        return ()  # its own query locks whose it is
    match shown.outcome:
        case Match(member_id):
            return (member_id,)
        case Ambiguous() | Uncertain() as unsure:
            return candidates_of(unsure)
        case _:
            return ()


async def look(
    session: AsyncSession,
    *,
    passage: Passage,
    device: Principal,
    sighting: Sighting,
    beside: Beside,
    now: datetime,
    settings: Settings,
) -> Verdict | None:
    """What a frame of the lane shows; None where it only goes on. Whoever was accepted stays, until several people
    were seen and one of them, asked for, stands there alone.
    """
    if sighting.faces:
        passage.see_face(now)
    accepted = passage.authentication == "accepted"
    is_match = isinstance(sighting.outcome, Match)
    if accepted and not (is_match and not beside and passage.several_people and passage.decision == "hold"):
        await _note_company(session, passage, sighting, beside)
        return None
    waiting = None if is_match else await waiting_step_up(session, attempt_id=passage.id, device_id=device.id, now=now)
    if waiting is not None:
        return Asked(passage.authentication_code, waiting)
    if passage.face_left(now) and not accepted:
        passage.authenticated("denied", "face_left")
        return TurnedAway("face_left")
    return await show(
        session, passage=passage, device=device, shown=sighting, beside=beside, now=now, settings=settings
    )


async def show(
    session: AsyncSession,
    *,
    passage: Passage,
    device: Principal,
    shown: Shown,
    beside: Beside = (),
    now: datetime,
    settings: Settings,
) -> Verdict:
    """Whoever is shown pays, if they are recognised; else whoever was to pay before still is."""
    before, passage.identified_by = passage.identified_by, means_of(shown)
    verdict = await identify(
        session, record=passage, device=device, shown=shown, now=now, settings=settings, alone=True
    )
    match verdict:
        case Recognised(member, proven):
            if passage.identified_by == "pass":
                passage.forget_measured()
            await _accept(session, passage, member, beside, proven, now)
        case Asked(code):
            passage.authenticated("step_up", code)
            passage.several_people = passage.several_people or bool(beside)
        case TurnedAway(code) if passage.authentication == "accepted":
            passage.identified_by = before
        case TurnedAway(code):
            passage.authenticated("processing" if code in STILL_PROCESSING else "denied", code)
    return verdict


async def step_up(
    session: AsyncSession,
    *,
    passage: Passage,
    device: Principal,
    given: str | ShownPass,
    now: datetime,
    settings: Settings,
    hasher: PasswordHasher,
) -> Verdict:
    """Check digits or a pass, as was asked for. Raises AttemptNotFound and AttemptClosed."""
    verdict = await answer(
        session, record=passage, device=device, given=given, now=now, settings=settings, hasher=hasher, alone=True
    )
    if isinstance(verdict, Recognised):
        if passage.member_id == verdict.member.id and passage.authentication == "accepted":
            passage.proven = True
        else:
            await _accept(session, passage, verdict.member, (), verdict.proven, now)
    elif isinstance(verdict, TurnedAway) and passage.authentication != "accepted":
        passage.authenticated("denied", verdict.code)
    return verdict


async def candidates_asked(session: AsyncSession, *, passage_id: UUID) -> set[UUID]:
    """Whom an open question is about: locked before the passage, as everybody is."""
    found = await session.get(StepUp, passage_id)
    return set(found.candidate_ids) if found else set()


async def ask_for_amount(
    session: AsyncSession, *, passage: Passage, device: Principal, code: str, now: datetime, settings: Settings
) -> Asked | TurnedAway:
    """Ask whoever stands there for a second factor, once: a question that waits already stays the same."""
    waiting = await waiting_step_up(session, attempt_id=passage.id, device_id=device.id, now=now)
    if waiting is not None:
        return Asked(code, waiting)
    assert passage.member_id is not None, "somebody was accepted"
    return await ask(session, passage, device, code, (passage.member_id,), now=now, settings=settings)


async def payer_now(session: AsyncSession, *, passage: Passage, held: Mapping[UUID, Member]) -> Member | None:
    """Who pays, their row locked; `held` are those that are already."""
    if passage.payer_id is None or passage.authentication != "accepted":
        return None
    if passage.payer_id in held:
        return held[passage.payer_id]
    return await session.get_one(Member, passage.payer_id, with_for_update={"key_share": True}, populate_existing=True)


async def _accept(
    session: AsyncSession, passage: Passage, member: Member, beside: Beside, proven: bool, now: datetime
) -> None:
    members = {member.id, *(each for each in beside if each is not None)}
    inside = await _inside(session, passage.store_id, members)
    own = [each for each in inside if each.visit.member_id == member.id]
    payer_id = own[0].payer_id if own else member.id
    if passage.payer_id not in (None, payer_id):
        await let_go(session, passage=passage, now=now)
    passage.member_id, passage.payer_id, passage.proven = member.id, payer_id, proven
    passage.authenticated("accepted", "accepted")
    is_party = await _is_one_party(session, passage.store_id, members, inside, beside)
    passage.several_people = not is_party
    passage.visit_ids = [each.visit.id for each in (inside if is_party else own)]


async def _note_company(session: AsyncSession, passage: Passage, sighting: Sighting, beside: Beside) -> None:
    """Who else is in a later frame. Whoever was seen once is counted, though another hides them in the next."""
    others = _others(passage, sighting, beside)
    if not others or passage.member_id is None:
        return
    members = {passage.member_id, *(each for each in others if each is not None)}
    inside = await _inside(session, passage.store_id, members)
    if await _is_one_party(session, passage.store_id, members, inside, others):
        passage.visit_ids = sorted({*passage.visit_ids, *(each.visit.id for each in inside)})
    else:
        passage.several_people = True


def _others(passage: Passage, sighting: Sighting, beside: Beside) -> list[UUID | None]:
    outcome = sighting.outcome
    crowd = [outcome.member_id if isinstance(outcome, Match) else None, *beside]
    # Whom nobody recognises may be the payer, who looks away just now.
    for payer in (passage.member_id, None):
        if payer in crowd:
            crowd.remove(payer)
            break
    return crowd


# Composed once: it took longer than the database's answer.
_AMONG_THEM = (Visit.member_id == any_(bindparam("members", type_=ARRAY(Uuid())))) & (
    Visit.store_id == bindparam("store_id")
)
_INSIDE = (
    payer_query(_AMONG_THEM & Visit.left_at.is_(None))
    .add_columns(Visit)
    .order_by(Visit.id)
    .execution_options(populate_existing=True)
)


@dataclass(frozen=True, slots=True)
class _Inside:
    """An open visit, and the member who pays for it."""

    visit: Visit
    payer_id: UUID


async def _inside(session: AsyncSession, store_id: UUID, member_ids: set[UUID]) -> list[_Inside]:
    rows = await session.execute(_INSIDE, {"members": list(member_ids), "store_id": store_id})
    return [_Inside(visit, payer_id) for payer_id, visit in rows]


async def _is_one_party(
    session: AsyncSession, store_id: UUID, members: set[UUID], inside: Sequence[_Inside], beside: Beside
) -> bool:
    """Whether one of these people pays for all: one alone, or a visit group, with as many others as came in as guests.
    Else these are several people who have nothing to do with each other.
    """
    if len(members) == 1 and not beside:
        return True
    payers = {each.payer_id for each in inside}
    if len(payers) != 1:
        return False
    strangers = sum(each is None for each in beside) + len(members) - len(inside)
    guests = await session.scalar(
        select(func.coalesce(func.sum(Visit.guests), 0)).where(
            Visit.store_id == store_id, Visit.member_id.in_(members | payers), Visit.left_at.is_(None)
        )
    )
    return strangers <= (guests or 0)
