"""Deposits: held of the driver's own wallet while the car is theirs, and what a drive costs, taken from them.

Whoever drives pays, whatever family they are of: a licence is one person's, and so is what is done with it. A freeze of
the wallet stops new drives, and not what a deposit was given for.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.alerts.alerts import Evidence, raise_alert
from facepay.catalog.products import find_products
from facepay.checkout.benefits import Offer, offer_as_shown
from facepay.checkout.orders import Order
from facepay.checkout.pricing import PricedBasket, PricedLine
from facepay.checkout.selling import NotSold, Sold, sell
from facepay.kernel.ids import new_id
from facepay.members.members import Member
from facepay.settings import Settings
from facepay.test_drives.drives import Drive, DriveCharge
from facepay.test_drives.kinds import DEPOSIT_LOST, DRIVE_DEBT
from facepay.wallet.payments import authorise, find_hold, void

Kind = Literal["fee", "late", "no_show", "cancellation", "damage"]
# A hold ends by itself, should everything else fail; until then it is held anew in good time.
LASTS_AFTER_DUE = timedelta(days=14)
RENEWED_BEFORE = timedelta(days=3)


async def hold(session: AsyncSession, drive: Drive, amount: int, *, actor: str, now: datetime) -> bool:
    """Whether the wallet had it. The caller has locked the member's row."""
    if not amount:
        return True
    until = max(drive.due_at, now) + LASTS_AFTER_DUE
    held = await authorise(
        session,
        order_id=new_id(),
        member_id=drive.driver,
        amount=amount,
        currency=drive.agreed.currency,
        actor=actor,
        now=now,
        expires_at=until,
    )
    if held.ok:
        drive.deposit_id, drive.deposit, drive.deposit_until = held.transfer_id, amount, until
    return held.ok


async def let_go(session: AsyncSession, drive: Drive, *, actor: str, now: datetime) -> None:
    """What is left of it is the member's to spend again."""
    if drive.deposit_id is not None:
        await void(session, hold_id=drive.deposit_id, order_id=drive.id, actor=actor, now=now)
        drive.deposit_id, drive.deposit, drive.deposit_until = None, 0, None


async def renew(session: AsyncSession, drive: Drive, *, now: datetime) -> None:
    """The same amount for longer. Nobody gets between: the first posting locks the wallet. Where it had run out, and
    its money was spent, staff hear of it.
    """
    amount, actor = drive.deposit, "system:test_drives"
    await let_go(session, drive, actor=actor, now=now)
    if not await hold(session, drive, amount, actor=actor, now=now):
        await raise_alert(
            session,
            DEPOSIT_LOST,
            store_id=drive.store_id,
            subject=drive.number,
            now=now,
            evidence=Evidence("test_drive", drive.id),
            amount=amount,
        )


async def price(
    session: AsyncSession, drive: Drive, *, sku: str, quantity: int, unit_price: int, now: datetime, settings: Settings
) -> Offer:
    """As it was agreed: nothing is taken off, gift balance pays first."""
    product = (await find_products(session, skus=[sku]))[sku]
    line = PricedLine(
        product_id=product.id,
        sku=sku,
        name=product.name,
        quantity=quantity,
        unit_price=unit_price,
        tax_rate_basis_points=product.tax_rate_basis_points,
        category=product.category,
    )
    basket = PricedBasket(lines=(line,), currency=drive.agreed.currency)
    return await offer_as_shown(session, member_id=drive.driver, basket=basket, now=now, settings=settings)


async def charge(
    session: AsyncSession,
    drive: Drive,
    kind: Kind,
    *,
    member: Member,
    sku: str | None,
    quantity: int = 1,
    unit_price: int,
    now: datetime,
    settings: Settings,
) -> Order | None:
    """Take it from the deposit, and hold what is left of that anew; what it falls short of is a debt, and staff hear of
    it. None where there is nothing to pay. The caller has locked member and drive.
    """
    if sku is None or not quantity * unit_price:
        return None
    offered = await price(session, drive, sku=sku, quantity=quantity, unit_price=unit_price, now=now, settings=settings)
    before = await _held(session, drive)
    sold = await sell(
        session,
        offered=offered,
        member=member,
        store_id=drive.store_id,
        device_id=drive.machine_id,
        now=now,
        settings=settings,
        hold_id=drive.deposit_id,
        advance_max=None,
        in_hand=True,
        served=True,
    )
    if isinstance(sold, NotSold):
        raise RuntimeError(f"drive {drive.number} can't be charged: {sold.code}")
    note(session, drive, kind, sold, now=now)
    drive.deposit_id, drive.deposit, drive.deposit_until = None, 0, None
    await hold(session, drive, max(0, before - sold.order.wallet), actor="system:test_drives", now=now)
    if sold.order.advance:
        await raise_alert(
            session,
            DRIVE_DEBT,
            store_id=drive.store_id,
            subject=drive.number,
            now=now,
            evidence=Evidence("order", sold.order.id),
            owed=sold.order.advance,
        )
    return sold.order


def note(session: AsyncSession, drive: Drive, kind: Kind, sold: Sold, *, now: datetime) -> None:
    session.add(
        DriveCharge(drive_id=drive.id, kind=kind, order_id=sold.order.id, amount=sold.order.total, created_at=now)
    )


async def _held(session: AsyncSession, drive: Drive) -> int:
    """What the ledger still holds; nothing of a hold that has run out."""
    found = await find_hold(session, drive.deposit_id) if drive.deposit_id is not None else None
    return found.remaining if found is not None else 0
