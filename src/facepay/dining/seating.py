"""Sitting down: who is where at a table, one face at a time. Whoever isn't surely a member sits there as a guest.

Of a guest's face nothing stays but that somebody was seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.dining.parties import Cover, Party, covers_of, open_party, party_at, refuse_while_paying, tell
from facepay.dining.seatings import Seating
from facepay.dining.tables import DiningTable, table_at
from facepay.identity.decisions import answer, identify
from facepay.identity.passes import ShownPass
from facepay.identity.policy import Ambiguous, Match, Uncertain
from facepay.identity.sighting import Advice, Sighting, candidates_of
from facepay.identity.step_up import AttemptNotFound
from facepay.identity.verdicts import Recognised, Ruling, Shown, TurnedAway, Verdict, means_of, settle, turn_away
from facepay.kernel.auth import PresentationCheck, Principal
from facepay.kernel.errors import Problem
from facepay.kernel.ids import new_id
from facepay.kernel.passwords import PasswordHasher
from facepay.members.members import holding
from facepay.presentation.examination import examine
from facepay.settings import Settings

WELCOME = "welcome"


class NoSuchSeat(Problem):
    """The table has fewer seats."""

    status = 422
    code = "no_such_seat"
    title = "No such seat"


@dataclass(frozen=True, slots=True)
class Placed:
    """A face of the picture, and the table's seat whose region it is in, counted from 1."""

    seat: int
    sighting: Sighting


@dataclass(frozen=True, slots=True, kw_only=True)
class Seated(Ruling):
    """What came of one of them: the seating is its record."""

    record: Seating
    cover: Cover
    sighting: Sighting | None = None


async def sit_down(
    session: AsyncSession, *, device: Principal, placed: Sequence[Placed], now: datetime, settings: Settings
) -> tuple[Party | None, list[Seated]]:
    """Everybody at a seat, the nearest first; the party is the one that sits there, or a new one.

    Of two at one seat the nearer has it. Raises TableNotFound and PartyPaying.
    """
    table = await table_at(session, device_id=device.id, lock=True)
    at_seats: dict[int, Placed] = {}
    for each in placed:
        if each.seat <= table.seats:
            at_seats.setdefault(each.seat, each)
    if not at_seats:
        return None, []
    party = await open_party(session, table=table, now=now)
    sightings = [each.sighting for each in at_seats.values()]
    attack = await _replayed(session, device, sightings, now, settings)
    await session.execute(holding(_named(sightings)))
    checked = replace(device, presentation_checks=device.presentation_checks - {PresentationCheck.REPLAY})
    seated = []
    for seat, sighting in zip(at_seats, sightings, strict=True):
        decided = await _decide(session, checked, party, table.seat_offset + seat, sighting, now, settings, attack)
        seated.append(replace(decided, sighting=sighting))
    await _name_host(session, party)
    return party, seated


async def sit_down_by_pass(
    session: AsyncSession, *, device: Principal, seat: int, shown: ShownPass, now: datetime, settings: Settings
) -> tuple[Party, Seated]:
    """For whoever shows no face. Raises TableNotFound, NoSuchSeat and PartyPaying."""
    table, party = await _at_seat(session, device, seat, now)
    seated = await _decide(session, device, party, table.seat_offset + seat, shown, now, settings)
    await _name_host(session, party)
    return party, seated


async def sit_down_as_guest(session: AsyncSession, *, device: Principal, seat: int, now: datetime) -> Party:
    """For whoever wants no camera to look. Raises TableNotFound, NoSuchSeat and PartyPaying."""
    table, party = await _at_seat(session, device, seat, now)
    await _cover_at(session, party, table.seat_offset + seat, now)
    await _name_host(session, party)
    return party


async def prove(
    session: AsyncSession,
    *,
    device: Principal,
    seating_id: UUID,
    given: str | ShownPass,
    now: datetime,
    settings: Settings,
    hasher: PasswordHasher,
) -> Seated:
    """Check the answer of somebody who was asked. Raises AttemptNotFound, AttemptClosed,
    PartyNotFound and PartyPaying.
    """
    record = await session.get(Seating, seating_id)
    if record is None or record.device_id != device.id:
        raise AttemptNotFound("No seating with this id waits at this table.")
    party = await party_at(session, table=await table_at(session, device_id=device.id), lock=True)
    refuse_while_paying(party)
    cover = await session.get_one(Cover, record.cover_id)
    if cover.party_id != party.id or cover.left_at is not None:
        raise AttemptNotFound("Whoever was asked has left.")
    verdict = await answer(
        session, record=record, device=device, given=given, now=now, settings=settings, hasher=hasher, alone=True
    )
    seated = await _rule(session, record, cover, verdict)
    await _name_host(session, party)
    return seated


