"""Frames seen before: what a copy is known by (no biometric, see `vision.liveness.replay`), kept for some days."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
from sqlalchemy import (
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    and_,
    cast,
    false,
    func,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, BIT
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Database, Identified, drop_rows
from facepay.vision.evidence import FrameFingerprint
from facepay.vision.liveness.replay import LOOK_BITS, LOOK_BITS_MAX, SHAPE_PX_MAX, bands_of, is_copy

# Whoever stands still looks alike in the next frame too. A camera's own frames of the last seconds are known again by
# their bytes only: whoever saves one again within that time stands in for somebody who is still there.
NEIGHBOURS_FOR = timedelta(seconds=10)
# Whoever sits before their own camera day after day is alike to a pixel, and so is all that's behind them: a copy has
# to be nearer there. docs/online.md says what that costs.
OWN_SHAPE_PX_MAX = 0.5
LOCK_SPACE = 7_016_996  # the first half of our advisory locks' keys


class SeenFrame(Identified, Base):
    """One frame that a device sent. `source` is a digest of what it was sent for, where the camera is a payer's own."""

    __tablename__ = "seen_frame"
    __table_args__ = (Index("ix_seen_frame_bands", "bands", postgresql_using="gin"),)

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), index=True)
    bands: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    look: Mapped[str | None] = mapped_column(BIT(LOOK_BITS))
    shape: Mapped[bytes | None] = mapped_column(LargeBinary(40))
    source: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    forget_at: Mapped[datetime] = mapped_column(index=True)

    @property
    def fingerprint(self) -> FrameFingerprint:
        shape = None if self.shape is None else np.frombuffer(self.shape, np.float32).reshape(5, 2)
        look = None if self.look is None else int(self.look, 2).to_bytes(LOOK_BITS // 8, "big")
        return FrameFingerprint(self.digest, look, shape)


async def seen_before(
    session: AsyncSession,
    *,
    fingerprints: Sequence[FrameFingerprint],
    device_id: UUID,
    now: datetime,
    kept_for: timedelta,
    subject_id: UUID | None = None,
) -> list[bool]:
    """Which of these frames any device sent before, or copies of them. The others are remembered.

    With a `subject_id` the camera is that of whoever it concerns, and what was sent for the same subject is its own,
    however long ago: who tries again sits as before. Copies that come to two devices at once wait for each other
    here, until the first transaction ends.
    """
    bands = sorted({band for each in fingerprints for band in _bands(each)})
    await _alone(session, bands)
    digests = [each.digest for each in fingerprints]
    candidates = await session.scalars(
        select(SeenFrame).where(
            SeenFrame.forget_at > now,
            or_(
                SeenFrame.digest.in_(digests),
                and_(
                    SeenFrame.bands.overlap(bands),
                    or_(false(), *(_looks_like(each) for each in fingerprints if each.look)),
                ),
            ),
        )
    )
    neighbours_since, source = now + kept_for - NEIGHBOURS_FOR, _source(subject_id)

    def is_neighbour(each: SeenFrame) -> bool:
        if source is not None or each.source is not None:
            return each.source == source
        return each.device_id == device_id and each.forget_at > neighbours_since

    known = [FrameFingerprint(each.digest) if is_neighbour(each) else each.fingerprint for each in candidates]
    shape_px_max = SHAPE_PX_MAX if source is None else OWN_SHAPE_PX_MAX
    seen = [any(is_copy(each, one, shape_px_max=shape_px_max) for one in known) for each in fingerprints]
    # A copy is not remembered: whoever replays one elsewhere must not have the person themselves refused for it.
    new = [each for each, before in zip(fingerprints, seen, strict=True) if not before]
    session.add_all(_row(each, device_id, source, forget_at=now + kept_for) for each in new)
    await session.flush()
    return seen


def _source(subject_id: UUID | None) -> bytes | None:
    """One way, so that frames say of nobody that they are theirs."""
    return None if subject_id is None else hashlib.sha256(subject_id.bytes).digest()[:16]


def _looks_like(fingerprint: FrameFingerprint) -> ColumnElement[bool]:
    """Decided by the database: one frame in thirty shares a band, and few of those a look."""
    differing = SeenFrame.look.op("#")(cast(_bit_string(fingerprint.look), BIT(LOOK_BITS)))
    return func.bit_count(differing) <= LOOK_BITS_MAX


def _bit_string(look: bytes | None) -> str | None:
    return None if look is None else format(int.from_bytes(look, "big"), f"0{LOOK_BITS}b")


def _bands(fingerprint: FrameFingerprint) -> list[int]:
    return [] if fingerprint.look is None else bands_of(fingerprint.look)


async def _alone(session: AsyncSession, bands: Sequence[int]) -> None:
    """Lock the bands until the transaction ends, in one order, so that no two wait for each other."""
    await session.execute(
        text("select pg_advisory_xact_lock(:space, key) from unnest(cast(:keys as int[])) as key"),
        {"space": LOCK_SPACE, "keys": bands},
    )


def _row(fingerprint: FrameFingerprint, device_id: UUID, source: bytes | None, *, forget_at: datetime) -> SeenFrame:
    shape = fingerprint.shape
    return SeenFrame(
        device_id=device_id,
        digest=fingerprint.digest,
        bands=_bands(fingerprint),
        look=_bit_string(fingerprint.look),
        shape=None if shape is None else shape.astype(np.float32).tobytes(),
        source=source,
        forget_at=forget_at,
    )


async def forget_frames(database: Database, *, now: datetime) -> None:
    """Drop those whose time is up."""
    await drop_rows(database, SeenFrame, SeenFrame.forget_at <= now)
