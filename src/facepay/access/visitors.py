"""Visitors: a host's invitation, which expires, and what becomes of it at the desk.

Until it is redeemed, an invitation opens nothing: somebody looks at who came with it first. Then the visitor is a
member and a holder until the invitation's end. With their consent, their face is enrolled as anybody's; without, the
invitation is what they show at doors.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.access.holders import (
    Holder,
    HolderExists,
    HolderNotFound,
    Validity,
    add_holder,
    change_holder,
    validity_fault,
)
from facepay.access.issuing import issue_invitation
from facepay.access.profiles import HolderProfile, ProfileNotFound, get_profile, give_profile
from facepay.access_log.log import NewEvent, Person, write
from facepay.kernel.database import Base, Database, Identified
from facepay.kernel.errors import Conflict, NotFound, Problem
from facepay.kernel.secrets import hash_of_token
from facepay.members.consents import standing_consent
from facepay.members.members import get_member, register
from facepay.stores.stores import get_open_store

TOKEN_BYTES = 32
LASTS_MAX = timedelta(days=90)
AHEAD_MAX = timedelta(days=365)
KEPT_FOR = timedelta(days=7)


class Invitation(Identified, Base):
    """Of somebody who isn't known yet. Redeemed, it is a holder and a credential of theirs."""

    __tablename__ = "invitation"
    __table_args__ = (
        CheckConstraint("valid_until > valid_from", name="ends_after_it_begins"),
        CheckConstraint("(redeemed_at is null) = (redeemed_by is null)", name="redeemed_whole"),
        CheckConstraint("(withdrawn_at is null) = (withdrawn_by is null)", name="withdrawn_whole"),
        CheckConstraint("redeemed_at is null or withdrawn_at is null", name="redeemed_or_withdrawn"),
        Index("ix_invitation_store_id_id", "store_id", "id"),
        Index("ix_invitation_valid_until", "valid_until"),
    )

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    host_id: Mapped[UUID | None] = mapped_column(ForeignKey("access_holder.id", ondelete="set null"), index=True)
    profile_id: Mapped[UUID] = mapped_column(ForeignKey("access_profile.id"))
    visitor_name: Mapped[str] = mapped_column(String(200))
    company: Mapped[str | None] = mapped_column(String(200))
    escort_required: Mapped[bool]
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime]
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    invited_by: Mapped[str] = mapped_column(String(80))
    redeemed_at: Mapped[datetime | None]
    redeemed_by: Mapped[str | None] = mapped_column(String(80))
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str | None] = mapped_column(String(80))
    holder_id: Mapped[UUID | None] = mapped_column(ForeignKey("access_holder.id", ondelete="cascade"), index=True)
    created_at: Mapped[datetime]


class InvitationNotFound(NotFound):
    """There is no such invitation."""

    code = "invitation_not_found"
    title = "No such invitation"


class InvitationOver(Conflict):
    """The invitation was redeemed or withdrawn, has expired, or its host may not pass doors any more."""

    code = "invitation_over"
    title = "Invitation over"


class InvitationUnclear(Problem):
    """An invitation ends after it begins, in the future, within 90 days, and begins within a year."""

    status = 422
    code = "invitation_unclear"
    title = "Invitation unclear"


async def invite(
    session: AsyncSession, *, store_id: UUID, host_id: UUID, fields: Mapping[str, Any], actor: str, now: datetime
) -> tuple[Invitation, str]:
    """The invitation, and its token, which can't be read again. `fields` are its columns. Raises StoreNotFound,
    StoreClosed, HolderNotFound for a host who may not pass doors themselves, ProfileNotFound and InvitationUnclear.
    """
    store = await get_open_store(session, store_id)
    token = base64.b32encode(secrets.token_bytes(TOKEN_BYTES)).decode().rstrip("=")
    hashed = {"host_id": host_id, "token_hash": hash_of_token(token)}
    invitation = Invitation(store_id=store.id, invited_by=actor, created_at=now, **hashed | dict(fields))
    start, end = invitation.valid_from, invitation.valid_until
    if not (start < end <= start + LASTS_MAX and now < end and start <= now + AHEAD_MAX):
        raise InvitationUnclear("It ends after it begins, in the future, within 90 days, and begins within a year.")
    if (await get_profile(session, invitation.profile_id)).store_id != store.id:
        raise ProfileNotFound("There is no access profile with this id in this store.")
    host = await _host(session, invitation, now)
    if host is None:
        raise HolderNotFound("There is no employee with this id who could be the host.")
    session.add(invitation)
    await session.flush()
    await _note(session, invitation, host, "visitor_invited", actor, now)
    return invitation, token


