"""Credentials: what a holder shows or knows at a door: a badge's number, a finger that a reader knows, a door PIN, an
invitation.

Whatever is shown is looked up by what it says, live or not, so that the log can tell whose lost badge it was. What a
look-up finds wrong is for the log alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, Index, LargeBinary, String, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.access.holders import validity_fault
from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import NotFound
from facepay.kernel.secrets import hash_of_token

CredentialKind = Literal["badge", "pin", "fingerprint", "invitation"]
LIVE = "revoked_at is null"
OF_KIND = {
    "badge": "num_nonnulls(card_format, facility_code, number) = 3",
    "pin": "pin_hash is not null or kind = 'pin' and revoked_at is not null",
    "fingerprint": "reader_user is not null",
    "invitation": "token_hash is not null",
}


class Credential(Identified, Base):
    """Live until it is revoked, which is for good; in between it may be suspended, and have a time of its own."""

    __tablename__ = "credential"
    __table_args__ = (
        CheckConstraint(f"kind in {get_args(CredentialKind)}", name="kind_known"),
        CheckConstraint(" and ".join(f"(kind = '{kind}') = ({has})" for kind, has in OF_KIND.items()), name="of_kind"),
        CheckConstraint("duress_hash is null or pin_hash is not null", name="duress_beside_pin"),
        CheckConstraint("valid_until > valid_from", name="ends_after_it_begins"),
        CheckConstraint(
            "(suspended_at is null) = (suspended_by is null) and (suspended_at is null) = (suspended_why is null)",
            name="suspended_whole",
        ),
        CheckConstraint(
            "(revoked_at is null) = (revoked_by is null) and (revoked_at is null) = (revoked_why is null)",
            name="revoked_whole",
        ),
        Index(
            "uq_credential_badge",
            "card_format",
            "facility_code",
            "number",
            unique=True,
            postgresql_where=text(f"kind = 'badge' and {LIVE}"),
        ),
        Index(
            "uq_credential_reader_user",
            "reader_user",
            unique=True,
            postgresql_where=text(f"kind = 'fingerprint' and {LIVE}"),
        ),
        Index("uq_credential_pin", "holder_id", unique=True, postgresql_where=text(f"kind = 'pin' and {LIVE}")),
        Index("ix_credential_number", "number", "facility_code", postgresql_where=text("kind = 'badge'")),
        Index("ix_credential_reader_user", "reader_user", postgresql_where=text("kind = 'fingerprint'")),
    )

    holder_id: Mapped[UUID] = mapped_column(ForeignKey("access_holder.id", ondelete="cascade"), index=True)
    kind: Mapped[CredentialKind] = mapped_column(String(16))
    card_format: Mapped[str | None] = mapped_column(String(64))
    facility_code: Mapped[int | None]
    number: Mapped[int | None]
    reader_user: Mapped[str | None] = mapped_column(String(64))
    pin_hash: Mapped[str | None] = mapped_column(String(200))
    duress_hash: Mapped[str | None] = mapped_column(String(200))
    token_hash: Mapped[bytes | None] = mapped_column(LargeBinary(32), unique=True)
    valid_from: Mapped[datetime | None]
    valid_until: Mapped[datetime | None]
    suspended_at: Mapped[datetime | None]
    suspended_by: Mapped[str | None] = mapped_column(String(80))
    suspended_why: Mapped[str | None] = mapped_column(String(200))
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None] = mapped_column(String(80))
    revoked_why: Mapped[str | None] = mapped_column(String(200))
    failures: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]
    created_at: Mapped[datetime]

    def revoke(self, why: str, *, actor: str, now: datetime) -> None:
        """For good, and without its PINs: people use them elsewhere, and few digits are soon guessed from a hash."""
        self.revoked_at, self.revoked_by, self.revoked_why = now, actor, why
        self.pin_hash = self.duress_hash = None

    def fault(self, at: datetime) -> str | None:
        """Why it proves nothing at this moment, if so."""
        if self.revoked_at is not None:
            return "credential_revoked"
        if self.suspended_at is not None:
            return "credential_suspended"
        return validity_fault("credential", self.valid_from, self.valid_until, at)


class CredentialNotFound(NotFound):
    """There is no credential with this id."""

    code = "credential_not_found"
    title = "No such credential"


@dataclass(frozen=True, slots=True)
class Shown:
    """Whose credential was shown, where anybody's; `fault` is why it proves nothing. `duress` is a PIN typed under
    threat, which otherwise is as good as the other.
    """

    holder_id: UUID | None = None
    credential_id: UUID | None = None
    fault: str | None = None
    duress: bool = False


async def badge_shown(
    session: AsyncSession, *, facility_code: int, number: int, card_format: str, now: datetime
) -> Shown:
    found = await _newest(
        session,
        Credential.kind == "badge",
        Credential.number == number,
        Credential.facility_code == facility_code,
        Credential.card_format == card_format,
    )
    return _shown(found, now) if found else Shown(fault="badge_unknown")


async def fingerprint_shown(session: AsyncSession, *, reader_user: str, now: datetime) -> Shown:
    """`reader_user` is whom a reader knows a finger as: readers of all doors know them by the same."""
    found = await _newest(session, Credential.kind == "fingerprint", Credential.reader_user == reader_user)
    return _shown(found, now) if found else Shown(fault="finger_unknown")


async def invitation_shown(session: AsyncSession, *, token: str, now: datetime) -> Shown:
    """Of a visitor who has been at the desk: until then an invitation is nobody's, and opens nothing."""
    found = await _newest(session, Credential.token_hash == hash_of_token(token))
    return _shown(found, now) if found else Shown(fault="invitation_unknown")


async def get_credential(session: AsyncSession, credential_id: UUID, *, lock: bool = False) -> Credential:
    """Raises CredentialNotFound."""
    credential = await session.get(Credential, credential_id, with_for_update=lock or None)
    if credential is None:
        raise CredentialNotFound("There is no credential with this id.")
    return credential


async def live_credential(session: AsyncSession, *, holder_id: UUID, kind: CredentialKind) -> Credential | None:
    """The newest of a kind that isn't revoked."""
    return await _newest(
        session, Credential.holder_id == holder_id, Credential.kind == kind, Credential.revoked_at.is_(None)
    )


async def _newest(session: AsyncSession, *conditions: ColumnElement[bool]) -> Credential | None:
    """A live one, if there is one among them: a number may have been somebody else's before."""
    live_first = Credential.revoked_at.desc().nulls_first()
    query = select(Credential).where(*conditions).order_by(live_first, Credential.id.desc()).limit(1)
    return await session.scalar(query, execution_options={"populate_existing": True})


def _shown(credential: Credential, now: datetime) -> Shown:
    return Shown(credential.holder_id, credential.id, credential.fault(now))
