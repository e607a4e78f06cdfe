"""Receipts by mail: what was paid at a kiosk, to an address that is typed there and kept nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from uuid import UUID
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from babel.numbers import format_currency
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.checkout.kiosk import Checkout
from facepay.checkout.orders import Order, OrderLine, get_order
from facepay.kernel.auth import Principal
from facepay.kernel.errors import Conflict, NotFound
from facepay.kernel.money import in_major_units
from facepay.stores.stores import Store, get_store
from facepay.terminals.schemas import Language

MAILED_MAX = 3
MAILED_WITHIN = timedelta(minutes=15)
WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "subject": "Your receipt from {shop}",
        "order": "Order",
        "pickup": "Pick-up number",
        "discount": "Discount",
        "total": "Total",
        "tax": "of which tax",
        "wallet": "Wallet",
        "gift": "Gift balance",
        "points": "Points",
        "kept": "Your address was used for this mail only and isn't kept.",
    },
    "ko": {
        "subject": "{shop} 영수증",
        "order": "주문번호",
        "pickup": "픽업 번호",
        "discount": "할인",
        "total": "합계",
        "tax": "부가세 포함",
        "wallet": "지갑",
        "gift": "기프트 잔액",
        "points": "포인트",
        "kept": "이메일 주소는 이 메일을 보내는 데만 쓰였으며 저장되지 않습니다.",
    },
    "zh": {
        "subject": "{shop}的购物小票",
        "order": "订单号",
        "pickup": "取餐号",
        "discount": "优惠",
        "total": "合计",
        "tax": "其中税额",
        "wallet": "钱包",
        "gift": "礼品余额",
        "points": "积分",
        "kept": "您的邮箱地址仅用于发送本邮件，不会保存。",  # noqa: RUF001 (that is how it is written)
    },
}


class NoReceipt(NotFound):
    """No payment with this id was made at this kiosk within the last fifteen minutes."""

    code = "no_receipt"
    title = "No such receipt"


class TooManyReceipts(Conflict):
    """The receipt was sent three times."""

    code = "too_many_receipts"
    title = "Sent often enough"


@dataclass(frozen=True, slots=True)
class Receipt:
    order: Order
    store: Store


async def take(session: AsyncSession, *, checkout_id: UUID, kiosk: Principal, now: datetime) -> Receipt:
    """The receipt of one payment, counted as sent. Raises NoReceipt and TooManyReceipts."""
    checkout = await session.get(Checkout, checkout_id)
    if (
        checkout is None
        or checkout.kiosk_id != kiosk.id
        or checkout.order_id is None
        or checkout.decided_at < now - MAILED_WITHIN
    ):
        raise NoReceipt("No payment with this id was made here within the last fifteen minutes.")
    counted = await session.scalar(
        update(Checkout)
        .where(Checkout.id == checkout_id, Checkout.receipts_mailed < MAILED_MAX)
        .values(receipts_mailed=Checkout.receipts_mailed + 1)
        .returning(Checkout.id)
    )
    if counted is None:
        raise TooManyReceipts(f"A receipt is sent at most {MAILED_MAX} times.", times_max=MAILED_MAX)
    return Receipt(await get_order(session, checkout.order_id), await get_store(session, kiosk.store))


def as_mail(receipt: Receipt, *, to: str, language: Language) -> EmailMessage:
    """In plain words, without a name: who paid is known to whoever reads it."""
    words = WORDS[language]
    mail = EmailMessage()
    mail["To"] = to
    mail["Subject"] = words["subject"].format(shop=receipt.store.name)
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n".join(_lines(receipt, words, language)) + "\n")
    return mail


def _lines(receipt: Receipt, words: dict[str, str], language: Language) -> Iterator[str]:
    order, store = receipt.order, receipt.store
    locale = {"zh": "zh_Hans"}.get(language, language)
    paid_at = order.created_at.astimezone(ZoneInfo(store.timezone))

    def money(amount: int) -> str:
        return format_currency(
            in_major_units(amount, order.currency), order.currency, locale=locale, currency_digits=False
        )

    yield store.name
    if store.address:
        yield store.address
    yield format_datetime(paid_at, "medium", locale=locale)
    yield f"{words['order']}: {order.id}"
    if order.pickup_number:
        yield f"{words['pickup']}: {order.pickup_number}"
    yield ""
    for line in order.lines:
        yield line.name
        undiscounted = money(line.total + line.discount)
        yield f"    {_quantity(line)} \N{MULTIPLICATION SIGN} {money(line.unit_price)} = {undiscounted}"
    yield ""
    for discount in order.discounts:
        yield f"{words['discount']} ({discount.label}): {money(-discount.amount)}"
    yield f"{words['total']}: {money(order.total)}"
    yield f"({words['tax']}: {money(order.tax)})"
    for tender, amount in (("wallet", order.wallet), ("gift", order.gift), ("points", order.points_value)):
        if amount:
            yield f"{words[tender]}: {money(amount)}"
    yield ""
    yield words["kept"]


def _quantity(line: OrderLine) -> str:
    return str(line.quantity) if line.sold_by == "piece" else f"{line.quantity} g / 100 g"
