"""Calibrations as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from facepay.identity.policy import MatchPolicy, Use
from facepay.identity.schemas import Cosine
from facepay.kernel.schemas import Answer
from facepay.reports.calibrations import CalibrationShown, policies
from facepay.settings import Settings


class TailPoint(Answer):
    similarity: Cosine
    fmr: Annotated[float, Field(description="How many pairs of different people are as alike as that, or more.")]


class ThresholdPoint(Answer):
    searched: Annotated[int, Field(description="Templates.")]
    threshold: Cosine


class UseThresholds(Answer):
    use: Use
    fpir_target: Annotated[float, Field(description="How many strangers may come out as a member.")]
    margin_min: Annotated[float, Field(description="How far ahead of the next member the best has to be.")]
    thresholds: list[ThresholdPoint]

    @classmethod
    def of(cls, shown: CalibrationShown, policy: MatchPolicy) -> Self:
        points = [ThresholdPoint(searched=searched, threshold=cosine) for searched, cosine in shown.thresholds(policy)]
        return cls(use=policy.use, fpir_target=policy.fpir_target, margin_min=policy.margin_min, thresholds=points)


class CalibrationAnswer(Answer):
    """A version's numbers as they decide, beside the shipped ones where they come from few people."""

    pack: str
    version: Annotated[int, Field(description="0 is the shipped one.")]
    label: Annotated[str, Field(description="What decisions made under it say.")]
    active: bool
    people: Annotated[int, Field(description="Who were compared; 0 where the numbers are assumed.")]
    pairs: int
    source: str
    created_at: datetime | None
    tail: list[TailPoint]
    uses: list[UseThresholds]

    @classmethod
    def of(cls, shown: CalibrationShown, settings: Settings) -> Self:
        numbers = shown.numbers
        return cls(
            pack=numbers.pack,
            version=shown.version,
            label=numbers.label,
            active=shown.active,
            people=numbers.people,
            pairs=numbers.pairs,
            source=numbers.source,
            created_at=shown.created_at,
            tail=[TailPoint(similarity=cosine, fmr=fmr) for cosine, fmr in shown.tail()],
            uses=[UseThresholds.of(shown, policy) for policy in policies(settings)],
        )


class CalibrationsAnswer(Answer):
    """Of the model pack that is in use, the newest first."""

    items: list[CalibrationAnswer]
