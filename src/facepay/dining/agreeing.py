"""Agreeing at the table to answer for more: by a face, and a second factor where limits ask for it, or as the host."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.checkout.limits import Declined, NeedsStepUp, judge
from facepay.dining.holds import Guarantee, NotHeld, lower, secure
from facepay.dining.items import PartyItem, items_of
from facepay.dining.ordering import party_to_charge
from facepay.dining.parties import Cover, Party, tell
from facepay.dining.tabs import Tab, tab_of
from facepay.families.purses import purse_of
from facepay.identity.decisions import answer, ask, identify
from facepay.identity.passes import ShownPass
from facepay.identity.step_up import AttemptNotFound
from facepay.identity.verdicts import (
    WORTH_REVIEW,
    DeviceDecision,
    Recognised,
    Ruling,
    Shown,
    Verdict,
    means_of,
    settle,
    turn_away,
)
from facepay.kernel.auth import Principal
from facepay.kernel.database import Base
from facepay.kernel.ids import new_id
from facepay.kernel.passwords import PasswordHasher
from facepay.members.members import Member
from facepay.settings import Settings


class Agreement(DeviceDecision, Base):
    """One decision of a table about who answers for up to how much, in minor units; `as_host`, for guests too."""

    __tablename__ = "dining_agreement"
    __table_args__ = (
        CheckConstraint("decision in ('agreed', 'declined', 'step_up')", name="decision_known"),
        CheckConstraint("identified_by in ('face', 'pass')", name="identified_by_known"),
        CheckConstraint("up_to > 0", name="up_to_positive"),
        Index("ix_dining_agreement_worth_review", "id", postgresql_where=text(WORTH_REVIEW)),
    )

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), index=True)
    party_id: Mapped[UUID] = mapped_column(ForeignKey("dining_party.id"), index=True)
    up_to: Mapped[int]
    as_host: Mapped[bool]


@dataclass(frozen=True, slots=True)
class Agreed(Ruling):
    """What the table shows now: the agreement is its record."""

    record: Agreement
    held: int = 0
    over: Declined | NeedsStepUp | None = None


async def agree(
    session: AsyncSession,
    *,
    device: Principal,
    up_to: int,
    as_host: bool,
    shown: Shown,
    now: datetime,
    settings: Settings,
) -> Agreed:
    """Let whoever shows themselves answer for up to so much. Raises TableNotFound and PartyNotFound."""
    party = await party_to_charge(session, device_id=device.id)
    record = Agreement(
        id=new_id(),
        device_id=device.id,
        party_id=party.id,
        up_to=up_to,
        as_host=as_host,
        identified_by=means_of(shown),
        created_at=now,
        decided_at=now,
    )
    verdict = await identify(session, record=record, device=device, shown=shown, now=now, settings=settings, alone=True)
    return await _rule(session, device, record, party, verdict, now, settings)


async def finish_step_up(
    session: AsyncSession,
    *,
    device: Principal,
    agreement_id: UUID,
    given: str | ShownPass,
    now: datetime,
    settings: Settings,
    hasher: PasswordHasher,
) -> Agreed:
    """Check an answer. Raises AttemptNotFound, AttemptClosed, TableNotFound and PartyNotFound."""
    record = await session.get(Agreement, agreement_id)
    if record is None or record.device_id != device.id:
        raise AttemptNotFound("No agreement with this id waits at this table.")
    party = await party_to_charge(session, device_id=device.id)
    if party.id != record.party_id:
        raise AttemptNotFound("The party that it was for has left this table.")
    verdict = await answer(
        session, record=record, device=device, given=given, now=now, settings=settings, hasher=hasher, alone=True
    )
    return await _rule(session, device, record, party, verdict, now, settings)


async def _rule(
    session: AsyncSession,
    device: Principal,
    record: Agreement,
    party: Party,
    verdict: Verdict,
    now: datetime,
    settings: Settings,
) -> Agreed:
    if not isinstance(verdict, Recognised):
        return await turn_away(session, Agreed(record), verdict, "declined")
    member = verdict.member
    purse = await purse_of(session, member=member)
    over = await judge(
        session, member=purse.payer, store_id=party.store_id, amount=record.up_to, now=now, settings=settings
    )
    if isinstance(over, Declined):
        return await settle(session, Agreed(record, member, over=over), "declined", over.code)
    if over is not None and not verdict.proven:
        asked = await ask(session, record, device, over.code, (member.id,), now=now, settings=settings)
        return await turn_away(session, Agreed(record, member, over=over), asked, "declined")
    return await _agree(session, record, party, member, purse.payer.id, now, settings)


async def _agree(
    session: AsyncSession,
    record: Agreement,
    party: Party,
    member: Member,
    payer_id: UUID,
    now: datetime,
    settings: Settings,
) -> Agreed:
    """What a new host can't answer for leaves the one before."""
    tab = await tab_of(session, party=party)
    own = next((each for each in tab.present if each.member_id == member.id), None)
    if own is None:
        return await settle(session, Agreed(record, member), "declined", "not_of_party")
    guarantee = await session.get(Guarantee, own.id, with_for_update=True)
    if guarantee is None:
        guarantee = Guarantee(cover_id=own.id, payer_id=payer_id, currency=tab.currency, held=0)
        session.add(guarantee)
    guarantee.agreed_max = record.up_to
    before = party.host_cover_id
    taken = await _take_over(session, tab, own) if record.as_host else []
    held = await _answer_for(session, party, own, now, settings)
    if isinstance(held, NotHeld):
        party.host_cover_id = before
        for item, answering_id in taken:
            item.answering_id = answering_id
        return await settle(session, Agreed(record, member, over=held.over), "declined", held.code)
    await lower(session, party=party, now=now)
    await tell(session, party)
    return await settle(session, Agreed(record, member, held=held), "agreed", "agreed")


async def _take_over(session: AsyncSession, tab: Tab, own: Cover) -> list[tuple[PartyItem, UUID | None]]:
    """Everything that isn't of a member's seat; and who had answered for it."""
    guests = {each.id for each in tab.covers if each.member_id is None}
    tab.party.host_cover_id = own.id
    taken = list[tuple[PartyItem, UUID | None]]()
    for item in await items_of(session, party_id=tab.party.id):
        if item.cover_id is None or item.cover_id in guests:
            taken.append((item, item.answering_id))
            item.answering_id = own.id
    return taken


async def _answer_for(
    session: AsyncSession, party: Party, own: Cover, now: datetime, settings: Settings
) -> int | NotHeld:
    """What is held then: nothing, where there is nothing yet to answer for."""
    await session.flush()
    tab = await tab_of(session, party=party)
    if not tab.answered_by(own):
        return 0
    held = await secure(session, tab=tab, cover=own, now=now, settings=settings)
    return held if isinstance(held, NotHeld) else held.amount
