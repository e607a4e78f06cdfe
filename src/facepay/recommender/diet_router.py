"""What a member mustn't or won't eat, over HTTP: said, seen and taken back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import Response, Security
from pydantic import AfterValidator, Field, model_validator

from facepay.catalog.products import Allergen
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Answer, Line, Request
from facepay.members.consents import PolicyOutdated
from facepay.members.members import MemberNotFound, get_member
from facepay.members.schemas import PolicyVersion
from facepay.recommender import diets
from facepay.recommender.diets import Diet, DietNotKept, MemberDiet
from facepay.settings import SettingsOf

router = Router(prefix="/v1/members/{member_id}/diet", tags=["taste"])
# Who only reads members, an auditor, has no need of their health.
Writer = Annotated[Principal, Security(current_staff, scopes=["members:write"])]
REFUSALS = (Unauthenticated, InsufficientScope, MemberNotFound)
Ingredient = Annotated[Line, Field(max_length=80), AfterValidator(str.casefold)]


class DietConsent(Request):
    """To what they don't eat being kept, whatever it says of their health or their faith. Apart from any other."""

    policy_version: PolicyVersion
    accepted: Literal[True]


class NewDiet(Request):
    allergens: Annotated[frozenset[Allergen], Field(description="That harm them.", examples=[["peanuts"]])] = (
        frozenset()
    )
    ingredients: Annotated[
        frozenset[Ingredient], Field(max_length=50, description="That they don't eat.", examples=[["pork"]])
    ] = frozenset()
    consent: DietConsent

    @model_validator(mode="after")
    def says_something(self) -> Self:
        if not (self.allergens or self.ingredients):
            raise ValueError("at least one allergen or ingredient is needed: DELETE says that there is none")
        return self


class DietAnswer(Answer):
    allergens: list[Allergen]
    ingredients: list[str]
    policy_version: Annotated[str, Field(description="What they agreed to.")]
    accepted_at: datetime
    changed_at: datetime


@router.put("", summary="Keep what a member doesn't eat", responses=problems(*REFUSALS, PolicyOutdated))
async def keep_diet(
    member_id: UUID, body: NewDiet, response: Response, session: Session, _: Writer, settings: SettingsOf, now: Now
) -> DietAnswer:
    """With their explicit consent to that, and in the place of what was kept before: nothing that they mustn't eat is
    suggested to them from now on, on any screen.
    """
    await get_member(session, member_id, lock=True)
    kept = await diets.keep_diet(
        session,
        member_id=member_id,
        diet=Diet(body.allergens, body.ingredients),
        policy_version=body.consent.policy_version,
        settings=settings,
        now=now,
    )
    return _shown(kept, response)


@router.get("", summary="See what a member doesn't eat", responses=problems(*REFUSALS, DietNotKept))
async def see_diet(member_id: UUID, response: Response, session: Session, _: Writer) -> DietAnswer:
    await get_member(session, member_id)
    return _shown(await diets.see_diet(session, member_id=member_id), response)


@router.delete("", status_code=204, summary="Forget what a member doesn't eat", responses=problems(*REFUSALS))
async def forget_diet(member_id: UUID, session: Session, _: Writer) -> None:
    """Withdraws the consent: it is deleted at once. Repeating it changes nothing."""
    await get_member(session, member_id, lock=True)
    await diets.forget_diet(session, member_id=member_id)


def _shown(diet: MemberDiet, response: Response) -> DietAnswer:
    response.headers["Cache-Control"] = "no-store"
    return DietAnswer.model_validate(diet)
