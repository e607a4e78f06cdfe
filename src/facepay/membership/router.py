"""A member's card over HTTP: at the device that has just recognised them, and for staff."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response, Security
from pydantic import StringConstraints

from facepay.kernel.auth import InsufficientScope, Principal, WrongStore, acts_as, current_device, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.members.members import MemberNotFound
from facepay.membership.cards import BasketUnpriceable, Card, card_of
from facepay.membership.recognitions import NotRecognisedHere, require_recognised
from facepay.membership.schemas import CardAnswer
from facepay.settings import SettingsOf
from facepay.stores.devices import DeviceRole
from facepay.stores.stores import StoreClosed, StoreNotFound

router = Router(prefix="/v1", tags=["membership"])
Greeting = Annotated[Principal, Security(current_device, scopes=["member:greet"])]
Reader = Annotated[Principal, Security(current_staff, scopes=["members:read", "rewards:read"])]
Item = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}(:[1-9][0-9]{0,3})?$")]
Items = Annotated[
    list[Item],
    Query(
        default_factory=list,
        max_length=100,
        description="What they are about to buy, as `SKU` or `SKU:pieces`: then only coupons that make it cheaper are"
        " shown.",
        examples=[["TEA-001:2"]],
    ),
]


async def pieces(item: Items) -> dict[str, int]:
    """By sku; of one that comes twice, both."""
    basket: dict[str, int] = {}
    for each in item:
        sku, _, quantity = each.partition(":")
        basket[sku] = basket.get(sku, 0) + int(quantity or 1)
    return basket


Basket = Annotated[dict[str, int], Depends(pieces)]


@router.get(
    "/devices/{device_id}/members/{member_id}/card",
    summary="Show the card of a member whom this device has recognised",
    responses=problems(Unauthenticated, InsufficientScope, WrongStore, NotRecognisedHere, BasketUnpriceable),
)
async def see_card_here(
    device_id: UUID,
    member_id: UUID,
    response: Response,
    session: Session,
    device: Greeting,
    settings: SettingsOf,
    now: Now,
    basket: Basket,
) -> CardAnswer:
    """Within five minutes of a decision on their face or their pass; of anybody else it isn't said whether there is
    such a member. What is shown follows from the device's role. Near their birthday, the coupon is made now.
    """
    acts_as(device, device_id)
    await require_recognised(session, device_id=device_id, member_id=member_id, now=now)
    try:
        card = await card_of(
            session,
            member_id=member_id,
            store_id=device.store,
            role=DeviceRole(device.role),
            settings=settings,
            now=now,
            basket=basket,
        )
    except MemberNotFound:
        raise NotRecognisedHere() from None
    return _shown(card, response)


@router.get(
    "/members/{member_id}/card",
    summary="See a member's card in a store",
    responses=problems(
        Unauthenticated, InsufficientScope, MemberNotFound, StoreNotFound, StoreClosed, BasketUnpriceable
    ),
)
async def see_card(
    member_id: UUID,
    store_id: UUID,
    response: Response,
    session: Session,
    _: Reader,
    settings: SettingsOf,
    now: Now,
    basket: Basket,
) -> CardAnswer:
    """All of it, as the member may be told. It makes no birthday coupon: nobody was recognised."""
    card = await card_of(
        session,
        member_id=member_id,
        store_id=store_id,
        role="staff",
        settings=settings,
        now=now,
        basket=basket,
    )
    return _shown(card, response)


def _shown(card: Card, response: Response) -> CardAnswer:
    response.headers["Cache-Control"] = "no-store"
    return CardAnswer.model_validate(card)
