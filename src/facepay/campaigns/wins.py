"""What was won in a campaign, and what became of it: for staff."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.campaigns.playing import SmilePlay
from facepay.kernel.paging import Page, PageQuery, rows_of_page
from facepay.rewards.coupons import Coupon, CouponUse


@dataclass(frozen=True, slots=True)
class Win:
    """A coupon, the smile that won it, and the order that it was used for, if it was."""

    coupon: Coupon
    play: SmilePlay
    use: CouponUse | None


async def wins_in(session: AsyncSession, *, campaign_id: UUID, paging: PageQuery) -> Page[Win]:
    """Newest first."""
    query = select(Coupon).where(Coupon.campaign_id == campaign_id)
    found = await rows_of_page(session, query, by=Coupon.id, paging=paging)
    rows = await session.execute(
        select(SmilePlay, CouponUse)
        .outerjoin(CouponUse, CouponUse.coupon_id == SmilePlay.coupon_id)
        .where(SmilePlay.coupon_id.in_([coupon.id for coupon in found.rows]))
    )
    of_coupon = {play.coupon_id: (play, use) for play, use in rows}
    wins = [Win(coupon, *of_coupon[coupon.id]) for coupon in found.rows]
    return found.shown(wins)
