"""Recognition as the API shows it."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Self

from pydantic import Field

from facepay.identity.schemas import Cosine
from facepay.kernel.schemas import Answer
from facepay.reports.recognition import LEAST, Outcome, Outcomes, Recognition, Use, fives
from facepay.reports.sales_schemas import SpanAnswer
from facepay.reports.spans import Span
from facepay.stores.stores import Store


class OutcomesAnswer(Answer):
    """`asked`: for a second factor."""

    accepted: int
    asked: int
    refused: int


class OutcomesOfDay(OutcomesAnswer):
    day: date


class CodeAnswer(Answer):
    """Why, in one word."""

    outcome: Outcome
    code: str
    count: int


class LatencyAnswer(Answer):
    """Milliseconds of work to see who it is."""

    p50: float
    p90: float
    p99: float


class SharesAnswer(Answer):
    """Of all decisions."""

    accepted: float
    asked: float
    refused: float


class BinAnswer(Answer):
    low: Annotated[float, Field(description="Cosines from here on, up to 0.02 more.")]
    accepted: int
    refused: Annotated[int, Field(description="Or asked for more.")]


class RecognitionAnswer(Answer):
    use: Use
    total: OutcomesAnswer
    shares: SharesAnswer | None
    days: Annotated[list[OutcomesOfDay], Field(description="Every day of the span.")]
    codes: Annotated[list[CodeAnswer], Field(description="The commonest first.")]
    latency_ms: LatencyAnswer | None
    threshold: Annotated[Cosine | None, Field(description="The median of those that were decided by.")]
    similarities: Annotated[
        list[BinAnswer], Field(description="Of people who were recognised: a stranger's is never kept.")
    ]
    reviewed: Annotated[int, Field(description="Disputes that staff resolved in this time.")]
    found_wrong: Annotated[int, Field(description="Of these.")]

    @classmethod
    def of(cls, seen: Recognition) -> Self:
        total = seen.total.hidden()
        codes = [CodeAnswer(outcome=key.outcome, code=key.code, count=fives(n)) for key, n in seen.codes.items()]
        return cls(
            use=seen.use,
            total=OutcomesAnswer.model_validate(total),
            shares=_shares(total),
            days=[_of_day(day, outcomes) for day, outcomes in seen.days.items()],
            codes=sorted((each for each in codes if each.count), key=lambda each: (-each.count, each.code)),
            latency_ms=LatencyAnswer.model_validate(seen.latency) if seen.latency else None,
            threshold=seen.threshold,
            similarities=[BinAnswer.model_validate(each) for each in seen.similarities],
            reviewed=seen.reviewed,
            found_wrong=seen.wrong,
        )


def _of_day(day: date, outcomes: Outcomes) -> OutcomesOfDay:
    hidden = outcomes.hidden()
    return OutcomesOfDay(day=day, accepted=hidden.accepted, asked=hidden.asked, refused=hidden.refused)


def _shares(total: Outcomes) -> SharesAnswer | None:
    count = total.accepted + total.asked + total.refused
    if not count:
        return None
    return SharesAnswer(accepted=total.accepted / count, asked=total.asked / count, refused=total.refused / count)


class RecognitionReport(SpanAnswer):
    """Counts are in whole fives, rounded down: fewer than five are none, and nobody can be picked out."""

    counted_in: int = LEAST
    uses: list[RecognitionAnswer]

    @classmethod
    def of_store(cls, store: Store, span: Span, uses: list[Recognition]) -> Self:
        return cls(
            store_id=store.id,
            timezone=store.timezone,
            first=span.first,
            last=span.last,
            uses=[RecognitionAnswer.of(each) for each in uses],
        )
