"""A shop's own calibrations, one after the other. All replicas use the active one, without being started again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, UniqueConstraint, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.calibration.calibration import Calibration, load_calibration
from facepay.calibration.tail import Fit, settled
from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import NotFound

SHIPPED_VERSION = 0
_ONE_AT_A_TIME = select(func.pg_advisory_xact_lock(func.hashtext("calibration")))


class CalibrationVersion(Identified, Base):
    """Numbers as they were fitted, which never change; at most one of a pack is active, and none is the shipped."""

    __tablename__ = "calibration"
    __table_args__ = (
        UniqueConstraint("pack", "version"),
        Index("uq_calibration_active", "pack", unique=True, postgresql_where=text("active")),
    )

    pack: Mapped[str] = mapped_column(String(100))
    version: Mapped[int]
    tail_start: Mapped[float]
    tail_fraction: Mapped[float]
    shape: Mapped[float]
    scale: Mapped[float]
    shift: Mapped[float]
    people: Mapped[int]
    pairs: Mapped[int]
    source: Mapped[str] = mapped_column(String(500))
    evidence: Mapped[dict[str, Any]] = mapped_column(JSONB)  # intervals and checks of the fit
    active: Mapped[bool]
    created_at: Mapped[datetime]

    def numbers(self) -> Calibration:
        return Calibration(
            pack=self.pack,
            tail_start=self.tail_start,
            tail_fraction=self.tail_fraction,
            shape=self.shape,
            scale=self.scale,
            people=self.people,
            pairs=self.pairs,
            source=self.source,
            version=str(self.version),
            shift=self.shift,
        )


class CalibrationNotFound(NotFound):
    """The shop has made no calibration of this version for its model pack."""

    code = "calibration_not_found"
    title = "No such calibration"


# Of the model pack that is bound as `pack`, as a column of other queries too: null where the shipped one decides.
ACTIVE_VERSION = (
    select(CalibrationVersion.version)
    .where(CalibrationVersion.pack == bindparam("pack"), CalibrationVersion.active)
    .scalar_subquery()
)


class CalibrationKeeper:
    """The calibration that decides now: the active one of the database beside the shipped."""

    def __init__(self, shipped: Calibration) -> None:
        self._shipped = shipped
        self._version = SHIPPED_VERSION
        self.current = shipped

    @property
    def pack(self) -> str:
        return self._shipped.pack

    @classmethod
    def of(cls, pack: str) -> CalibrationKeeper:
        return cls(load_calibration(pack))

    async def follow(self, session: AsyncSession) -> Calibration:
        """Use what is active now; one indexed number to read where nothing changed."""
        return await self.use(session, await session.scalar(select(ACTIVE_VERSION), {"pack": self.pack}))

    async def use(self, session: AsyncSession, active_version: int | None) -> Calibration:
        """`follow`, where the number has been read already."""
        version = active_version or SHIPPED_VERSION
        if version != self._version:
            row = await get_version(session, pack=self._shipped.pack, version=version) if version else None
            self.current = row.numbers().beside(self._shipped) if row else self._shipped
            self._version = version
        return self.current


async def add_version(
    session: AsyncSession, *, fitted: Fit, shipped: Calibration, active: bool, now: datetime
) -> CalibrationVersion:
    """Write the next version of its pack, drawn towards the shipped numbers, and use it from now on if `active`."""
    await session.execute(_ONE_AT_A_TIME)
    numbers = settled(fitted, shipped)
    newest = await session.scalar(
        select(func.max(CalibrationVersion.version)).where(CalibrationVersion.pack == numbers.pack)
    )
    values = asdict(numbers)
    del values["version"], values["floor"]
    row = CalibrationVersion(
        **values,
        version=(newest or SHIPPED_VERSION) + 1,
        evidence={
            "intervals": [asdict(interval) for interval in fitted.intervals],
            "checks": [asdict(check) for check in fitted.checks],
            "distance": fitted.distance,
            "left_out": fitted.left_out,
        },
        active=False,
        created_at=now,
    )
    session.add(row)
    await session.flush()
    if active:
        await use_version(session, pack=row.pack, version=row.version)
    return row


async def use_version(session: AsyncSession, *, pack: str, version: int) -> None:
    """Decide by this version from now on; 0 is the shipped one. Raises CalibrationNotFound."""
    await session.execute(_ONE_AT_A_TIME)
    chosen = await get_version(session, pack=pack, version=version) if version != SHIPPED_VERSION else None
    active = update(CalibrationVersion).where(CalibrationVersion.pack == pack, CalibrationVersion.active)
    await session.execute(active.values(active=False))
    if chosen is not None:
        chosen.active = True
        await session.flush()


async def get_version(session: AsyncSession, *, pack: str, version: int) -> CalibrationVersion:
    """Raises CalibrationNotFound."""
    found = select(CalibrationVersion).where(CalibrationVersion.pack == pack, CalibrationVersion.version == version)
    row = await session.scalar(found)
    if row is None:
        raise CalibrationNotFound(f"There is no calibration {version} for {pack}.")
    return row


async def versions_of(session: AsyncSession, *, pack: str) -> Sequence[CalibrationVersion]:
    """The newest first."""
    found = await session.scalars(
        select(CalibrationVersion).where(CalibrationVersion.pack == pack).order_by(CalibrationVersion.version.desc())
    )
    return found.all()