async def _at_seat(session: AsyncSession, device: Principal, seat: int, now: datetime) -> tuple[DiningTable, Party]:
    table = await table_at(session, device_id=device.id, lock=True)
    if seat > table.seats:
        raise NoSuchSeat("The table has fewer seats.", seats=table.seats)
    return table, await open_party(session, table=table, now=now)


async def _decide(
    session: AsyncSession,
    device: Principal,
    party: Party,
    seat: int,
    shown: Shown,
    now: datetime,
    settings: Settings,
    attack: TurnedAway | None = None,
) -> Seated:
    cover = await _cover_at(session, party, seat, now)
    record = Seating(
        id=new_id(),
        device_id=device.id,
        cover_id=cover.id,
        identified_by=means_of(shown),
        created_at=now,
        decided_at=now,
    )
    verdict = attack or await identify(
        session, record=record, device=device, shown=shown, now=now, settings=settings, alone=True
    )
    return await _rule(session, record, cover, verdict)


async def _rule(session: AsyncSession, record: Seating, cover: Cover, verdict: Verdict) -> Seated:
    """What follows for the seat; whoever isn't recognised, or sits somewhere already, is a guest there."""
    seated = Seated(record=record, cover=cover)
    if not isinstance(verdict, Recognised):
        return await turn_away(session, seated, verdict, "guest")
    code = await _take_seat(session, cover, verdict.member.id)
    seated = replace(seated, member=verdict.member)
    return await settle(session, seated, "member" if code == WELCOME else "guest", code)


async def _take_seat(session: AsyncSession, cover: Cover, member_id: UUID) -> str:
    """The member's row is locked, so that nobody sits down twice at once."""
    elsewhere = await session.scalar(select(Cover).where(Cover.member_id == member_id, Cover.left_at.is_(None)))
    if elsewhere is not None and elsewhere.id != cover.id:
        return "already_seated" if elsewhere.party_id == cover.party_id else "seated_elsewhere"
    if cover.member_id not in (None, member_id):
        return "seat_taken"
    cover.member_id = member_id
    await session.flush()
    return WELCOME


async def _cover_at(session: AsyncSession, party: Party, seat: int, now: datetime) -> Cover:
    """Whoever sits there, or a new guest."""
    sits = select(Cover).where(Cover.party_id == party.id, Cover.seat == seat, Cover.left_at.is_(None))
    cover = await session.scalar(sits)
    if cover is None:
        cover = Cover(id=new_id(), party_id=party.id, seat=seat, seated_at=now)
        session.add(cover)
        await session.flush()
    return cover


async def _name_host(session: AsyncSession, party: Party) -> None:
    """The first member is the host, where staff haven't named another; while there is none, the first guest."""
    covers = await covers_of(session, party_id=party.id)
    host = next((cover for cover in covers if cover.id == party.host_cover_id), None)
    if host is None or host.member_id is None:
        party.host_cover_id = min(covers, key=lambda cover: (cover.member_id is None, cover.seat)).id
    await session.flush()
    await tell(session, party)


async def _replayed(
    session: AsyncSession, device: Principal, sightings: Sequence[Sighting], now: datetime, settings: Settings
) -> TurnedAway | None:
    """All of them are in the same frames, which are looked up, and remembered, once."""
    if PresentationCheck.REPLAY not in device.presentation_checks:
        return None
    frames = {id(evidence.fingerprint): evidence for each in sightings for evidence in each.evidences}
    attack = await examine(
        session,
        device=replace(device, presentation_checks=frozenset({PresentationCheck.REPLAY})),
        evidences=list(frames.values()),
        challenge_id=None,
        now=now,
        settings=settings,
        calibration=sightings[0].calibration,
    )
    return None if attack is None else TurnedAway(attack.code, (Advice(attack.code, attack.hint),))


def _named(sightings: Sequence[Sighting]) -> set[UUID]:
    """Whom they may be."""
    named = set[UUID]()
    for sighting in sightings:
        match sighting.outcome:
            case Match(member_id):
                named.add(member_id)
            case Ambiguous() | Uncertain():
                named.update(candidates_of(sighting.outcome))
    return named
