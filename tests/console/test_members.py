"""Members in the console: added with their consent, enrolled, paid for, forgotten."""

from __future__ import annotations

import pytest

from tests.console.desk import OURS, signed_in
from tests.nightwatch.watch import enter_by_pass
from tests.photos import people
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def test_a_member_is_added_enrolled_from_photos_and_erased_by_name(shop: Shop) -> None:
    await signed_in(shop)
    form = {"name": "Mei Ling", "agreed": "true"}
    added = await shop.client.post("/console/members", data=form, headers=OURS)
    face = added.headers["location"]
    member = face.removesuffix("/face")
    assert "No face is enrolled." in (await shop.client.get(face)).text
    checked = await shop.client.post(
        f"{face}/check", content=people()[4], headers=OURS | {"Content-Type": "image/jpeg"}
    )
    assert checked.json() == {"good": True, "advice": []}
    photos = [("frames", ("one.jpg", people()[4], "image/jpeg"))]
    assert (await shop.client.post(face, files=photos, headers=OURS)).headers["location"] == face
    assert "Quality of the photos" in (await shop.client.get(face)).text
    assert "enrolled" in (await shop.client.get(f"{member}/uses")).text
    assert "Mei Ling" in (await shop.client.get("/console/members", params={"search": "Mei"})).text
    key = {"key": "erase-mei-ling-1"}
    refused = await shop.client.post(f"{member}/erasure", data=key | {"name": "Mei"}, headers=OURS)
    assert (refused.status_code, "name_differs" in refused.text) == (422, True)
    erased = await shop.client.post(f"{member}/erasure", data=key | {"name": "Mei Ling"}, headers=OURS)
    assert "Receipt of an erasure" in erased.text
    assert (await shop.client.get(member)).status_code == 404


async def test_a_consent_is_withdrawn_with_a_receipt_and_given_again(shop: Shop) -> None:
    member_id = await shop.add_member(3)
    await signed_in(shop)
    path = f"/console/members/{member_id}"
    receipt = await shop.client.post(f"{path}/withdrawal", data={"key": "withdraw-once-1"}, headers=OURS)
    assert "Receipt of an erasure" in receipt.text
    assert "Their consent comes first." in (await shop.client.get(f"{path}/face")).text
    again = await shop.client.post(f"{path}/consent", data={"agreed": "true"}, headers=OURS)
    assert again.headers["location"] == path
    assert "Their consent comes first." not in (await shop.client.get(f"{path}/face")).text


async def test_a_wallet_is_topped_up_once_and_frozen(shop: Shop) -> None:
    member_id = await shop.add_member_without_face()
    await signed_in(shop)
    path = f"/console/members/{member_id}/wallet"
    currency = (await shop.do("GET", f"/v1/members/{member_id}/wallet"))["currency"]
    for _ in range(2):
        form = {"amount": "12.50", "currency": currency, "key": "console-top-up-1"}
        assert (await shop.client.post(f"{path}/top-ups", data=form, headers=OURS)).status_code == 303
    (topped_up,) = (await shop.do("GET", f"/v1/members/{member_id}/wallet/top-ups"))["items"]
    assert (topped_up["amount"], topped_up["currency"]) == (1250, "CNY")
    await shop.client.post(f"{path}/freeze", data={"reason": "Lost phone"}, headers=OURS)
    assert "Lost phone" in (await shop.client.get(path)).text
    await shop.client.post(f"{path}/thaw", headers=OURS)
    assert "Lost phone" not in (await shop.client.get(path)).text


async def test_an_auditor_reads_and_changes_nothing(shop: Shop) -> None:
    member_id = await shop.add_member_without_face()
    await shop.do(
        "POST",
        "/v1/staff",
        json={"username": "reader", "display_name": "Reader", "role": "auditor", "password": "a long enough one"},
    )
    await signed_in(shop, "reader", "a long enough one")
    page = await shop.client.get(f"/console/members/{member_id}")
    assert (page.status_code, "<h2>Erase</h2>" in page.text) == (200, False)
    refused = await shop.client.post(f"/console/members/{member_id}/pin", data={"pin": "739150"}, headers=OURS)
    assert refused.status_code == 403


async def test_a_member_is_seen_from_every_side_and_set_limits_family_and_diet(shop: Shop) -> None:
    member_id = await shop.add_member_without_face(balance=20_000)
    child = await shop.add_member_without_face(name="Xiao Mei")
    await enter_by_pass(shop, member_id)
    paid = await shop.pass_at_kiosk((await shop.issue_pass(member_id))["pass"], {"TEA-001": 1})
    assert paid.json()["decision"] == "paid"
    await signed_in(shop)
    path = f"/console/members/{member_id}"

    async def sent(to: str, **form: str) -> None:
        answer = await shop.client.post(f"{path}/{to}", data=form, headers=OURS)
        assert answer.status_code == 303, answer.text

    async def seen(at: str) -> str:
        page = await shop.client.get(f"{path}/{at}")
        assert page.status_code == 200, page.text
        return page.text

    store = (await shop.do("GET", f"/v1/stores/{shop.store_id}"))["name"]
    assert store in await seen("visits")
    assert store in await seen("orders")
    assert "Nothing yet." in await seen("orders?bought=true")
    assert "Nothing yet." in await seen("notices")
    await sent("gifts", amount="5.00", currency="CNY", until="2099-01-01", key="console-gift-1")
    assert "CN¥5.00" in await seen("rewards")
    await sent("limits", payment_max="12.50", ten_minute_payments_max="3")
    assert 'value="12.50"' in await seen("limits")
    limits = await shop.do("GET", f"/v1/members/{member_id}/limits")
    assert (limits["payment_max"], limits["ten_minute_payments_max"], limits["step_up_above"]) == (1250, 3, None)
    assert "They belong to no family." in await seen("family")
    await sent("family")
    await sent("family/members", person="Xiao Mei", role="child", daily_max="20")
    assert "Xiao Mei" in await seen("family")
    await sent(f"family/members/{child}/removal")
    assert "Xiao Mei" not in await seen("family")
    await sent("diet", allergens="peanuts", ingredients="pork; lard", agreed="true")
    assert "lard; pork" in await seen("diet")
    await sent("diet/removal")
    assert "pork" not in await seen("diet")
    await sent("age", born_on="1990-05-17")
    assert "1990-05-17" in (await shop.client.get(path)).text
    (order,) = (await shop.do("GET", "/v1/orders", params={"member_id": member_id}))["items"]
    month = await shop.client.get(f"{path}/wallet/month", params={"month": order["created_at"][:7]})
    assert (month.status_code, month.headers["content-security-policy"].startswith("default-src 'none'")) == (200, True)
