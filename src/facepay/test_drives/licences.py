"""Driving licences: seen and checked by staff. Of a number stay its last four digits, and a hash that no other member
may have: one licence, one driver.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, LargeBinary, String, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, saved
from facepay.kernel.errors import Conflict, NotFound
from facepay.kernel.secrets import MasterKey, fingerprint
from facepay.members.members import get_member

PURPOSE = "driving licence"


class LicenceStatus(StrEnum):
    PENDING = "pending"
    CHECKED = "checked"
    REFUSED = "refused"
    EXPIRED = "expired"


class Licence(Base):
    __tablename__ = "driving_licence"
    __table_args__ = (
        CheckConstraint("status in ('pending', 'checked', 'refused')", name="status_known"),
        CheckConstraint("(status = 'pending') = (checked_at is null)", name="checked_once_decided"),
        CheckConstraint("(status = 'refused') = (refused_why is not null)", name="refusals_have_reasons"),
    )

    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"), primary_key=True)
    status: Mapped[str] = mapped_column(String(16))
    number_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    number_last_four: Mapped[str] = mapped_column(String(4))
    classes: Mapped[list[str]] = mapped_column(ARRAY(String(8)))
    expires_on: Mapped[date]
    submitted_at: Mapped[datetime]
    checked_by: Mapped[str | None] = mapped_column(String(80))
    checked_at: Mapped[datetime | None]
    refused_why: Mapped[str | None] = mapped_column(String(200))

    def status_at(self, now: datetime, *, until: date, check_lasts: timedelta) -> LicenceStatus:
        """`expired` where the document ends before the drive does, or staff saw it too long ago: see it again."""
        if self.status != LicenceStatus.CHECKED:
            return LicenceStatus(self.status)
        assert self.checked_at is not None, "it was checked"
        stale = self.expires_on < until or self.checked_at + check_lasts <= now
        return LicenceStatus.EXPIRED if stale else LicenceStatus.CHECKED


class LicenceNotFound(NotFound):
    """This member has shown no driving licence."""

    code = "licence_not_found"
    title = "No licence"


class LicenceOfAnother(Conflict):
    """Another member has shown this driving licence."""

    code = "licence_of_another"
    title = "Licence of another"


class LicenceReplaced(Conflict):
    """The member has sent another one since staff were shown theirs: look at it again."""

    code = "licence_replaced"
    title = "Licence replaced"


async def submit(
    session: AsyncSession,
    *,
    member_id: UUID,
    number: str,
    classes: Sequence[str],
    expires_on: date,
    key: MasterKey,
    now: datetime,
) -> Licence:
    """What a member says of their licence, in place of what they said before: until it's checked, it's good for
    nothing. Raises MemberNotFound and LicenceOfAnother.
    """
    await get_member(session, member_id, lock=True)
    plain = "".join(number.split()).upper()
    hashes = [fingerprint(each, plain.encode()) for each in key.derive_each(PURPOSE)]
    taken = select(Licence.member_id).where(Licence.number_hash.in_(hashes), Licence.member_id != member_id)
    if await session.scalar(taken) is not None:
        raise LicenceOfAnother("Another member has shown this licence.")
    licence = await session.merge(
        Licence(
            member_id=member_id,
            status=LicenceStatus.PENDING,
            number_hash=hashes[0],
            number_last_four=plain[-4:],
            classes=sorted(set(classes)),
            expires_on=expires_on,
            submitted_at=now,
            checked_by=None,
            checked_at=None,
            refused_why=None,
        )
    )
    await saved(session, LicenceOfAnother("Another member has shown this licence."))
    return licence


async def licence_of(session: AsyncSession, member_id: UUID) -> Licence:
    """Raises LicenceNotFound."""
    licence = await session.get(Licence, member_id, populate_existing=True)
    if licence is None:
        raise LicenceNotFound("This member has shown no driving licence.")
    return licence


async def check(
    session: AsyncSession,
    *,
    member_id: UUID,
    submitted_at: datetime | None,
    refused_why: str | None,
    by: str,
    now: datetime,
) -> Licence:
    """Staff have seen the document beside whom it names; again, when that is too long ago. Raises MemberNotFound,
    LicenceNotFound, and LicenceReplaced where it isn't the one of `submitted_at` any more.
    """
    await get_member(session, member_id, lock=True)
    licence = await licence_of(session, member_id)
    if submitted_at not in (None, licence.submitted_at):
        raise LicenceReplaced("The member has sent another licence since.")
    licence.status = LicenceStatus.REFUSED if refused_why else LicenceStatus.CHECKED
    licence.refused_why, licence.checked_by, licence.checked_at = refused_why, by, now
    await session.flush()
    return licence


async def forget(session: AsyncSession, *, member_id: UUID) -> None:
    """Raises MemberNotFound and LicenceNotFound."""
    await get_member(session, member_id, lock=True)
    await session.delete(await licence_of(session, member_id))
    await session.flush()
