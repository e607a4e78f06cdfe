"""What the shop knows of how alike two people can be, and how sure each use is for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.calibration.calibration import Calibration, load_calibration
from facepay.calibration.versions import SHIPPED_VERSION, versions_of
from facepay.identity.policy import STATED_RATE_MIN, MatchPolicy, Use, policy_for
from facepay.settings import Settings

GALLERIES = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)
POINTS = 24


@dataclass(frozen=True, slots=True)
class CalibrationShown:
    """As it is used: a version of few people beside the shipped numbers. The shipped one is version 0."""

    version: int
    numbers: Calibration
    active: bool
    created_at: datetime | None

    def tail(self) -> list[tuple[float, float]]:
        """Cosines from where the tail begins, each with how many pairs of different people reach it."""
        numbers = self.numbers
        low, high = numbers.tail_start + numbers.shift, numbers.similarity_at(STATED_RATE_MIN)
        cosines = [low + (high - low) * number / (POINTS - 1) for number in range(POINTS)]
        return [(round(cosine, 4), numbers.fmr(cosine)) for cosine in cosines]

    def thresholds(self, policy: MatchPolicy) -> list[tuple[int, float]]:
        """The cosine that a use asks for among so many templates."""
        return [(searched, policy.threshold(self.numbers, searched)) for searched in GALLERIES]


def policies(settings: Settings) -> Iterable[MatchPolicy]:
    return (policy_for(use, settings) for use in get_args(Use))


async def calibrations_of(session: AsyncSession, *, pack: str) -> list[CalibrationShown]:
    """Of a model pack, the newest first, the shipped one last."""
    shipped = load_calibration(pack)
    own = [
        CalibrationShown(row.version, row.numbers().beside(shipped), row.active, row.created_at)
        for row in await versions_of(session, pack=pack)
    ]
    active = not any(each.active for each in own)
    return [*own, CalibrationShown(SHIPPED_VERSION, shipped, active, None)]
