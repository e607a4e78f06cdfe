"""What to suggest in a store, over HTTP: to a member, and to whoever stands before a device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Security

from facepay.catalog.products import find_products
from facepay.kernel.auth import InsufficientScope, Principal, WrongStore, acts_as, current_device, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.dependencies import made
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Code
from facepay.members.members import MemberNotFound, get_member
from facepay.recommender.recommending import Recommendation, recommend
from facepay.recommender.schemas import NewWeather, RecommendationAnswer
from facepay.recommender.wanted import Context, Wanted, Weather
from facepay.recommender.weather import report_weather
from facepay.settings import SettingsOf
from facepay.shelves.planogram_router import UnknownSkus
from facepay.stores.stores import StoreClosed, StoreNotFound, get_open_store

RECOMMENDED_MAX = 50
FILTERED_MAX = 50
router = Router(prefix="/v1", tags=["recommender"])
Reader = Annotated[Principal, Security(current_staff, scopes=["members:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["stores:write"])]
Greeting = Annotated[Principal, Security(current_device, scopes=["member:greet"])]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the query asks for."""

    session: Session
    settings: SettingsOf
    now: Now
    limit: Annotated[int, Query(ge=1, le=RECOMMENDED_MAX)] = 10
    category: Annotated[list[str] | None, Query(max_length=FILTERED_MAX, description="Only of these.")] = None
    beside: Annotated[
        list[Code] | None, Query(max_length=FILTERED_MAX, description="Skus at hand: what goes with them comes first.")
    ] = None
    hour: Annotated[int | None, Query(ge=0, le=23, description="By the store's clocks; now, if not given.")] = None
    weather: Annotated[Weather | None, Query(description="As it was last reported, if not given.")] = None

    async def suggested(self, *, member_id: UUID | None, store_id: UUID) -> list[Recommendation]:
        """Raises StoreNotFound, StoreClosed and UnknownSkus."""
        at_hand = await find_products(self.session, skus=self.beside or ())
        if unknown := sorted(set(self.beside or ()) - at_hand.keys()):
            raise UnknownSkus("There is no product with one of these skus.", skus=unknown)
        return await recommend(
            self.session,
            member_id=member_id,
            store_id=store_id,
            limit=self.limit,
            settings=self.settings,
            now=self.now,
            wanted=Wanted(beside=[product.id for product in at_hand.values()], categories=self.category),
            context=Context(self.hour, self.weather),
        )


AskedFor = Annotated[Asked, Depends(made(Asked))]


@router.get(
    "/members/{member_id}/recommendations",
    summary="See what to suggest to a member in a store",
    responses=problems(Unauthenticated, InsufficientScope, MemberNotFound, StoreNotFound, StoreClosed, UnknownSkus),
)
async def see_recommendations(
    member_id: UUID, store_id: UUID, session: Session, _: Reader, asked: AskedFor
) -> list[RecommendationAnswer]:
    """What the store has and sells, the best first, each with a reason. Of members who didn't agree to profiling
    nothing is known, and they get what many others buy there at this time of the day.
    """
    await get_member(session, member_id)
    found = await asked.suggested(member_id=member_id, store_id=store_id)
    return [RecommendationAnswer.model_validate(each) for each in found]


@router.get(
    "/devices/{device_id}/recommendations",
    summary="See what to suggest to anybody at a device",
    responses=problems(Unauthenticated, InsufficientScope, WrongStore, StoreClosed, UnknownSkus),
)
async def see_recommendations_to_guests(
    device_id: UUID, device: Greeting, asked: AskedFor
) -> list[RecommendationAnswer]:
    """What many buy in the store at this time of the day, and what goes with what is at hand."""
    acts_as(device, device_id)
    found = await asked.suggested(member_id=None, store_id=device.store)
    return [RecommendationAnswer.model_validate(each) for each in found]


@router.put(
    "/stores/{store_id}/weather",
    status_code=204,
    tags=["stores"],
    summary="Report the weather at a store",
    responses=problems(Unauthenticated, InsufficientScope, StoreNotFound, StoreClosed),
)
async def set_weather(store_id: UUID, body: NewWeather, session: Session, _: Writer, now: Now) -> None:
    """It holds for three hours, unless another report comes. What is bought in which weather is learnt from it."""
    await get_open_store(session, store_id)
    await report_weather(session, store_id=store_id, weather=body.weather, now=now)
