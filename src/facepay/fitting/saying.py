"""What people say before a mirror of outfits and garments. It counts in their session at once; of members who agreed to
profiling the recommender learns it, and nobody else's is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.catalog.products import Product
from facepay.fitting.garments import Garment, garment_of
from facepay.fitting.sessions import FittingSession
from facepay.fitting.wardrobe import products_of
from facepay.recommender.feedback import feedback, tried_on
from facepay.recommender.verdicts import Verdict

REFUSED_MAX = 30
SAID_MAX = 500


async def say_of_garment(
    session: AsyncSession, fitting: FittingSession, *, sku: str, verdict: Verdict, now: datetime
) -> bool:
    """Of all sizes of it that have its colour. Returns whether it was learnt. Raises GarmentNotFound. The caller uses
    the session.
    """
    garment = await garment_of(session, sku)
    alike = await session.scalars(
        select(Garment.product_id)
        .join(Product)
        .where(
            Garment.style == garment.style,
            func.coalesce(Product.colour, "") == (garment.colour or ""),
        )
        .order_by(Garment.product_id)
    )
    return await _say(session, fitting, list(alike), verdict, now)


async def say_of_outfit(
    session: AsyncSession, fitting: FittingSession, *, number: int, verdict: Verdict, now: datetime
) -> bool:
    """What is liked is liked in all its pieces; what isn't, isn't as a whole, and its pieces may come in others.

    Returns whether it was learnt. Raises OutfitNotFound. The caller uses the session.
    """
    memory = fitting.remembered
    pieces = products_of(memory.outfit(number))
    if verdict is Verdict.DISLIKED:
        refused = (*(each for each in memory.refused if each != pieces), pieces)
        fitting.remember(replace(memory, refused=refused[-REFUSED_MAX:]))
        return False
    return await _say(session, fitting, sorted(pieces), verdict, now)


async def _say(
    session: AsyncSession, fitting: FittingSession, product_ids: Sequence[UUID], verdict: Verdict, now: datetime
) -> bool:
    memory = fitting.remembered
    new = {
        product_id: verdict
        for product_id in product_ids
        if verdict is not Verdict.TRIED_ON or product_id not in memory.said
    }
    said = {product_id: each for product_id, each in memory.said.items() if product_id not in new} | new
    fitting.remember(replace(memory, said=dict(list(said.items())[-SAID_MAX:])))
    if fitting.member_id is None:
        return False
    member_id, learnt = fitting.member_id, False
    for product_id in product_ids:
        if verdict is Verdict.TRIED_ON:
            learnt = await tried_on(session, member_id=member_id, product_id=product_id, now=now)
        else:
            liked = verdict is Verdict.LIKED
            learnt = await feedback(session, member_id=member_id, product_id=product_id, liked=liked, now=now)
    return learnt
