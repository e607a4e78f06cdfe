"""Disputes over HTTP: open, look, resolve; and what staff may look through unasked."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request, Response, Security
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.checkout.refunds import Refund, RefundRefused
from facepay.identity.lookalikes import Lookalike, OneMemberTwice
from facepay.identity.recognition import RecogniserOf
from facepay.identity.step_up import is_waiting
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Db, Session
from facepay.kernel.errors import NotFound, Unauthenticated
from facepay.kernel.idempotency import (
    IdempotencyKeyInUse,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    IdempotencyOf,
    RequiredKey,
)
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Line
from facepay.members.members import MemberNotFound
from facepay.review import disputes
from facepay.review.decisions import (
    TABLES,
    DecisionNotFound,
    DecisionPending,
    get_decision,
    still_open,
    store_of,
    worth_review,
)
from facepay.review.disputes import AlreadyDisputed, Dispute, DisputeNotFound, Kind, decision_column, get_dispute
from facepay.review.evidence import EvidenceAccess, EvidenceNotKept, look_at_evidence
from facepay.review.resolutions import DisputeResolved, OwnDispute, resolve
from facepay.review.schemas import (
    DecisionRecord,
    DisputeAnswer,
    DisputeDetail,
    DisputeReceipt,
    EvidenceAccessAnswer,
    NewDispute,
    Resolution,
)
from facepay.templates.evidence import kept_until
from facepay.templates.protection import GalleryLocked

router = Router(prefix="/v1", tags=["reviews"])
Reader = Annotated[Principal, Security(current_staff, scopes=["reviews:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["reviews:write"])]
Resolver = Annotated[Principal, Security(current_staff, scopes=["reviews:resolve"])]
Viewer = Annotated[Principal, Security(current_staff, scopes=["evidence:read"])]
REFUSALS = (Unauthenticated, InsufficientScope)
ONCE = (IdempotencyKeyMissing, IdempotencyKeyInUse, IdempotencyKeyReused)


class DisputeOpen(NotFound):
    """There is no receipt before the dispute is resolved."""

    code = "dispute_open"
    title = "Not resolved yet"


@router.post(
    "/disputes",
    status_code=201,
    summary="Dispute a decision",
    responses=problems(*REFUSALS, DecisionNotFound, DecisionPending, AlreadyDisputed),
)
async def open_dispute(body: NewDispute, session: Session, staff: Writer, now: Now) -> DisputeAnswer:
    """Of a gate (`attempt_id`), a kiosk (`checkout_id`) or a lane (`passage_id`). Nothing else changes until somebody
    resolves it.
    """
    decision = await get_decision(session, body.decision.kind, body.decision.id)
    if await is_waiting(session, attempt_id=decision.id, now=now) or still_open(decision):
        raise DecisionPending("A second factor is waited for.")
    await disputes.hold_members(session, [decision.member_id])
    decision = await get_decision(session, body.decision.kind, body.decision.id)
    opened = await disputes.dispute(
        session,
        kind=body.decision.kind,
        decision_id=decision.id,
        store_id=await store_of(session, decision),
        member_id=decision.member_id,
        reason=body.reason,
        said_by=body.said_by,
        staff_id=staff.id,
        now=now,
    )
    return DisputeAnswer.model_validate(opened)


@router.get("/disputes", summary="List disputes", responses=problems(*REFUSALS))
async def list_disputes(
    session: Session,
    _: Reader,
    paging: Paging,
    is_open: Annotated[bool | None, Query(alias="open", description="Only those not resolved, or resolved.")] = None,
    store_id: Annotated[UUID | None, Query()] = None,
    kind: Annotated[Kind | None, Query()] = None,
    member_id: Annotated[UUID | None, Query(description="Of decisions on this member.")] = None,
) -> Page[DisputeAnswer]:
    """Newest first."""
    query = select(Dispute)
    if is_open is not None:
        query = query.where(Dispute.verdict.is_(None) if is_open else Dispute.verdict.is_not(None))
    if store_id is not None:
        query = query.where(Dispute.store_id == store_id)
    if kind is not None:
        query = query.where(decision_column(kind).is_not(None))
    if member_id is not None:
        query = query.where(Dispute.member_id == member_id)
    return await page(session, query, by=Dispute.id, paging=paging, show=DisputeAnswer.model_validate)


@router.get("/disputes/{dispute_id}", summary="See a dispute", responses=problems(*REFUSALS, DisputeNotFound))
async def see_dispute(dispute_id: UUID, session: Session, _: Reader, now: Now) -> DisputeDetail:
    """With all numbers of the decision."""
    dispute = await get_dispute(session, dispute_id)
    return DisputeDetail.of(
        dispute,
        await get_decision(session, dispute.kind, dispute.decision_id),
        actual_member_id=await _actual_member(session, dispute),
        evidence_until=await kept_until(session, decision_id=dispute.decision_id, now=now),
    )


@router.post(
    "/disputes/{dispute_id}/resolution",
    summary="Find a decision right or wrong",
    response_model=DisputeReceipt,
    responses=problems(
        *REFUSALS,
        *ONCE,
        DisputeNotFound,
        DisputeResolved,
        OwnDispute,
        MemberNotFound,
        OneMemberTwice,
        RefundRefused,
        GalleryLocked,
    ),
)
async def resolve_dispute(
    dispute_id: UUID,
    body: Resolution,
    request: Request,
    key: RequiredKey,
    staff: Resolver,
    idempotency: IdempotencyOf,
    recogniser: RecogniserOf,
    database: Db,
    now: Now,
) -> Any:
    """Final, in one step. Wrong: what is left of the payment goes back, both members (or, where it was none, this one)
    always prove who they are from now on, what the templates learned is dropped, a visit that was opened is closed,
    and the frame is deleted. Either way the similarity counts in the next `facepay calibrate`.

    Staff's own dispute takes somebody else to resolve it.
    """

    async def act(session: AsyncSession) -> DisputeReceipt:
        dispute = await resolve(
            session,
            dispute_id=dispute_id,
            verdict=body.verdict,
            actual_member_id=body.actual_member_id,
            note=body.note,
            staff_id=staff.id,
            now=now,
        )
        return await _receipt(session, dispute)

    answer = await idempotency.once(request, owner_id=staff.id, key=key, body=body, act=act)
    await recogniser.keeper.follow(database)
    return answer


@router.get(
    "/disputes/{dispute_id}/receipt",
    summary="See what came of a dispute",
    responses=problems(*REFUSALS, DisputeNotFound, DisputeOpen),
)
async def see_receipt(dispute_id: UUID, session: Session, _: Reader) -> DisputeReceipt:
    """For the member: it names nobody else."""
    dispute = await get_dispute(session, dispute_id)
    if dispute.verdict is None:
        raise DisputeOpen("This dispute isn't resolved yet.")
    return await _receipt(session, dispute)


@router.get(
    "/disputes/{dispute_id}/evidence",
    summary="Look at the frame of a disputed decision",
    response_class=Response,
    responses={
        200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}},
        **problems(*REFUSALS, DisputeNotFound, EvidenceNotKept, GalleryLocked),
    },
)
async def see_evidence(
    dispute_id: UUID,
    session: Session,
    viewer: Viewer,
    recogniser: RecogniserOf,
    now: Now,
    reason: Annotated[Line, Query(description="Why you look at it. The member is shown that you did.")],
) -> Response:
    """Only where the shop keeps evidence (`FACEPAY_EVIDENCE_DAYS`), and for as long. Each look is written down."""
    jpeg = await look_at_evidence(
        session,
        dispute_id=dispute_id,
        protection=recogniser.keeper.protection,
        staff_id=viewer.id,
        reason=reason,
        now=now,
    )
    return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "no-store"})


@router.get(
    "/disputes/{dispute_id}/evidence/accesses",
    summary="List who looked at the frame",
    responses=problems(*REFUSALS, DisputeNotFound),
)
async def list_accesses(dispute_id: UUID, session: Session, _: Reader, paging: Paging) -> Page[EvidenceAccessAnswer]:
    """Newest first."""
    await get_dispute(session, dispute_id)
    query = select(EvidenceAccess).where(EvidenceAccess.dispute_id == dispute_id)
    return await page(session, query, by=EvidenceAccess.id, paging=paging, show=EvidenceAccessAnswer.model_validate)


@router.get("/review-queue", summary="List decisions worth a look", responses=problems(*REFUSALS))
async def list_worth_review(
    session: Session,
    _: Reader,
    paging: Paging,
    kind: Annotated[Kind, Query()] = "checkout",
    store_id: Annotated[UUID | None, Query()] = None,
) -> Page[DecisionRecord]:
    """Matches within 0.05 of their threshold, and second factors that were not given, newest first; without those
    that were disputed.
    """
    query = worth_review(kind, store_id=store_id)
    return await page(session, query, by=TABLES[kind].id, paging=paging, show=DecisionRecord.of)


async def _actual_member(session: AsyncSession, dispute: Dispute) -> UUID | None:
    if dispute.lookalike_id is None:
        return None
    pair = await session.get_one(Lookalike, dispute.lookalike_id)
    return pair.member_b if pair.member_a == dispute.member_id else pair.member_a


async def _receipt(session: AsyncSession, dispute: Dispute) -> DisputeReceipt:
    refund = await session.get_one(Refund, dispute.refund_id) if dispute.refund_id else None
    return DisputeReceipt.of(dispute, refund)
