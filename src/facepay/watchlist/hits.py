"""Hits: somebody who would come in looks like somebody who is banned, and staff say what happens.

Nobody is told more than to wait or to ask, and nobody is refused by a machine alone unless two people wanted it so
for this ban. An answer counts for some minutes: whoever was let in is recognised by the face that staff saw, so that
the banned person doesn't come in on an answer that was somebody else's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.alerts.alerts import Evidence, raise_alert
from facepay.identity.policy import policy_for
from facepay.identity.sighting import Resemblance, Sighting
from facepay.kernel.auth import Principal
from facepay.kernel.database import Base, Identified
from facepay.kernel.ids import new_id
from facepay.settings import Settings
from facepay.templates.protection import Protection
from facepay.watchlist.bans import Ban, applies_in, in_force
from facepay.watchlist.kinds import WATCHLIST_HIT, WATCHLIST_REFUSED

Answer = Literal["admit", "refuse"]
POLICY, NOBODY = "policy", "nobody"  # who answered, where no member of staff did
PLEASE_WAIT: Final = "please_wait"
PLEASE_ASK_STAFF: Final = "please_ask_staff"
WORDS = {
    PLEASE_WAIT: "One moment, please: a member of staff is on the way.",
    PLEASE_ASK_STAFF: "Please speak to a member of staff.",
}


class WatchlistHit(Identified, Base):
    """Once for each time that somebody is stopped, however many frames show them.

    `sealed_face` and `sealed_frame` are what was seen, under the ban's key, until the answer no longer counts.
    """

    __tablename__ = "watchlist_hit"
    __table_args__ = (
        CheckConstraint("answer in ('admit', 'refuse')", name="answer_known"),
        CheckConstraint("num_nulls(answer, answered_by, answered_at) in (0, 3)", name="answered_by_somebody"),
        Index("uq_watchlist_hit_open", "ban_id", "store_id", unique=True, postgresql_where=text("answer is null")),
        Index("ix_watchlist_hit_store_id_id", "store_id", "id"),
        Index("ix_watchlist_hit_sealed", "counts_until", postgresql_where=text("sealed_face is not null")),
    )

    ban_id: Mapped[UUID] = mapped_column(ForeignKey("ban.id"), index=True)
    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    alert_id: Mapped[UUID] = mapped_column(ForeignKey("alert.id"))
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]  # until then staff can answer
    counts_until: Mapped[datetime]  # until then nobody asks again
    similarity: Mapped[float | None]
    threshold: Mapped[float]
    false_positive_rate: Mapped[float]
    searched: Mapped[int]
    basis: Mapped[str] = mapped_column(String(100))
    answer: Mapped[Answer | None] = mapped_column(String(8))
    answered_by: Mapped[str | None] = mapped_column(String(80))
    answered_at: Mapped[datetime | None]
    sealed_face: Mapped[bytes | None] = mapped_column(LargeBinary)
    sealed_frame: Mapped[bytes | None] = mapped_column(LargeBinary)

    def settle(self, answer: Answer, *, by: str, at: datetime, settings: Settings) -> None:
        self.answer, self.answered_by, self.answered_at = answer, by, at
        self.counts_until = at + timedelta(seconds=settings.watchlist_answer_counts_seconds)


@dataclass(frozen=True, slots=True)
class Stopped:
    """Whoever wants to come in waits for staff, until when at most, or is refused. Words are for a screen."""

    hit_id: UUID
    code: Literal["please_wait", "please_ask_staff"]
    expires_at: datetime

    @property
    def waits(self) -> bool:
        return self.code == PLEASE_WAIT

    @property
    def words(self) -> str:
        return WORDS[self.code]

    def retry_after_seconds(self, now: datetime) -> int | None:
        """How long the door may tell people to wait before it asks again."""
        return max(1, ceil((self.expires_at - now).total_seconds())) if self.waits else None


async def check(
    session: AsyncSession, *, sighting: Sighting, device: Principal, now: datetime, settings: Settings
) -> Stopped | None:
    """Whether somebody has to stay outside, for the time being. Ask before anybody is identified.

    `sighting` is one of `Recogniser.see(…, entering=True)`; resembling nobody costs no query.
    """
    alike = sighting.resemblance
    if alike is None:
        return None
    ban = await session.scalar(
        select(Ban)
        .where(Ban.id == alike.match.member_id, in_force(now), applies_in(device.store))
        .with_for_update()  # one hit of a ban at a time
    )
    if ban is None:
        return None
    last = await _last_hit(session, ban, device, now)
    if last is not None and last.answer is None and now >= last.expires_at:
        last.settle("refuse", by=NOBODY, at=last.expires_at, settings=settings)
        await session.flush()
    if last is not None and last.answer is None:
        return Stopped(last.id, PLEASE_WAIT, last.expires_at)
    if last is not None and now < last.counts_until:
        if last.answer == "refuse":
            return Stopped(last.id, PLEASE_ASK_STAFF, last.counts_until)
        if _is_same_face(last, ban, alike, sighting, settings):
            return None
    return await _stop(session, ban, alike, device, now, settings)


async def _last_hit(session: AsyncSession, ban: Ban, device: Principal, now: datetime) -> WatchlistHit | None:
    """At this store, of those that still count or wait."""
    return await session.scalar(
        select(WatchlistHit)
        .where(
            WatchlistHit.ban_id == ban.id,
            WatchlistHit.store_id == device.store,
            (WatchlistHit.counts_until > now) | WatchlistHit.answer.is_(None),
        )
        .order_by(WatchlistHit.id.desc())
        .limit(1)
    )


async def _stop(
    session: AsyncSession, ban: Ban, alike: Resemblance, device: Principal, now: datetime, settings: Settings
) -> Stopped:
    hit_id, asks = new_id(), ban.on_hit == "ask"
    expires_at = now + timedelta(seconds=settings.watchlist_answer_seconds)
    match = alike.match
    hit = WatchlistHit(
        id=hit_id,
        ban_id=ban.id,
        store_id=device.store,
        device_id=device.id,
        seen_at=now,
        expires_at=expires_at,
        counts_until=expires_at + timedelta(seconds=settings.watchlist_answer_counts_seconds),
        similarity=match.similarity,
        threshold=match.threshold,
        false_positive_rate=match.false_positive_rate,
        searched=match.searched,
        basis=match.basis,
    )
    _seal(hit, ban, alike)
    if not asks:
        hit.settle("refuse", by=POLICY, at=now, settings=settings)
    hit.alert_id = await raise_alert(
        session,
        WATCHLIST_HIT if asks else WATCHLIST_REFUSED,
        store_id=device.store,
        subject=str(hit_id),
        now=now,
        device_id=device.id,
        evidence=Evidence("watchlist_hit", hit_id),
    )
    session.add(hit)
    await session.flush()
    return Stopped(hit_id, PLEASE_WAIT if asks else PLEASE_ASK_STAFF, expires_at if asks else hit.counts_until)


def _seal(hit: WatchlistHit, ban: Ban, alike: Resemblance) -> None:
    key_id, wrapped_key = ban.key_id, ban.wrapped_key
    assert key_id is not None
    assert wrapped_key is not None
    theirs = alike.protection.under(key_id)
    hit.sealed_face = theirs.seal_template(
        theirs.rotate(alike.face), wrapped_key=wrapped_key, owner_id=ban.id, template_id=hit.id
    )
    if alike.jpeg is not None:
        hit.sealed_frame = theirs.seal(alike.jpeg, wrapped_key=wrapped_key, owner_id=ban.id, place=place_of(hit.id))


def _is_same_face(hit: WatchlistHit, ban: Ban, alike: Resemblance, sighting: Sighting, settings: Settings) -> bool:
    """As sure as of a member who is named first."""
    if hit.sealed_face is None or ban.key_id is None or ban.wrapped_key is None:
        return False
    theirs: Protection = alike.protection.under(ban.key_id)
    seen = theirs.unseal_template(hit.sealed_face, wrapped_key=ban.wrapped_key, owner_id=ban.id, template_id=hit.id)
    sure = policy_for("verify", settings).threshold(sighting.calibration, searched=1)
    return float(seen @ theirs.rotate(alike.face)) >= sure


def place_of(hit_id: UUID) -> bytes:
    """What a frame is sealed for."""
    return b"hit frame" + hit_id.bytes
