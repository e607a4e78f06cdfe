"""Who may be recognised by their face, now: asked again in the transaction that acts on it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from uuid import UUID

from sqlalchemy import ColumnElement, DateTime, SQLColumnExpression, Uuid, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.identity.lookalikes import has_lookalikes
from facepay.identity.watches import is_watched
from facepay.kernel.database import Prepared
from facepay.kernel.records import columns_of, loaded
from facepay.members.consents import Consent, in_force
from facepay.members.members import DEPENDANTS_FIRST, Member, MemberStatus
from facepay.templates.templates import MemberKey, Template, TemplateKey


@dataclass(frozen=True, slots=True, repr=False)
class Standing:
    """A member who may be recognised, whether their face alone is enough for that, and what seals what is theirs."""

    member: Member
    has_lookalikes: bool
    is_watched: bool
    key: MemberKey


async def standing_member(session: AsyncSession, *, member_id: UUID, now: datetime, alone: bool) -> Standing | None:
    """None where consent or templates have ended.

    Their row is locked against withdrawal and blocking until the transaction ends; `alone`, against whoever else
    recognised them too. So is the consent: one that is withdrawn while this waits for the member's row would still
    be in force in what the statement sees elsewhere.
    """
    found = await _standing(alone=alone).rows(session, member_id=member_id, now=now)
    if not found:
        return None
    [(*of_member, has_twins, watched, key_id, wrapped_key)] = found
    member = loaded(session, Member, of_member)
    return Standing(member, has_twins, watched, MemberKey(member_id, key_id, wrapped_key))


@cache
def _standing(*, alone: bool) -> Prepared:
    """Composed once, as each recognised face asks it: it takes longer to compose than to ask."""
    member_id = bindparam("member_id", type_=Uuid())
    return Prepared(
        select(
            *columns_of(Member),
            has_lookalikes(member_id),
            is_watched(member_id),
            select(TemplateKey.key_id).where(TemplateKey.member_id == member_id).scalar_subquery(),
            select(TemplateKey.wrapped_key).where(TemplateKey.member_id == member_id).scalar_subquery(),
        )
        .join(Consent, Consent.member_id == Member.id)
        .where(Member.id == member_id, _stands(bindparam("now", type_=DateTime(timezone=True))))
        .with_for_update(read=not alone, key_share=alone, of=(Member, Consent))
    )


async def standing_members(session: AsyncSession, *, member_ids: Collection[UUID], now: datetime) -> Sequence[Member]:
    """Those of these members who may be recognised, locked against withdrawal until the transaction ends."""
    found = await session.scalars(
        select(Member)
        .join(Consent, Consent.member_id == Member.id)
        .where(Member.id.in_(member_ids), _stands(now))
        .order_by(*DEPENDANTS_FIRST)
        .with_for_update(read=True, of=(Member, Consent))
    )
    return found.all()


def stands(member_id: SQLColumnExpression[UUID | None], *, now: SQLColumnExpression[datetime]) -> ColumnElement[bool]:
    """The same of one member of another statement: it holds for as long as their row is locked."""
    return (
        select(Member.id)
        .join(Consent, Consent.member_id == Member.id)
        .where(Member.id == member_id, _stands(now))
        .exists()
    )


def _stands(now: datetime | SQLColumnExpression[datetime]) -> ColumnElement[bool]:
    """Members, joined with their consent, for whom it is in force and who have templates."""
    template = select(Template.id).where(Template.member_id == Member.id)
    return (Member.status != MemberStatus.ERASED) & in_force(now) & template.exists()
