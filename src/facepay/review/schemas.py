"""Disputes, their resolutions and their receipts, as the API takes and shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from facepay.checkout.refunds import Refund
from facepay.checkout.schemas import RefundAnswer
from facepay.identity.schemas import Cosine, Narrowed, Rate
from facepay.identity.verdicts import Means
from facepay.kernel.schemas import Answer, Line, Request
from facepay.review.decisions import Decision, device_of, kind_of, order_of
from facepay.review.disputes import Dispute, Kind, SaidBy, Verdict
from facepay.review.resolutions import Consequence


class DisputedDecision(Request):
    kind: Kind
    id: UUID


class NewDispute(Request):
    """`said_by`: a member tells staff, or staff noticed it themselves."""

    decision: DisputedDecision
    reason: Annotated[Line, Field(examples=["I was not in this store yesterday"])]
    said_by: SaidBy


class Resolution(Request):
    """The member is shown the note. `actual_member_id` is who it really was; leave it out where that is no member."""

    verdict: Verdict
    note: Annotated[Line, Field(examples=["The picture shows somebody else"])]
    actual_member_id: UUID | None = None

    @model_validator(mode="after")
    def _somebody_else_only_where_wrong(self) -> Self:
        if self.verdict == "right" and self.actual_member_id is not None:
            raise ValueError("a right decision was on the actual member")
        return self


class DecisionRecord(Answer):
    """All that is known of a decision. What was measured of a face is null where it was nobody's, or a pass."""

    kind: Kind
    id: UUID
    device_id: UUID
    decision: str
    code: str
    identified_by: Means
    member_id: Annotated[UUID | None, Field(description="Whom somebody was taken for.")]
    similarity: Cosine | None
    threshold: Cosine | None
    margin: Cosine | None
    false_positive_rate: Rate | None
    searched: Annotated[int | None, Field(description="Among how many templates.")]
    narrowed_by: Narrowed
    basis: Annotated[str | None, Field(description="Policy and calibration that it was decided under.")]
    pack: Annotated[str | None, Field(description="The models.")]
    quality: Annotated[dict[str, float] | None, Field(description="Of the best frame.")]
    order_id: UUID | None
    created_at: datetime
    decided_at: datetime

    @classmethod
    def of(cls, decision: Decision) -> DecisionRecord:
        own = {"kind", "device_id", "order_id"}
        return cls(
            kind=kind_of(decision),
            device_id=device_of(decision),
            order_id=order_of(decision),
            **{name: getattr(decision, name) for name in cls.model_fields if name not in own},
        )


class DisputeAnswer(Answer):
    id: UUID
    kind: Kind
    decision_id: UUID
    store_id: UUID
    member_id: UUID | None
    reason: str
    said_by: SaidBy
    opened_at: datetime
    opened_by: UUID
    verdict: Verdict | None
    note: str | None
    resolved_at: datetime | None
    resolved_by: UUID | None
    consequences: list[Consequence]
    refund_id: UUID | None


class DisputeDetail(DisputeAnswer):
    """`evidence_until` is null where no frame is kept."""

    decision: DecisionRecord
    actual_member_id: UUID | None
    evidence_until: datetime | None

    @classmethod
    def of(
        cls, dispute: Dispute, decision: Decision, *, actual_member_id: UUID | None, evidence_until: datetime | None
    ) -> DisputeDetail:
        return cls(
            **DisputeAnswer.model_validate(dispute).model_dump(),
            decision=DecisionRecord.of(decision),
            actual_member_id=actual_member_id,
            evidence_until=evidence_until,
        )


class DisputeReceipt(Answer):
    """To be shown to the member: what came of it, and no other member."""

    dispute_id: UUID
    kind: Kind
    decision_id: UUID
    reason: str
    opened_at: datetime
    verdict: Verdict
    note: str
    resolved_at: datetime
    consequences: list[Consequence]
    refund: RefundAnswer | None

    @classmethod
    def of(cls, dispute: Dispute, refund: Refund | None) -> DisputeReceipt:
        own = {"dispute_id", "refund"}
        return cls(
            dispute_id=dispute.id,
            refund=RefundAnswer.model_validate(refund) if refund else None,
            **{name: getattr(dispute, name) for name in cls.model_fields if name not in own},
        )


class EvidenceAccessAnswer(Answer):
    id: UUID
    staff_id: UUID
    reason: str
    accessed_at: datetime


class WatchAnswer(Answer):
    """Whoever is watched always proves who they are."""

    id: UUID
    member_id: UUID
    reason: str
    watched_at: datetime
    watched_by: UUID
    lifted_at: datetime | None
    lifted_by: UUID | None
    lifting: str | None


class Lifting(Request):
    reason: Annotated[Line, Field(examples=["Enrolled again from better photos"])]
