"""What members don't eat is kept with their consent alone, and nobody is told that a dish is safe that may not be."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from facepay.catalog.products import Allergen
from facepay.recommender.diets import Conflict, Diet, MemberDiet, conflicts, diet_of
from tests.answers import verdict
from tests.conftest import OpenShop
from tests.privacy.catalogue import naming, rows
from tests.shop import PASSWORD, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
CONSENT = {"policy_version": "2026-01", "accepted": True}
DIET = {"allergens": ["nuts", "milk"], "ingredients": ["Pork"], "consent": CONSENT}
SOME = st.frozensets(st.sampled_from(Allergen))


@dataclass(frozen=True)
class Dish:
    allergens: frozenset[Allergen] | None
    ingredients: tuple[str, ...] = ()


@given(SOME, st.none() | SOME)
def test_nothing_speaks_for_a_dish_that_holds_an_allergen_or_may(
    harmful: frozenset[Allergen], declared: frozenset[Allergen] | None
) -> None:
    conflict = conflicts(Diet(harmful), Dish(declared))
    assert conflict.allergens == harmful & (declared or frozenset())
    assert conflict.undeclared == (declared is None and bool(harmful))
    assert bool(conflict) == (bool(harmful) and (declared is None or not harmful.isdisjoint(declared)))
    assert conflicts(None, Dish(declared)) == Conflict()


@pytest.mark.parametrize(
    ("avoided", "ingredient", "found"),
    [
        ("pork", "Smoked PORK belly", True),
        ("egg", "duck eggs", True),
        ("eggs", "egg", True),
        ("egg", "eggplant", False),
        ("ham", "champagne", False),
        ("猪肉", "猪肉馅", True),
        ("milk (cow)", "milk (cow)", True),
    ],
)
def test_an_ingredient_is_found_by_its_words(avoided: str, ingredient: str, found: bool) -> None:
    conflict = conflicts(Diet(ingredients=frozenset([avoided])), Dish(None, ("water", ingredient)))
    assert conflict.ingredients == (frozenset([avoided]) if found else frozenset())
    assert not conflict.undeclared, "who only won't eat something isn't harmed by what nobody declared"


def test_a_diet_says_nothing_of_itself_where_it_is_printed() -> None:
    assert "NUTS" not in f"{Diet(frozenset([Allergen.NUTS]))!r}{MemberDiet(allergens=[Allergen.NUTS])!r}".upper()
    assert "NUTS" not in repr(conflicts(Diet(frozenset([Allergen.NUTS])), Dish(frozenset([Allergen.NUTS])))).upper()


async def test_a_diet_is_kept_with_a_consent_of_its_own_and_goes_with_it_at_once(
    shop: Shop, app: FastAPI, owner_database_url: str
) -> None:
    path = f"/v1/members/{await shop.add_member_without_face()}/diet"
    assert verdict(await shop.client.get(path, headers=shop.staff)) == (404, "diet_not_kept")
    kept = await shop.do("PUT", path, json=DIET)
    assert (kept["allergens"], kept["ingredients"], kept["policy_version"]) == (["milk", "nuts"], ["pork"], "2026-01")
    again = await shop.do("PUT", path, json=DIET | {"allergens": []})
    assert (again["allergens"], again["accepted_at"]) == ([], kept["accepted_at"]), "to the same policy, agreed once"
    response = await shop.client.get(path, headers=shop.staff)
    assert (response.json(), response.headers["Cache-Control"]) == (again, "no-store")
    async with app.state.database.begin() as session:
        assert await diet_of(session, member_id=UUID(path.split("/")[3])) == Diet(ingredients=frozenset(["pork"]))
    await shop.do("DELETE", path)
    await shop.do("DELETE", path)
    assert naming(rows(owner_database_url), "pork") == set(), "and nothing says that it was there"


async def test_nothing_is_kept_without_consent_to_the_policy_in_force(open_shop: OpenShop) -> None:
    shop = await open_shop(diet_policy_version="2027-01")
    path = f"/v1/members/{await shop.add_member_without_face()}/diet"
    for body, refused in (
        (DIET, (409, "policy_outdated")),
        (DIET | {"consent": CONSENT | {"accepted": False}}, (422, "invalid_request")),
        ({"allergens": ["nuts"]}, (422, "invalid_request")),
        ({"consent": CONSENT}, (422, "invalid_request")),
        (DIET | {"allergens": ["gold"]}, (422, "invalid_request")),
    ):
        assert verdict(await shop.client.put(path, json=body, headers=shop.staff)) == refused
    assert verdict(await shop.client.get(path, headers=shop.staff)) == (404, "diet_not_kept")


async def test_who_only_reads_members_doesnt_see_what_they_eat(shop: Shop) -> None:
    path = f"/v1/members/{await shop.add_member_without_face()}/diet"
    await shop.do("PUT", path, json=DIET)
    body = {"username": "reader", "display_name": "Reader", "role": "auditor", "password": PASSWORD}
    await shop.do("POST", "/v1/staff", json=body)
    form = {"username": "reader", "password": PASSWORD}
    token = (await shop.client.post("/v1/auth/token", data=form)).json()["access_token"]
    reader = {"Authorization": f"Bearer {token}"}
    assert verdict(await shop.client.get(path, headers=reader)) == (403, "insufficient_scope")


async def test_an_erased_member_has_no_diet(shop: Shop, owner_database_url: str) -> None:
    member = await shop.add_member_without_face()
    await shop.do("PUT", f"/v1/members/{member}/diet", json=DIET)
    receipt = await shop.do("DELETE", f"/v1/members/{member}")
    assert receipt["erased"]["member_diet"] == 1
    assert rows(owner_database_url)["member_diet"] == []
