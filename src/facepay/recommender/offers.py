"""A member's coupons in the order of what they like."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.recommender.preferences import category_scores, product_scores
from facepay.rewards.coupons import Coupon
from facepay.rewards.picking import coupons_for


async def offers_for(session: AsyncSession, *, member_id: UUID, half_life: timedelta, now: datetime) -> list[Coupon]:
    """Those that the member can still use: first for what they like most, then as they end."""
    coupons = await coupons_for(session, member_id=member_id, now=now)
    products = await product_scores(session, member_id=member_id, half_life=half_life, now=now)
    categories = await category_scores(session, member_id=member_id, half_life=half_life, now=now)

    def liking(coupon: Coupon) -> float:
        liked = [products.get(sku, 0.0) for sku in coupon.skus]
        return max([*liked, *(categories.get(category, 0.0) for category in coupon.categories)], default=0.0)

    return sorted(coupons, key=lambda coupon: (-liking(coupon), coupon.ends_at))
