"""What a kiosk's and a gate's screen ask besides deciding."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import BackgroundTasks, Path, Query, Security

from facepay.catalog.schemas import GtinCode
from facepay.checkout.schemas import Basket
from facepay.checkout.weighing import WeighingInvalid
from facepay.kernel.auth import InsufficientScope, Principal, WrongStore, acts_as, current_device
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.idempotency import KEY_PATTERN, AnswerUnknown, IdempotencyKeyInUse, IdempotencyOf
from facepay.kernel.mail import MailerOf, MailNotSetUp
from facepay.kernel.paging import SearchText
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.settings import SettingsOf
from facepay.stores.signatures import SignatureInvalid
from facepay.stores.stores import get_store
from facepay.terminals import baskets, receipts
from facepay.terminals.schemas import (
    KeptAnswer,
    ProductOnSale,
    ProductsOnSale,
    QuoteAnswer,
    QuotedLine,
    ReceiptRequest,
    TerminalAnswer,
)

router = Router(prefix="/v1")
Device = Annotated[Principal, Security(current_device, scopes=["device:heartbeat"])]
Kiosk = Annotated[Principal, Security(current_device, scopes=["kiosk:checkout"])]
REFUSALS = (Unauthenticated, InsufficientScope, WrongStore)


@router.get(
    "/terminals/{device_id}",
    tags=["devices"],
    summary="See what a device is, as it sees itself",
    responses=problems(*REFUSALS),
)
async def see_terminal(device_id: UUID, device: Device, session: Session, settings: SettingsOf) -> TerminalAnswer:
    """For a device that was just paired, or has just started."""
    acts_as(device, device_id)
    store = await get_store(session, device.store)
    return TerminalAnswer(
        id=device.id,
        role=device.role,
        name=device.name,
        store_name=store.name,
        store_address=store.address,
        timezone=store.timezone,
        currency=store.currency,
        presentation_checks=sorted(device.presentation_checks),
        guests_max=settings.guests_max if store.guests_max is None else store.guests_max,
        mails_receipts=settings.smtp_url is not None,
    )


@router.get(
    "/terminals/{device_id}/answers/{key}",
    tags=["devices"],
    summary="See again what a request was answered",
    responses=problems(*REFUSALS, AnswerUnknown, IdempotencyKeyInUse),
)
async def see_answer(
    device_id: UUID,
    key: Annotated[str, Path(pattern=KEY_PATTERN, description="The request's Idempotency-Key.")],
    device: Device,
    session: Session,
    idempotency: IdempotencyOf,
) -> KeptAnswer:
    """For a device that was switched off between its request and the answer, and no longer has the frames to send it
    again: whether somebody has paid.
    """
    acts_as(device, device_id)
    status, answer = await idempotency.first_answer(session, owner_id=device.id, key=key)
    return KeptAnswer(status=status, answer=answer)


@router.get(
    "/kiosks/{kiosk_id}/products",
    tags=["kiosks"],
    summary="Find what a kiosk sells",
    responses=problems(*REFUSALS),
)
async def find_products(
    kiosk_id: UUID,
    kiosk: Kiosk,
    session: Session,
    barcode: Annotated[GtinCode | None, Query(description="What was scanned: a GTIN-8, 12, 13 or 14.")] = None,
    q: Annotated[SearchText, Query(description="Part of the name, or the start of sku or GTIN.")] = "",
) -> ProductsOnSale:
    """At most 20 of those for sale in the store's currency; the very sku first, then by name."""
    acts_as(kiosk, kiosk_id)
    found = await baskets.for_sale(session, store_id=kiosk.store, gtin=barcode, search=q)
    return ProductsOnSale(items=[ProductOnSale.model_validate(product) for product in found])


@router.post(
    "/kiosks/{kiosk_id}/quotes",
    tags=["kiosks"],
    summary="Say what a basket costs",
    responses=problems(*REFUSALS, SignatureInvalid, WeighingInvalid, baskets.BasketUnpriceable),
)
async def quote(kiosk_id: UUID, body: Basket, kiosk: Kiosk, session: Session) -> QuoteAnswer:
    """As a checkout would price it for somebody without discounts. Nothing is kept, and no price is held: what is
    charged is what the goods cost when they are paid.
    """
    acts_as(kiosk, kiosk_id)
    goods = body.goods(kiosk)
    basket = await baskets.price(session, store_id=kiosk.store, quantities=goods.quantities, weighings=goods.weighings)
    return QuoteAnswer(
        total=basket.total,
        tax=basket.tax,
        currency=basket.currency,
        lines=[QuotedLine.model_validate(line) for line in basket.lines],
    )


@router.post(
    "/kiosks/{kiosk_id}/checkouts/{checkout_id}/receipts",
    tags=["kiosks"],
    status_code=202,
    summary="Send a receipt by mail",
    responses=problems(*REFUSALS, receipts.NoReceipt, receipts.TooManyReceipts, MailNotSetUp),
)
async def mail_receipt(
    kiosk_id: UUID,
    checkout_id: UUID,
    body: ReceiptRequest,
    kiosk: Kiosk,
    session: Session,
    mailer: MailerOf,
    tasks: BackgroundTasks,
    now: Now,
) -> None:
    """Of a payment of this kiosk, within fifteen minutes, up to three times. It is sent once this is answered; the
    address is in no table and no log.
    """
    acts_as(kiosk, kiosk_id)
    receipt = await receipts.take(session, checkout_id=checkout_id, kiosk=kiosk, now=now)
    tasks.add_task(mailer.send, receipts.as_mail(receipt, to=body.email, language=body.language))