async def redeem(
    session: AsyncSession, *, store_id: UUID, token: str, member_id: UUID | None, actor: str, now: datetime
) -> Holder:
    """The visitor is here: as a new member, or as the one they are already. Raises InvitationNotFound, InvitationOver,
    MemberNotFound, and HolderExists for a member who is an employee or a contractor.
    """
    theirs = select(Invitation).where(Invitation.token_hash == hash_of_token(token), Invitation.store_id == store_id)
    invitation = await session.scalar(theirs)
    if invitation is None:
        raise InvitationNotFound("There is no such invitation in this store.")
    if member_id is None:
        member = await register(session, display_name=invitation.visitor_name, phone=None, now=now)
    else:
        member = await get_member(session, member_id, lock=True)
    host = await _host(session, invitation, now)
    invitation = (await session.scalars(theirs.with_for_update(), execution_options={"populate_existing": True})).one()
    if host is None or invitation.redeemed_at or invitation.withdrawn_at or now >= invitation.valid_until:
        raise InvitationOver("This invitation is over, or was used.")
    holder = await _as_visitor(session, invitation, host, member.id, actor, now)
    given = await session.get(HolderProfile, (holder.id, invitation.profile_id))
    passes = _joined(given, invitation, now)
    await give_profile(
        session, holder_id=holder.id, profile_id=invitation.profile_id, validity=passes, actor=actor, now=now
    )
    validity = Validity(invitation.valid_from, invitation.valid_until)
    await issue_invitation(
        session, holder=holder, hashed_token=invitation.token_hash, validity=validity, actor=actor, now=now
    )
    invitation.redeemed_at, invitation.redeemed_by, invitation.holder_id = now, actor, holder.id
    await session.flush()
    await _note(session, invitation, holder, "invitation_redeemed", actor, now)
    return holder


async def withdraw(session: AsyncSession, *, invitation_id: UUID, actor: str, now: datetime) -> Invitation:
    """It can't be redeemed any more. Raises InvitationNotFound, and InvitationOver where it was."""
    invitation = await get_invitation(session, invitation_id, lock=True)
    if invitation.redeemed_at is not None:
        raise InvitationOver("This invitation was redeemed: block the visitor instead.")
    if invitation.withdrawn_at is None:
        invitation.withdrawn_at, invitation.withdrawn_by = now, actor
        await session.flush()
        await _note(session, invitation, None, "invitation_withdrawn", actor, now)
    return invitation


async def get_invitation(session: AsyncSession, invitation_id: UUID, *, lock: bool = False) -> Invitation:
    """Raises InvitationNotFound."""
    invitation = await session.get(Invitation, invitation_id, with_for_update=lock or None)
    if invitation is None:
        raise InvitationNotFound("There is no invitation with this id.")
    return invitation


async def forget_invitations(database: Database, *, now: datetime) -> None:
    """Drop those that ended, or were withdrawn, a week ago: whoever never came is nobody's business, and of the others
    the log tells.
    """
    over = or_(Invitation.valid_until < now - KEPT_FOR, Invitation.withdrawn_at < now - KEPT_FOR)
    async with database.begin() as session:
        await session.execute(delete(Invitation).where(over))


async def _host(session: AsyncSession, invitation: Invitation, now: datetime) -> Holder | None:
    """Held against being erased; None where they aren't there, or may not pass doors themselves."""
    host = select(Holder).where(Holder.id == invitation.host_id, Holder.kind == "employee")
    found = await session.scalar(host.with_for_update(read=True, key_share=True))
    return found if found is not None and found.fault(now) is None else None


async def _as_visitor(
    session: AsyncSession, invitation: Invitation, host: Holder, member_id: UUID, actor: str, now: datetime
) -> Holder:
    terms = {
        "company": invitation.company,
        "valid_from": invitation.valid_from,
        "valid_until": invitation.valid_until,
        "escort_required": invitation.escort_required,
        "host_id": host.id,
    }
    known = await session.scalar(select(Holder).where(Holder.member_id == member_id))
    if known is None:
        # Whoever agreed to it before did so as a customer.
        face_ends = await standing_consent(session, member_id=member_id) is None
        fields = terms | {
            "kind": "visitor",
            "may_escort": False,
            "anti_passback_exempt": False,
            "face_ends": face_ends,
        }
        return await add_holder(
            session, store_id=invitation.store_id, member_id=member_id, fields=fields, actor=actor, now=now
        )
    if known.kind != "visitor" or known.blocked_at is not None:
        raise HolderExists("This member is an employee, a contractor, or a visitor who is blocked.")
    window = _joined(known, invitation, now)
    if known.fault(now) is None:
        terms["escort_required"] = known.escort_required or invitation.escort_required
    changes = terms | {"valid_from": window.valid_from, "valid_until": window.valid_until}
    return await change_holder(session, holder_id=known.id, changes=changes, actor=actor, now=now)


def _joined(before: Holder | HolderProfile | None, asked: Invitation, now: datetime) -> Validity:
    """Of two invitations at once neither cuts the other short. One that is over, hasn't begun, or ends before the other
    begins gives way.
    """
    start, end = asked.valid_from, asked.valid_until
    if before is None or validity_fault("before", before.valid_from, before.valid_until, now):
        return Validity(start, end)
    if before.valid_until is None:
        return Validity(before.valid_from, None)
    if start > before.valid_until:
        return Validity(start, end)
    return Validity(before.valid_from and min(before.valid_from, start), max(before.valid_until, end))


async def _note(
    session: AsyncSession, invitation: Invitation, holder: Holder | None, code: str, actor: str, now: datetime
) -> None:
    event = NewEvent(
        kind="credential",
        store_id=invitation.store_id,
        code=code,
        actor=actor,
        persons=[Person(holder.member_id, holder.id)] if holder else [],
        details={"invitation_id": str(invitation.id)},
    )
    await write(session, event, now=now)
