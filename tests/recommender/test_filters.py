"""Whatever somebody did before: what they may not or will not have is never suggested."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, update

from facepay.catalog.products import Allergen, Product
from facepay.catalog.stock import Stock
from facepay.families.families import Family, FamilyMember, FamilyRole
from facepay.members.members import Member
from facepay.recommender.diets import Diet, MemberDiet, conflicts
from facepay.recommender.feedback import feedback
from facepay.recommender.preferences import Preference, exclude
from facepay.recommender.recommending import recommend, scores
from facepay.recommender.verdicts import Feedback
from facepay.recommender.wanted import Wanted
from tests.recommender.history import add_product, agree, bought, learn_now, members_of
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
GOODS = 6


@dataclass(frozen=True)
class Goods:
    """A product as it may be: None of `stock` isn't counted."""

    active: bool
    stock: int | None
    allergens: tuple[Allergen, ...] | None
    ingredients: tuple[str, ...]
    age_min: int | None
    category: str | None
    excluded: bool
    disliked: bool


@dataclass(frozen=True)
class Eater:
    age: int | None
    checked: bool
    diet: Diet
    said: Diet
    guest: bool


allergens = st.sampled_from([Allergen.NUTS, Allergen.MILK])
words = st.sampled_from(["pork", "Smoked Pork belly", "porkless sausage", "coriander"])
goods = st.builds(
    Goods,
    active=st.sampled_from([True, True, False]),
    stock=st.sampled_from([None, None, 0, 3]),
    allergens=st.none() | st.lists(allergens, unique=True, max_size=2).map(tuple),
    ingredients=st.lists(words, unique=True, max_size=2).map(tuple),
    age_min=st.sampled_from([None, None, 18]),
    category=st.sampled_from([None, "Tea", "Food"]),
    excluded=st.sampled_from([False, False, False, True]),
    disliked=st.sampled_from([False, False, False, True]),
)
diets = st.builds(
    Diet, st.frozensets(allergens, max_size=1), st.frozensets(st.sampled_from(["pork", "coriander"]), max_size=1)
)
eaters = st.builds(Eater, st.sampled_from([None, 17, 30]), st.booleans(), diets, diets, st.booleans())
Example = tuple[list[Goods], Eater]


def may_be_suggested(product: Goods, eater: Eater) -> bool:
    """The rules once more, as one would say them."""
    age = eater.age if eater.checked and not eater.guest else None
    old_enough = product.age_min is None or (age is not None and age >= product.age_min)
    theirs = [eater.said] if eater.guest else [eater.said, eater.diet]
    refused = not eater.guest and (product.excluded or product.disliked)
    fits = not any(conflicts(diet, product) for diet in theirs)
    return product.active and product.stock != 0 and old_enough and fits and not refused


async def test_nothing_that_is_filtered_ever_comes_out_and_all_else_does(shop: Shop) -> None:
    examples: list[Example] = []

    @settings(max_examples=16, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(goods, min_size=GOODS, max_size=GOODS), eaters)
    def collect(products: list[Goods], eater: Eater) -> None:
        examples.append((products, eater))

    await asyncio.to_thread(collect)
    member, ids = await a_regular(shop)
    for example in examples[::2]:
        await set_up(shop, member, ids, example)
        found, points = await asked(shop, member, example[1])
        allowed = {product for product, each in zip(ids, example[0], strict=True) if may_be_suggested(each, example[1])}
        assert found & set(ids) == allowed, example
        assert points == allowed, example


async def a_regular(shop: Shop) -> tuple[UUID, list[UUID]]:
    """Who has bought all of it, as have others."""
    ids = [UUID(await add_product(shop, f"GOODS-{number}", "Tea")) for number in range(GOODS)]
    members = await members_of(shop, 6)
    await agree(shop, *members)
    await bought(shop, *members, skus=[f"GOODS-{number}" for number in range(GOODS)])
    await learn_now(shop)
    return UUID(members[0]), ids


