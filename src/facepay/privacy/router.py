"""Privacy over HTTP: withdraw, erase, see the receipts, see what was done with a face, take one's data along."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request, Security
from fastapi.responses import StreamingResponse
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.identity.recognition import RecogniserOf
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Db, Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.idempotency import IdempotencyKeyInUse, IdempotencyKeyReused, IdempotencyOf, OptionalKey
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.secrets import get_master_key
from facepay.members.biometric_uses import BiometricUse, Use, record_use
from facepay.members.consents import Consent
from facepay.members.freezes import WalletFrozen
from facepay.members.members import MemberNotFound, get_member
from facepay.members.schemas import EndingConsent
from facepay.privacy import erasure
from facepay.privacy.export import exported
from facepay.privacy.receipts import ErasureNotFound, ErasureReceipt, Reason, Signer, get_receipt
from facepay.privacy.retention import ending_consents
from facepay.privacy.schemas import BiometricUseAnswer, ErasureWish, PrivacyStatus, ReceiptAnswer
from facepay.privacy.status import privacy_status
from facepay.privacy.wallets import DebtOutstanding, MoneyUnderway, WalletNotEmpty
from facepay.settings import SettingsOf
from facepay.templates.protection import GalleryLocked

router = Router(prefix="/v1", tags=["privacy"])
Reader = Annotated[Principal, Security(current_staff, scopes=["members:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["members:write"])]
Exporter = Annotated[Principal, Security(current_staff, scopes=["members:export"])]
REFUSALS = (Unauthenticated, InsufficientScope)
ONCE = (IdempotencyKeyInUse, IdempotencyKeyReused)


@router.delete(
    "/members/{member_id}/face",
    summary="Withdraw consent and remove the face",
    response_model=ReceiptAnswer,
    responses=problems(*REFUSALS, MemberNotFound, GalleryLocked, *ONCE),
)
async def withdraw_face(
    member_id: UUID,
    request: Request,
    writer: Writer,
    database: Db,
    recogniser: RecogniserOf,
    idempotency: IdempotencyOf,
    now: Now,
    key: OptionalKey = None,
) -> Any:
    """Ends the member's consent. Their templates and the key to them are deleted, and no gate or kiosk of any
    replica recognises them from now on. Enrolling again takes a new consent. Repeating it finds nothing to erase.
    """

    async def act(session: AsyncSession) -> ReceiptAnswer:
        receipt = await erasure.erase_face(
            session,
            member_id=member_id,
            reason=Reason.WITHDRAWAL,
            signer=Signer(get_master_key(request)),
            actor=f"staff:{writer.id}",
            now=now,
        )
        return ReceiptAnswer.model_validate(receipt)

    answer = await idempotency.once(request, owner_id=writer.id, key=key, body=ErasureWish(), act=act)
    await recogniser.keeper.follow(database)
    return answer


@router.delete(
    "/members/{member_id}",
    summary="Erase a member",
    response_model=ReceiptAnswer,
    responses=problems(
        *REFUSALS,
        MemberNotFound,
        WalletNotEmpty,
        MoneyUnderway,
        erasure.StillInside,
        erasure.BasketUnsettled,
        erasure.DriveUnfinished,
        DebtOutstanding,
        WalletFrozen,
        GalleryLocked,
        *ONCE,
    ),
)
async def erase_member(
    member_id: UUID,
    request: Request,
    writer: Writer,
    database: Db,
    recogniser: RecogniserOf,
    idempotency: IdempotencyOf,
    now: Now,
    forfeit: Annotated[bool, Query(description="The member gives up what is in their wallet.")] = False,
    key: OptionalKey = None,
) -> Any:
    """Withdraws the face and erases everything that says who they were, for good. The books stay, and name nobody.

    A wallet with money in it is refused unless it's given up; points and gift balance lapse.
    """

    async def act(session: AsyncSession) -> ReceiptAnswer:
        receipt = await erasure.erase_member(
            session,
            member_id=member_id,
            forfeit=forfeit,
            signer=Signer(get_master_key(request)),
            actor=f"staff:{writer.id}",
            now=now,
        )
        return ReceiptAnswer.model_validate(receipt)

    wish = ErasureWish(forfeit=forfeit)
    answer = await idempotency.once(request, owner_id=writer.id, key=key, body=wish, act=act)
    await recogniser.keeper.follow(database)
    return answer


@router.get("/erasures", summary="List receipts of erasures", responses=problems(*REFUSALS))
async def list_erasures(session: Session, _: Reader, paging: Paging) -> Page[ReceiptAnswer]:
    """Newest first."""
    query = select(ErasureReceipt)
    return await page(session, query, by=ErasureReceipt.id, paging=paging, show=ReceiptAnswer.model_validate)


@router.get(
    "/erasures/{erasure_id}", summary="See the receipt of an erasure", responses=problems(*REFUSALS, ErasureNotFound)
)
async def see_erasure(erasure_id: UUID, session: Session, _: Reader) -> ReceiptAnswer:
    return ReceiptAnswer.model_validate(await get_receipt(session, erasure_id))


@router.get(
    "/members/{member_id}/biometric-uses",
    summary="See every use of a member's face",
    responses=problems(*REFUSALS, MemberNotFound),
)
async def list_biometric_uses(member_id: UUID, session: Session, _: Reader, paging: Paging) -> Page[BiometricUseAnswer]:
    """Newest first: who used it, when, for what, and how alike it was."""
    await get_member(session, member_id)
    query = select(BiometricUse).where(BiometricUse.member_id == member_id)
    return await page(session, query, by=BiometricUse.id, paging=paging, show=BiometricUseAnswer.model_validate)


@router.get(
    "/members/{member_id}/export",
    summary="Export all that is held of a member",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"application/json": {"schema": {"type": "object"}}}},
        **problems(*REFUSALS, MemberNotFound),
    },
)
async def export_member(member_id: UUID, database: Db, exporter: Exporter, now: Now) -> StreamingResponse:
    """One JSON document: who they are, what they agreed to, how their face was enrolled and used, visits, orders,
    wallets with every entry, points, coupons. Templates aren't in it: no person can read them, and no shop may.
    """
    async with database.begin() as session:
        await get_member(session, member_id)
        record_use(session, member_id=member_id, use=Use.EXPORTED, actor=f"staff:{exporter.id}", now=now)
    return StreamingResponse(
        exported(database, member_id=member_id, now=now),
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="member-{member_id}.json"', "Cache-Control": "no-store"},
    )


@router.get("/consents/ending", summary="List consents that are about to run out", responses=problems(*REFUSALS))
async def list_ending_consents(
    session: Session, _: Reader, settings: SettingsOf, paging: Paging, now: Now
) -> Page[EndingConsent]:
    """Within `FACEPAY_CONSENT_WARNING_DAYS`, the newest first: ask these members whether they still agree."""
    query = select(Consent).where(ending_consents(settings=settings, now=now))
    return await page(session, query, by=Consent.id, paging=paging, show=EndingConsent.model_validate)


@router.get("/privacy", summary="See what is held and what is due", responses=problems(*REFUSALS))
async def see_privacy(request: Request, database: Db, _: Reader, settings: SettingsOf, now: Now) -> PrivacyStatus:
    """How many people are enrolled under which law, and how many faces are due to be erased."""
    return await privacy_status(database, settings=settings, signer=Signer(get_master_key(request)), now=now)
