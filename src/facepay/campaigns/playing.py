"""Playing: a recognised member smiles at a device, and what that reaches becomes a coupon of their own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.campaigns.campaigns import Campaign, Step, running_in
from facepay.campaigns.smiling import HINTS, SmileFault, judge_smile
from facepay.identity.decisions import answer, identify
from facepay.identity.passes import ShownPass
from facepay.identity.sighting import Advice, Sighting
from facepay.identity.step_up import AttemptNotFound
from facepay.identity.verdicts import DeviceDecision, Recognised, Ruling, TurnedAway, Verdict, settle, turn_away
from facepay.kernel.auth import Principal
from facepay.kernel.clock import day_start
from facepay.kernel.database import Base
from facepay.kernel.ids import new_id
from facepay.kernel.passwords import PasswordHasher
from facepay.members.members import Member
from facepay.presentation.examination import SWAP_FMR
from facepay.rewards.coupons import Coupon
from facepay.rewards.reserves import reserve
from facepay.settings import Settings
from facepay.stores.stores import get_store

# Another try may do.
WORTH_A_RETRY = frozenset({"no_face", "low_quality", "faces_disagree"})


class SmilePlay(DeviceDecision, Base):
    """One decision on a smile."""

    __tablename__ = "smile_play"
    __table_args__ = (
        CheckConstraint("decision in ('won', 'retry', 'declined', 'step_up')", name="decision_known"),
        CheckConstraint("identified_by = 'face'", name="identified_by_known"),
        CheckConstraint("(decision = 'won') = (coupon_id is not null)", name="won_has_coupon"),
        Index("ix_smile_play_store_id_id", "store_id", "id"),
    )

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), index=True)
    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    wanted_id: Mapped[UUID | None]  # the campaign that the device named
    campaign_id: Mapped[UUID | None] = mapped_column(ForeignKey("campaign.id"))
    strength: Mapped[float | None]  # 0 to 1
    neutral: Mapped[float | None]
    coupon_id: Mapped[UUID | None] = mapped_column(ForeignKey("coupon.id"), unique=True)


@dataclass(frozen=True, slots=True)
class PlayDecision(Ruling):
    """What the device shows now; the play is its record. `step` was reached, `next_step` is the one beyond it."""

    record: SmilePlay
    campaign: Campaign | None = None
    step: Step | None = None
    next_step: Step | None = None
    coupon: Coupon | None = None


async def play(
    session: AsyncSession,
    *,
    device: Principal,
    sighting: Sighting,
    campaign_id: UUID | None,
    now: datetime,
    settings: Settings,
) -> PlayDecision:
    """Judge the burst and who it shows; a win is reserved in the same transaction."""
    played = SmilePlay(
        id=new_id(),
        device_id=device.id,
        store_id=device.store,
        wanted_id=campaign_id,
        identified_by="face",
        created_at=now,
        decided_at=now,
    )
    smile = judge_smile(
        [evidence.faces[0] if evidence.faces else None for evidence in sighting.evidences],
        same_person_cosine_min=sighting.calibration.similarity_at(SWAP_FMR),
    )
    verdict = await identify(
        session, record=played, device=device, shown=sighting, now=now, settings=settings, alone=True
    )
    if isinstance(verdict, TurnedAway):  # nothing is kept of how strangers smile
        return await _act(session, played, verdict, now)
    if isinstance(smile, SmileFault):
        member = verdict.member if isinstance(verdict, Recognised) else None
        advice = (Advice(smile.code, smile.hint),)
        return await settle(session, PlayDecision(played, member, advice=advice), "retry", smile.code)
    played.strength, played.neutral = smile.strength, smile.neutral
    return await _act(session, played, verdict, now)


async def finish_step_up(
    session: AsyncSession,
    *,
    device: Principal,
    play_id: UUID,
    given: str | ShownPass,
    now: datetime,
    settings: Settings,
    hasher: PasswordHasher,
) -> PlayDecision:
    """Check an answer; the right one wins what the smile did. Raises AttemptNotFound and AttemptClosed."""
    played = await session.get(SmilePlay, play_id)
    # Who hasn't smiled is told so, however sure it is who they are: there is nothing to be won by an answer.
    if played is None or played.device_id != device.id or played.strength is None:
        raise AttemptNotFound("No smile with this id waits at this device.")
    verdict = await answer(
        session, record=played, device=device, given=given, now=now, settings=settings, hasher=hasher, alone=True
    )
    return await _act(session, played, verdict, now)


async def _act(session: AsyncSession, played: SmilePlay, verdict: Verdict, now: datetime) -> PlayDecision:
    if isinstance(verdict, Recognised):
        return await reward(session, played, verdict.member, now)
    refusal = "retry" if verdict.code in WORTH_A_RETRY else "declined"
    return await turn_away(session, PlayDecision(played), verdict, refusal)


async def reward(session: AsyncSession, played: SmilePlay, member: Member, now: datetime) -> PlayDecision:
    """What the smile of this member, whose row is locked, reaches in the first campaign that they may still win in."""
    assert played.strength is not None, "who did not smile was told so"
    if not member.is_active:
        return await settle(session, PlayDecision(played, member), "declined", "member_blocked")
    running = await running_in(session, store_id=played.store_id, now=now, lock=True)
    open_to_them = [each for each in running if played.wanted_id in (None, each.id)]
    if not open_to_them:
        return await settle(session, PlayDecision(played, member), "declined", "no_campaign")
    campaign, refused = await _with_room(session, open_to_them, played, member, now)
    played.campaign_id = campaign.id
    if refused:
        return await settle(session, PlayDecision(played, member, campaign=campaign), "declined", refused)
    step, beyond = campaign.step_for(played.strength), campaign.step_after(played.strength)
    reached = PlayDecision(played, member, campaign=campaign, step=step, next_step=beyond)
    if step is None:
        advice = (Advice("no_smile", HINTS["no_smile"]),)
        return await settle(session, replace(reached, advice=advice), "retry", "no_smile")
    coupon = await _win(session, campaign, step, played, member, now)
    if coupon is None:
        return await settle(session, reached, "declined", "budget_spent")
    played.coupon_id = coupon.id
    return await settle(session, replace(reached, coupon=coupon), "won", "won")


async def _with_room(
    session: AsyncSession, campaigns: list[Campaign], played: SmilePlay, member: Member, now: datetime
) -> tuple[Campaign, str | None]:
    """The first in which the member may win once more; or the first of all, and why not there."""
    store = await get_store(session, played.store_id)
    today = day_start(now, time_zone=store.timezone)
    rows = await session.execute(
        select(Coupon.campaign_id, func.count(), func.count().filter(Coupon.created_at >= today))
        .where(Coupon.member_id == member.id, Coupon.campaign_id.in_([each.id for each in campaigns]))
        .group_by(Coupon.campaign_id)
    )
    won = {campaign_id: (ever, of_today) for campaign_id, ever, of_today in rows}

    def refusal(campaign: Campaign) -> str | None:
        ever, of_today = won.get(campaign.id, (0, 0))
        if ever >= campaign.per_member_max:
            return "already_won"
        return "already_won_today" if of_today >= campaign.per_member_per_day_max else None

    refusals = [(each, refusal(each)) for each in campaigns]
    return next((each for each in refusals if each[1] is None), refusals[0])


async def _win(
    session: AsyncSession, campaign: Campaign, step: Step, played: SmilePlay, member: Member, now: datetime
) -> Coupon | None:
    """A coupon of the member's own, paid for by what it reserves of the budget; None where that is spent."""
    coupon_id, ends_at = new_id(), now + timedelta(minutes=campaign.lasts_minutes)
    reserved = await reserve(
        session,
        coupon_id=coupon_id,
        campaign_id=campaign.id,
        amount_max=step.amount_max,
        unit=campaign.currency,
        actor=f"device:{played.device_id}",
        now=now,
        ends_at=ends_at,
    )
    if reserved is None:
        return None
    coupon = Coupon(
        id=coupon_id,
        code=f"SMILE-{coupon_id.hex.upper()}",
        label=campaign.name,
        currency=campaign.currency,
        basis_points=step.basis_points,
        amount=step.amount,
        budget=reserved.amount,
        starts_at=now,
        ends_at=ends_at,
        per_member_max=1,
        min_basket=campaign.min_basket,
        store_ids=campaign.store_ids,
        skus=campaign.skus,
        categories=campaign.categories,
        stacks_with_tier=campaign.stacks_with_tier,
        stacks_with_coupons=campaign.stacks_with_coupons,
        active=True,
        created_at=now,
        member_id=member.id,
        campaign_id=campaign.id,
        hold_id=reserved.reserve.hold_id,
    )
    session.add(coupon)
    await session.flush()
    return coupon
