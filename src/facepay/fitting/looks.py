"""A mirror looks at whoever stands before it: a member, once they are surely that, or else a guest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.fitting.requests import topic_of
from facepay.fitting.sessions import FittingSession, SessionNotFound, alone_at, end_session, hold, is_open, open_at
from facepay.identity.decisions import answer, identify
from facepay.identity.passes import ShownPass
from facepay.identity.sighting import Sighting, Unusable
from facepay.identity.step_up import AttemptNotFound
from facepay.identity.verdicts import (
    WORTH_REVIEW,
    DeviceDecision,
    Recognised,
    Ruling,
    Shown,
    TurnedAway,
    Verdict,
    means_of,
    settle,
    turn_away,
)
from facepay.kernel.auth import Principal
from facepay.kernel.database import Base
from facepay.kernel.hub import notify
from facepay.kernel.ids import new_id
from facepay.kernel.passwords import PasswordHasher
from facepay.settings import Settings
from facepay.vision.colours import Appearance, NoAppearance

WELCOME = "welcome"


class MirrorLook(DeviceDecision, Base):
    """One look, or one pass: whose session the mirror's is. A guest's says nothing of them."""

    __tablename__ = "fitting_look"
    __table_args__ = (
        CheckConstraint("decision in ('member', 'guest', 'step_up', 'nobody')", name="decision_known"),
        CheckConstraint("identified_by in ('face', 'pass')", name="identified_by_known"),
        Index("ix_fitting_look_worth_review", "id", postgresql_where=text(WORTH_REVIEW)),
    )

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), index=True)
    session_id: Mapped[UUID | None] = mapped_column(ForeignKey("fitting_session.id"), index=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked(Ruling):
    """`fitting` is the session that is open now, None where nobody was seen."""

    record: MirrorLook
    fitting: FittingSession | None = None
    colours: Appearance | NoAppearance | None = None


async def look(session: AsyncSession, *, device: Principal, shown: Shown, now: datetime, settings: Settings) -> Looked:
    """Open a session for whoever it is; the one before ends, unless it is the same member's. Whoever is asked for more
    is a guest until they give it. Where nobody can be seen, nothing changes.
    """
    await alone_at(session, device.id)
    before = await open_at(session, device.id)
    record = MirrorLook(id=new_id(), device_id=device.id, identified_by=means_of(shown), created_at=now, decided_at=now)
    verdict = await identify(session, record=record, device=device, shown=shown, now=now, settings=settings, alone=True)
    if isinstance(verdict, TurnedAway) and (isinstance(shown, ShownPass) or isinstance(shown.outcome, Unusable)):
        return await _rule(session, record, None, verdict)
    member_id = verdict.member.id if isinstance(verdict, Recognised) else None
    if before is not None and member_id is not None and _goes_on(before, member_id, settings, now):
        fitting = before
        await hold(session, fitting)
        fitting.used_at = now
    else:
        if before is not None:
            await end_session(session, before, now=now)
        fitting = FittingSession(
            id=new_id(), device_id=device.id, store_id=device.store, member_id=member_id, opened_at=now, used_at=now
        )
        session.add(fitting)
    colours = colours_of(shown)
    if isinstance(colours, Appearance):
        fitting.remember(replace(fitting.remembered, appearance=colours))
    await session.flush()
    return replace(await _rule(session, record, fitting, verdict), colours=colours)


async def prove(
    session: AsyncSession,
    *,
    device: Principal,
    look_id: UUID,
    given: str | ShownPass,
    now: datetime,
    settings: Settings,
    hasher: PasswordHasher,
) -> Looked:
    """Check the answer of a guest who was asked who they are. Raises AttemptNotFound, AttemptClosed and
    SessionNotFound where they have left.
    """
    await alone_at(session, device.id)
    record = await session.get(MirrorLook, look_id)
    if record is None or record.device_id != device.id:
        raise AttemptNotFound("No look with this id waits at this mirror.")
    fitting = await open_at(session, device.id)
    if fitting is None or fitting.id != record.session_id or not is_open(fitting, settings=settings, now=now):
        raise SessionNotFound("Whoever was asked has left.")
    verdict = await answer(
        session, record=record, device=device, given=given, now=now, settings=settings, hasher=hasher, alone=True
    )
    await hold(session, fitting)
    fitting.used_at = now
    if isinstance(verdict, Recognised):
        fitting.member_id = verdict.member.id
    return await _rule(session, record, fitting, verdict)


def _goes_on(before: FittingSession, member_id: UUID, settings: Settings, now: datetime) -> bool:
    return before.member_id == member_id and is_open(before, settings=settings, now=now)


def colours_of(shown: Shown) -> Appearance | NoAppearance | None:
    """Of the first frame whose nearest person's colours could be read; otherwise why not."""
    if not isinstance(shown, Sighting):
        return None
    read = [evidence.faces[0].appearance for evidence in shown.evidences if evidence.faces]
    return next((each for each in read if isinstance(each, Appearance)), read[0] if read else None)


async def _rule(session: AsyncSession, record: MirrorLook, fitting: FittingSession | None, verdict: Verdict) -> Looked:
    record.session_id = fitting.id if fitting else None
    await notify(session, topic_of(record.device_id))
    looked = Looked(record=record, fitting=fitting)
    if isinstance(verdict, Recognised):
        return await settle(session, replace(looked, member=verdict.member), "member", WELCOME)
    return await turn_away(session, looked, verdict, "guest" if fitting else "nobody")
