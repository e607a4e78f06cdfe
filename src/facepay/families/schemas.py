"""What staff, and the shop's app through them, say of families and hear of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from pydantic import Field

from facepay.families.changes import Terms
from facepay.families.families import Family, FamilyMember, FamilyRole
from facepay.kernel.schemas import AMOUNT_MAX, Amount, Answer, Code, Line, Request
from facepay.schedules.timetables import Timetable

BLOCKED_MAX = 200
Limit = Annotated[int | None, Field(ge=0, le=AMOUNT_MAX, strict=True)]


class NewFamily(Request):
    payer_id: UUID


class ChildRulesRequest(Request):
    """What a child may not do. A parent decides; without rules, anything goes but goods with an age limit, and shops on
    the web.
    """

    blocked_categories: list[Line] = Field(default=[], max_length=BLOCKED_MAX)
    blocked_skus: list[Code] = Field(default=[], max_length=BLOCKED_MAX)
    hours: Annotated[
        Timetable | None, Field(description="When they may buy, by the store's clock; null: at any hour.")
    ] = None
    age_limited_goods: Annotated[bool, Field(description="They may buy these once they are old enough.")] = False
    web_shops: Annotated[bool, Field(description="They may pay on the web, where nobody says what is bought.")] = False


class Dependant(Request):
    """On which terms somebody belongs to a family. Amounts in minor units."""

    role: FamilyRole
    agreed: Annotated[bool, Field(description="An adult has agreed to it, as staff have heard themselves.")] = False
    payment_max: Annotated[Limit, Field(description="At once; null: only what limits the payer.")] = None
    daily_max: Annotated[Limit, Field(description="In one day, by the chain's clock; null: as above.")] = None
    rules: Annotated[ChildRulesRequest, Field(description="Of a child; an adult has none.")] = ChildRulesRequest()

    def terms(self) -> Terms:
        rules = self.rules if self.role == FamilyRole.CHILD else ChildRulesRequest()
        return Terms(
            role=self.role,
            agreed=self.agreed,
            payment_max=self.payment_max,
            daily_max=self.daily_max,
            blocked_categories=rules.blocked_categories,
            blocked_skus=rules.blocked_skus,
            hours=rules.hours.model_dump(mode="json") if rules.hours is not None else None,
            age_limited_goods=rules.age_limited_goods,
            web_shops=rules.web_shops,
        )


class NewDependant(Dependant):
    member_id: UUID


class RulesAnswer(Answer):
    blocked_categories: list[str]
    blocked_skus: list[str]
    hours: Timetable | None
    age_limited_goods: bool
    web_shops: bool


class DependantAnswer(Answer):
    member_id: UUID
    role: FamilyRole
    consent_noted_by: Annotated[str | None, Field(description="The staff on whose word an adult has agreed.")]
    payment_max: int | None
    daily_max: int | None
    rules: Annotated[RulesAnswer | None, Field(description="A child's.")]
    added_at: datetime
    changed_by: str
    changed_at: datetime

    @classmethod
    def of(cls, dependant: FamilyMember) -> DependantAnswer:
        rules = RulesAnswer.model_validate(dependant) if dependant.role == FamilyRole.CHILD else None
        shown = (name for name in cls.model_fields if name != "rules")
        return cls(**{name: getattr(dependant, name) for name in shown}, rules=rules)


class FamilyAnswer(Answer):
    """Whoever pays, and the members for whom they do."""

    id: UUID
    payer_id: UUID
    made_by: str
    created_at: datetime
    members: list[DependantAnswer]

    @classmethod
    def of(cls, family: Family, dependants: Iterable[FamilyMember] = ()) -> FamilyAnswer:
        return cls(
            id=family.id,
            payer_id=family.payer_id,
            made_by=family.made_by,
            created_at=family.created_at,
            members=[DependantAnswer.of(each) for each in dependants],
        )


class NewApproval(Request):
    """For one purchase that rules or limits of the family would refuse. An age limit is the law's: it stays."""

    member_id: UUID
    skus: list[Code] = Field(
        default=[], max_length=BLOCKED_MAX, description="Goods that rules block, and this once may be bought."
    )
    amount_max: Annotated[Amount, Field(description="What the whole purchase may cost.")]
    minutes: Annotated[int, Field(ge=1, le=7 * 24 * 60, strict=True, description="How long it can be used.")] = 60

    @property
    def lasts(self) -> timedelta:
        return timedelta(minutes=self.minutes)


class ApprovalAnswer(Answer):
    id: UUID
    member_id: UUID
    skus: list[str]
    amount_max: int
    approved_by: str
    created_at: datetime
    expires_at: datetime
    order_id: Annotated[UUID | None, Field(description="What it was used for.")]


class RefusalAnswer(Answer):
    """`skus` are those that a rule is about: none where it is the hour, or a limit."""

    id: UUID
    member_id: UUID
    store_id: UUID
    code: str
    skus: list[str]
    amount: int
    currency: str
    refused_at: datetime
