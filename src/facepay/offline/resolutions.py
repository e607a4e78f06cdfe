"""Settling what is disputed: staff charge the member after all, or let it go."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.families.purses import purse_of
from facepay.kernel.errors import Conflict, NotFound
from facepay.kernel.schemas import AMOUNT_MAX
from facepay.members.members import get_member
from facepay.offline.posts import OfflinePost
from facepay.offline.replays import charge
from facepay.settings import Settings


class Outcome(StrEnum):
    CHARGED = "charged"
    WAIVED = "waived"


class OfflinePostNotFound(NotFound):
    """There is no offline post with this id."""

    code = "offline_post_not_found"
    title = "No such offline post"


class NothingToSettle(Conflict):
    """The post isn't disputed, or was settled already."""

    code = "nothing_to_settle"
    title = "Nothing to settle"


class NotChargeable(Conflict):
    """It is no sale, or who bought, or at which prices, can't be told from what was signed; or the sale fails."""

    code = "not_chargeable"
    title = "Not chargeable"


async def settle(
    session: AsyncSession, *, post_id: UUID, outcome: Outcome, note: str, actor: str, now: datetime, settings: Settings
) -> OfflinePost:
    """Charge the member at the listed prices, in debt where their wallet is short, or waive.

    Raises OfflinePostNotFound, NothingToSettle and NotChargeable.
    """
    post = await session.get(OfflinePost, post_id)
    if post is None:
        raise OfflinePostNotFound("There is no offline post with this id.")
    member_id = post.member_id
    if outcome is Outcome.CHARGED and (member_id is None or post.listed_total not in range(AMOUNT_MAX + 1)):
        raise NotChargeable("Nothing that was signed says who bought this, and for how much.")
    member = await get_member(session, member_id, lock=True) if member_id else None
    if member is not None:
        await purse_of(session, member=member)  # whoever pays is locked before the post
    post = await session.get_one(OfflinePost, post_id, with_for_update=True, populate_existing=True)
    if post.verdict != "disputed" or post.resolved_at is not None:
        raise NothingToSettle("This post isn't disputed, or no longer.")
    if outcome is Outcome.CHARGED:
        assert member is not None
        if fault := await charge(session, post=post, member=member, at=now, now=now, settings=settings):
            raise NotChargeable("The goods can't be sold as they were listed.", reason=fault)
    post.outcome, post.resolved_at, post.resolved_by, post.note = outcome, now, actor, note
    await session.flush()
    return post