async def set_up(shop: Shop, member: UUID, ids: Sequence[UUID], example: Example) -> None:
    (products, eater), now = example, shop.app.state.clock()
    async with shop.app.state.database.begin() as session:
        for table in (Stock, Preference, Feedback, MemberDiet):
            await session.execute(delete(table))
        for product_id, each in zip(ids, products, strict=True):
            values: dict[str, Any] = {
                "active": each.active,
                "allergens": None if each.allergens is None else list(each.allergens),
                "ingredients": list(each.ingredients),
                "age_min": each.age_min,
                "category": each.category,
            }
            await session.execute(update(Product).where(Product.id == product_id).values(**values))
            if each.stock is not None:
                row = {"store_id": UUID(shop.store_id), "product_id": product_id, "quantity": each.stock}
                await session.execute(insert(Stock).values(**row, updated_at=now))
            if each.disliked:
                await feedback(session, member_id=member, product_id=product_id, liked=False, now=now)
            if each.excluded:
                await exclude(session, member_id=member, product_id=product_id, now=now)
        born = None if eater.age is None else date(now.year - eater.age, 1, 1)
        checked = now if eater.checked and born else None
        await session.execute(update(Member).where(Member.id == member).values(born_on=born, age_checked_at=checked))
        if eater.diet.allergens or eater.diet.ingredients:
            kept = {"allergens": list(eater.diet.allergens), "ingredients": list(eater.diet.ingredients)}
            consent = {"policy_version": "2026-01", "accepted_at": now, "changed_at": now}
            await session.execute(insert(MemberDiet).values(member_id=member, **kept, **consent))


async def asked(shop: Shop, member: UUID, eater: Eater) -> tuple[set[UUID], set[UUID]]:
    """What is suggested, and what has a score."""
    state, wanted = shop.app.state, Wanted(avoid=eater.said)
    who: dict[str, Any] = {"member_id": None if eater.guest else member, "store_id": UUID(shop.store_id)}
    who |= {"settings": state.settings, "now": state.clock()}
    async with state.database.read() as session:
        found = await recommend(session, **who, limit=50, wanted=wanted)
        among = {each.product_id for each in await recommend(session, **who, limit=50)}
        ids = {each.product_id for each in found} | among
        points = await scores(session, **who, product_ids=ids, wanted=wanted)
    assert len({each.product_id for each in found}) == len(found), "nothing is suggested twice"
    assert all(0 <= each.score < 1 and each.words for each in found)
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
    ours = {each.product_id for each in found if each.sku.startswith("GOODS")}
    assert await only_asked_for(shop, who, wanted, found[:2]) <= {each.product_id for each in found[:1]}
    return ours, {each for each in points if each in ours}


async def only_asked_for(shop: Shop, who: dict[str, Any], wanted: Wanted, found: Sequence[Any]) -> set[UUID]:
    """Among the first two, without the second."""
    ids = [each.product_id for each in found]
    async with shop.app.state.database.read() as session:
        left = await recommend(session, **who, limit=9, wanted=replace(wanted, among=ids, without=ids[1:]))
    return {each.product_id for each in left}


async def test_a_child_is_suggested_nothing_that_its_parents_forbid(shop: Shop) -> None:
    parent_id, child_id = [UUID(await shop.add_member_without_face(name=name)) for name in ("Parent", "Child")]
    await add_product(shop, "SWEET-1", "Sweets")
    state = shop.app.state
    async with state.database.begin() as session:
        family = Family(payer_id=parent_id, made_by="staff:owner", created_at=state.clock())
        session.add(family)
        await session.flush()
        session.add(
            FamilyMember(
                member_id=child_id,
                family_id=family.id,
                role=FamilyRole.CHILD,
                blocked_categories=["Sweets"],
                blocked_skus=["UMB-003"],
                age_limited_goods=False,
                web_shops=False,
                added_at=state.clock(),
                changed_by="staff:owner",
                changed_at=state.clock(),
            )
        )
    async with state.database.read() as session:
        found = await recommend(
            session,
            member_id=child_id,
            store_id=UUID(shop.store_id),
            limit=9,
            settings=state.settings,
            now=state.clock(),
        )
    assert {each.sku for each in found} == {"TEA-001", "BAO-002"}
