"""What a mirror advises: garments that are here, that fit, that go together, and that the person likes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fitting.cabin import STYLES, Cabin, agree, hang_up, sku_of
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


def skus(advice: Any) -> list[set[str]]:
    return [{piece["sku"] for piece in outfit["pieces"]} for outfit in advice["outfits"]]


def worn(advice: Any) -> set[str]:
    return set().union(*skus(advice)) if advice["outfits"] else set()


async def test_outfits_are_whole_fit_and_are_made_of_what_is_here(shop: Shop) -> None:
    cabin = await Cabin.set_up(shop)
    await hang_up(shop)
    session = await cabin.stand()
    advice = await cabin.outfits(session, occasion="work")
    assert len(advice["outfits"]) == 3
    assert advice["occasions"] == ["leisure", "work"]
    assert advice["profiled"] is False
    for outfit in advice["outfits"]:
        assert [piece["style"] for piece in outfit["pieces"]] == ["SHIRT", "CHINO"]
        assert outfit["total"] == outfit["your_price"] == sum(piece["price"] for piece in outfit["pieces"])
        assert outfit["reasons"]
    first = advice["outfits"][0]["number"]
    size = {"width": 360, "height": 450}
    card = await cabin.send("GET", f"{session}/outfits/{first}.png", params=size)
    assert (card.headers["Content-Type"], card.headers["Cache-Control"]) == ("image/png", "no-store")
    await cabin.do("PUT", f"{session}/sizes", json={"sizes": {"top": "l", "bottom": "M"}})
    for sku in (sku_of("SHIRT", "NAVY", "L"), sku_of("SHIRT", "WHITE", "L")):
        await shop.do("PUT", f"/v1/stores/{shop.store_id}/stock/{sku}", json={"quantity": 0})
    fitted = await cabin.outfits(session, occasion="work")
    assert [outfit["number"] for outfit in fitted["outfits"]] == [4, 5, 6][: len(fitted["outfits"])]
    for number in (first, 0, 99):
        gone = await cabin.send("GET", f"{session}/outfits/{number}.png")
        assert (gone.status_code, gone.json()["code"]) == (404, "outfit_not_found")
    tops = {piece["sku"] for outfit in fitted["outfits"] for piece in outfit["pieces"] if piece["kind"] == "top"}
    bottoms = {piece["size"] for outfit in fitted["outfits"] for piece in outfit["pieces"] if piece["kind"] == "bottom"}
    assert (tops, bottoms) == ({sku_of("SHIRT", "RED", "L")}, {"M"})
    cheap = await cabin.outfits(session, budget=40_000)
    assert cheap["outfits"]
    assert all(outfit["total"] <= 40_000 for outfit in cheap["outfits"])
    assert (await cabin.outfits(session, budget=1))["outfits"] == []
    assert (await cabin.outfits(session, occasion="weddings"))["outfits"] == []


async def test_what_is_disliked_doesnt_come_again_and_what_is_liked_has_more_like_it_come(shop: Shop) -> None:
    cabin = await Cabin.set_up(shop)
    await hang_up(shop)
    session = await cabin.stand()
    first = await cabin.outfits(session, occasion="leisure")
    [tee] = [piece for piece in first["outfits"][0]["pieces"] if piece["kind"] == "top"]
    said = await cabin.do("POST", f"{session}/feedback", json={"sku": tee["sku"], "verdict": "disliked"})
    assert said == {"learnt": False}
    colour = tee["sku"].split("-")[1]
    second = await cabin.outfits(session, occasion="leisure")
    assert second["outfits"]
    assert not worn(second) & {sku_of("TEE", colour, size) for size in ("M", "L")}
    number, pieces = second["outfits"][0]["number"], skus(second)[0]
    await cabin.do("POST", f"{session}/feedback", json={"outfit": number, "verdict": "disliked"})
    assert pieces not in skus(await cabin.outfits(session, occasion="leisure"))
    other = await cabin.stand()
    assert skus(await cabin.outfits(other, occasion="leisure")) == skus(first)
    *_, last = (await cabin.outfits(other, occasion="leisure"))["outfits"]
    [tee] = [piece["sku"] for piece in last["pieces"] if piece["kind"] == "top"]
    await cabin.do("POST", f"{other}/feedback", json={"sku": tee, "verdict": "liked"})
    after = await cabin.outfits(other, occasion="leisure")
    better = [each["score"] for each in after["outfits"] if tee in {piece["sku"] for piece in each["pieces"]}]
    assert max(better) > last["score"] + 0.05


async def test_what_is_said_is_learnt_only_of_members_who_agreed(shop: Shop) -> None:
    cabin, member = await Cabin.set_up(shop), await shop.add_member(0)
    await hang_up(shop)
    session = await cabin.stand(0)
    sku = sku_of("SHIRT", "RED", "M")
    dislikes = {"sku": sku, "verdict": "disliked"}
    assert await cabin.do("POST", f"{session}/feedback", json=dislikes) == {"learnt": False}
    await agree(shop, member)
    assert (await cabin.do("GET", session))["profiled"] is True
    assert await cabin.do("POST", f"{session}/feedback", json=dislikes) == {"learnt": True}
    await cabin.do("POST", f"{session}/feedback", json={"sku": sku, "verdict": "tried_on"})
    await cabin.send("DELETE", session)
    later = await cabin.outfits(await cabin.stand(0), occasion="work")
    assert later["outfits"]
    assert not any(each.startswith("SHIRT-RED") for each in worn(later))
    for body in ({"sku": "TEA-001", "verdict": "liked"}, {"outfit": 999, "verdict": "liked"}):
        session = await cabin.stand(0)
        assert (await cabin.send("POST", f"{session}/feedback", json=body)).status_code == 404
    for wrong in (
        {"verdict": "liked"},
        {"sku": sku, "outfit": 1, "verdict": "liked"},
        {"sku": sku, "verdict": "loved"},
    ):
        assert (await cabin.send("POST", f"{session}/feedback", json=wrong)).status_code == 422


async def test_purchases_say_what_fits_and_what_is_owned_once_a_member_has_agreed(shop: Shop) -> None:
    cabin, member = await Cabin.set_up(shop), await shop.add_member(0, balance=100_000)
    await hang_up(shop)
    bought = await cabin.pay(0, {"lines": [{"sku": sku_of("SHIRT", "WHITE", "L"), "quantity": 1}]})
    assert bought["decision"] == "paid", bought
    session = await cabin.stand(0)
    assert (await cabin.outfits(session))["sizes"] == {}
    await agree(shop, member)
    advice = await cabin.outfits(session)
    assert (advice["sizes"], advice["profiled"]) == ({"top": "L"}, True)
    tops = [piece for outfit in advice["outfits"] for piece in outfit["pieces"] if piece["kind"] == "top"]
    assert {(piece["style"], piece["size"]) for piece in tops} == {("TEE", "L")}


async def test_garments_come_as_lists_and_as_files(shop: Shop) -> None:
    await hang_up(shop, sizes=("M",))
    file = "sku,style,kind,size,occasions\nTEA-001,COAT,outer,,work; party\nBAO-002,COAT,boots,M,\nNONE,COAT,outer,M,\n"
    as_csv = {"Content-Type": "text/csv"}
    refused = await shop.client.post("/v1/garments/import", content=file, headers=shop.staff | as_csv)
    assert refused.json()["code"] == "bad_lines"
    assert [(each["line"], each["field"], each["code"]) for each in refused.json()["bad"]] == [
        (3, "kind", "enum"),
        (4, "sku", "product_not_found"),
    ]
    report = await shop.do("POST", "/v1/garments/import", params={"skip_bad": True}, content=file, headers=as_csv)
    assert (report["imported"], report["garments"], report["bad_lines"]) == (True, 1, 2)
    [coat] = (await shop.do("GET", "/v1/garments", params={"style": "COAT"}))["items"]
    assert (coat["sku"], coat["size"], coat["occasions"]) == ("TEA-001", None, ["party", "work"])
    unknown = [{"sku": "NONE", "style": "X", "kind": "top"}]
    answer = await shop.client.put("/v1/garments", json=unknown, headers=shop.staff)
    assert (answer.status_code, answer.json()["code"], answer.json()["skus"]) == (422, "no_garments", ["NONE"])
    await shop.do("DELETE", "/v1/garments/TEA-001")
    listed = (await shop.do("GET", "/v1/garments"))["items"]
    assert len(listed) == 3 * len(STYLES)
