"""The conversation of a lane: what each thing that is posted to a passage changes.

Frames and tags come in any order. As soon as payer and goods are both known the money is held, and held anew when
either changes; so the decision, when the lane asks for it, waits for nothing. Whatever is posted while the exit is held
is followed by another try.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.checkout.orders import get_order
from facepay.checkout.pricing import PricedBasket
from facepay.identity.passes import ShownPass
from facepay.identity.sighting import Sighting
from facepay.identity.verdicts import Shown
from facepay.kernel.auth import Principal
from facepay.kernel.errors import Conflict
from facepay.kernel.passwords import PasswordHasher
from facepay.lanes.bills import Step
from facepay.lanes.deciding import PassageDecision, decide, go_on
from facepay.lanes.goods import bounded, goods_in, note_reads
from facepay.lanes.passages import ReadsMissing, close, code_of_abandoned
from facepay.lanes.payers import Beside, candidates_asked, look, members_shown, show, step_up
from facepay.lanes.reads import TagRead
from facepay.lanes.taking_up import find_passage, must_go_on, take_up
from facepay.members.members import get_member
from facepay.settings import Settings


class PassageNotHeld(Conflict):
    """A kiosk finishes what a lane has held."""

    code = "passage_not_held"
    title = "Passage not held"


async def take_frames(
    session: AsyncSession,
    *,
    lane: Principal,
    passage_id: UUID,
    sighting: Sighting,
    beside: Beside,
    now: datetime,
    settings: Settings,
) -> PassageDecision:
    """Raises PassageNotFound and PassageOver."""
    step = await _begin(session, passage_id, lane, now, settings, members_shown(sighting))
    verdict = await look(
        session, passage=step.passage, device=lane, sighting=sighting, beside=beside, now=now, settings=settings
    )
    return await go_on(session, step, verdict)


async def take_pass(
    session: AsyncSession,
    *,
    lane: Principal,
    passage_id: UUID,
    shown: ShownPass,
    now: datetime,
    settings: Settings,
) -> PassageDecision:
    """Whoever's pass it is pays, for themselves and whoever they are seen with. Raises as `take_frames`."""
    step = await _begin(session, passage_id, lane, now, settings)
    verdict = await show(session, passage=step.passage, device=lane, shown=shown, now=now, settings=settings)
    return await go_on(session, step, verdict)


async def take_reads(
    session: AsyncSession,
    *,
    lane: Principal,
    passage_id: UUID,
    sequence: int,
    reads: Collection[TagRead],
    now: datetime,
    settings: Settings,
) -> PassageDecision:
    """Part number `sequence` of what the portal read. Raises as `take_frames`."""
    step = await _begin(session, passage_id, lane, now, settings)
    step.passage.parts = sorted({*step.passage.parts, sequence})
    await note_reads(session, passage=step.passage, reads=reads)
    return await go_on(session, step)


async def take_answer(
    session: AsyncSession,
    *,
    device: Principal,
    passage_id: UUID,
    given: str | ShownPass,
    now: datetime,
    settings: Settings,
    hasher: PasswordHasher,
) -> PassageDecision:
    """At the lane or the kiosk that asked. Raises as `take_frames`, and AttemptNotFound and AttemptClosed."""
    also = await candidates_asked(session, passage_id=passage_id)
    step = await _begin(session, passage_id, device, now, settings, also)
    verdict = await step_up(
        session, passage=step.passage, device=device, given=given, now=now, settings=settings, hasher=hasher
    )
    return await go_on(session, step, verdict)


async def finish(
    session: AsyncSession,
    *,
    lane: Principal,
    passage_id: UUID,
    parts: int,
    finished_at: datetime | None,
    now: datetime,
    settings: Settings,
) -> PassageDecision:
    """Decide; again where the exit is held, and never once it is over: then the answer is the one that there was.

    `parts` is how many parts of reads there were, `finished_at` by the lane's own clock. Raises PassageNotFound and
    ReadsMissing.
    """
    found = await take_up(session, passage_id=passage_id, device=lane, now=now)
    passage = found.passage
    if passage.ended_at is None and passage.is_over(now):
        await close(session, passage=passage, code=code_of_abandoned(passage), now=now)
    if passage.ended_at is not None:
        return await see(session, device=lane, passage_id=passage_id, now=now, settings=settings)
    missing = sorted(set(range(1, parts + 1)) - set(passage.parts))
    if missing and not found.door.released:
        raise ReadsMissing("Some parts of the reads haven't come.", missing=missing)
    return await decide(session, Step(found, lane, now, settings), finished_at=finished_at)


async def finish_at_kiosk(
    session: AsyncSession,
    *,
    kiosk: Principal,
    passage_id: UUID,
    shown: Shown,
    named: Mapping[str, int],
    left_behind: Collection[str],
    now: datetime,
    settings: Settings,
) -> PassageDecision:
    """The same goods, paid by whoever is shown to a kiosk of the same store; `named` are pieces by sku in place of
    unknown tags, and `left_behind` tags that were put down. Raises as `take_frames`, PassageNotHeld and TooManyTags.
    """
    step = await _begin(session, passage_id, kiosk, now, settings, members_shown(shown))
    passage = step.passage
    if passage.decision != "hold":
        raise PassageNotHeld("The lane hasn't held this passage.", decision=passage.decision)
    passage.authenticated("processing", "processing")  # whoever the lane knew has to be shown here, too
    passage.at_kiosk, passage.named = True, dict(named)
    passage.left_behind = bounded({*passage.left_behind, *(epc.upper() for epc in left_behind)})
    verdict = await show(session, passage=passage, device=kiosk, shown=shown, now=now, settings=settings)
    return await go_on(session, step, verdict)


async def give_up(
    session: AsyncSession, *, lane: Principal, passage_id: UUID, now: datetime, settings: Settings
) -> PassageDecision:
    """Whoever was in the lane went back in: nothing is charged. Raises PassageNotFound and PassageOver."""
    found = await take_up(session, passage_id=passage_id, device=lane, now=now)
    must_go_on(found.passage, now)
    await close(session, passage=found.passage, code="gave_up", now=now)
    return await see(session, device=lane, passage_id=passage_id, now=now, settings=settings)


async def see(
    session: AsyncSession, *, device: Principal, passage_id: UUID, now: datetime, settings: Settings
) -> PassageDecision:
    """How it stands; nothing changes. Raises PassageNotFound."""
    found = await find_passage(session, passage_id=passage_id, device=device)
    passage, number = found.passage, found.door.command_number
    session.expunge(passage)
    passage.miss_face(now)
    member = await get_member(session, passage.member_id) if passage.member_id else None
    if passage.order_id is not None:
        order = await get_order(session, passage.order_id)
        return PassageDecision(passage, member, order=order, command_number=number)
    goods = await goods_in(session, passage=passage, policy=found.policy, settings=settings)
    priced = goods.priced(passage.currency) if goods.quantities and passage.ended_at is None else None
    return PassageDecision(
        passage,
        member,
        goods=goods,
        priced=priced if isinstance(priced, PricedBasket) else None,
        money="authorised" if passage.hold_id else None,
        command_number=number,
    )


async def _begin(
    session: AsyncSession,
    passage_id: UUID,
    device: Principal,
    now: datetime,
    settings: Settings,
    also: Collection[UUID] = (),
) -> Step:
    found = await take_up(session, passage_id=passage_id, device=device, now=now, also=also)
    must_go_on(found.passage, now)
    return Step(found, device, now, settings)
