"""A wrong decision can be disputed, looked at again, and put right."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import select, text, update

from facepay.catalog.stock import Stock
from facepay.checkout.kiosk import Checkout
from facepay.identity.verdicts import WORTH_REVIEW
from facepay.kernel.database import Database
from facepay.review.marks import Mark
from tests.answers import verdict
from tests.conftest import OpenShop
from tests.photos import people, stranger, variant
from tests.review.counter import Counter
from tests.rewards.till import EARNING, add_coupon, assert_books_in_order, holdings, ledger_of, set_rules
from tests.shop import PASSWORD, PRICES, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
PHONES = "+8613800138001", "+8613800138002"


@pytest.fixture
def counter(shop: Shop) -> Counter:
    return Counter(shop)


@pytest.fixture
def database(app: FastAPI) -> Database:
    database: Database = app.state.database
    return database


async def marks(database: Database) -> list[tuple[str, float]]:
    async with database.begin() as session:
        return [(row.kind, row.similarity) for row in await session.scalars(select(Mark))]


async def test_a_payment_by_the_wrong_face_comes_back_and_the_pair_steps_up_from_then_on(
    shop: Shop, counter: Counter, database: Database
) -> None:
    await set_rules(shop, earning=EARNING)
    await add_coupon(shop)
    wronged = await shop.add_member(0, balance=100_000, phone=PHONES[0])
    actual = await shop.add_member(1, phone=PHONES[1])
    await shop.do("PUT", f"/v1/stores/{shop.store_id}/stock/TEA-001", json={"quantity": 5})
    before = await holdings(shop, wronged)
    paid = (await shop.at_kiosk(0, {"TEA-001": 2}, coupons=["WELCOME10"])).json()
    partly = {"amount": 100, "reason": "torn"}
    path = f"/v1/orders/{paid['order']['id']}/refunds"
    await shop.do("POST", path, json=partly, headers={"Idempotency-Key": "part-0001"})

    dispute = await counter.opened("checkout", paid["checkout_id"])
    seen = (await counter.see(dispute))["decision"]
    assert (seen["member_id"], seen["order_id"]) == (wronged, paid["order"]["id"])
    assert seen["similarity"] == paid["similarity"] > seen["threshold"]
    assert seen["margin"] == paid["margin"] > 0.1
    assert (seen["searched"], seen["pack"].split("@")[0]) == (2, "buffalo_sc")
    assert seen["basis"].startswith("pay_chain:0.0001 shipped@")
    assert seen["quality"]["eye_distance_px"] > 40

    receipt = await counter.resolved(dispute, "wrong", actual_member_id=actual)
    assert receipt["consequences"] == ["refunded", "pair_steps_up"]
    assert receipt["refund"]["amount"] == paid["order"]["total"] - 100
    assert actual not in str(receipt), "a receipt names no other member"
    assert receipt == await shop.do("GET", f"/v1/disputes/{dispute}/receipt")
    assert await holdings(shop, wronged) == before
    async with database.begin() as session:
        assert await session.scalar(select(Stock.quantity)) == 3, "the goods are gone"
    await assert_books_in_order(database)

    asked = (await shop.at_gate(0)).json()
    assert (asked["decision"], asked["code"]) == ("step_up", "lookalike")
    assert (await shop.at_kiosk(1, {"TEA-001": 1})).json()["code"] == "lookalike"
    (pair,) = (await shop.do("GET", "/v1/lookalikes", params={"member_id": actual}))["items"]
    assert (pair["reason"], set(pair["member_ids"])) == ("reviewed", {wronged, actual})
    assert (await counter.see(dispute))["actual_member_id"] == actual
    assert await marks(database) == [("impostor", seen["similarity"])]


async def test_a_member_whom_a_stranger_was_taken_for_always_steps_up_until_staff_lift_it(
    shop: Shop, counter: Counter, database: Database
) -> None:
    member = await shop.add_member(0, balance=10_000, phone=PHONES[0])
    entry = (await shop.at_gate(0)).json()
    dispute = await counter.opened("gate_attempt", entry["attempt_id"])
    receipt = await counter.resolved(dispute, "wrong")
    assert receipt["consequences"] == ["member_steps_up", "visit_closed"]
    assert receipt["refund"] is None

    asked = (await shop.at_gate(variant(people()[0], quality=60))).json()
    assert (asked["decision"], asked["code"]) == ("step_up", "watched_member"), "and they aren't inside already"
    path = f"/v1/gates/{shop.gate_id}/entries/{asked['attempt_id']}/step-up"
    proven = await shop.client.post(path, json={"answer": PHONES[0][-4:]}, headers=shop.gate)
    assert proven.json()["code"] == "welcome"
    (watch,) = (await shop.do("GET", "/v1/watches", params={"member_id": member}))["items"]
    lifted = await shop.do("POST", f"/v1/watches/{watch['id']}/lifting", json={"reason": "Enrolled again"})
    assert lifted["lifting"] == "Enrolled again"
    assert (await shop.do("GET", "/v1/watches"))["items"] == []
    assert (await shop.at_kiosk(0, {"TEA-001": 1})).json()["code"] == "paid"
    again = await shop.client.post(f"/v1/watches/{watch['id']}/lifting", json={"reason": "Twice"}, headers=shop.staff)
    assert verdict(again) == (404, "watch_not_found")
    assert [kind for kind, _ in await marks(database)] == ["impostor"]


async def test_a_right_decision_stays_may_be_disputed_again_and_counts_once_in_the_next_calibration(
    shop: Shop, counter: Counter, database: Database
) -> None:
    member = await shop.add_member(0, balance=10_000)
    paid, other = [(await shop.at_kiosk(0, {"TEA-001": 1})).json() for _ in range(2)]
    first = await counter.opened("checkout", paid["checkout_id"])
    assert verdict(await counter.dispute("checkout", paid["checkout_id"])) == (409, "already_disputed")
    assert verdict(await shop.client.get(f"/v1/disputes/{first}/receipt", headers=shop.staff)) == (404, "dispute_open")
    receipt = await counter.resolved(first, "right", note="The picture shows you")
    assert (receipt["verdict"], receipt["note"], receipt["consequences"]) == ("right", "The picture shows you", [])
    assert await shop.balance(member) == 10_000 - 2 * PRICES["TEA-001"]
    second = await counter.opened("checkout", paid["checkout_id"])
    await counter.resolved(second, "right")
    assert await marks(database) == [("genuine", paid["similarity"])], "however often it is found right"

    assert paid["similarity"] == other["similarity"], "so that one score could be taken for the other's"
    third = await counter.opened("checkout", other["checkout_id"])
    await counter.resolved(third, "right")
    last = await counter.opened("checkout", paid["checkout_id"])
    assert (await counter.resolved(last, "wrong"))["consequences"] == ["refunded", "member_steps_up"]
    scores = [(kind, paid["similarity"]) for kind in ("genuine", "impostor")]
    assert sorted(await marks(database)) == scores, "it was never a true match, and the other still is one"
    assert verdict(await counter.dispute("checkout", paid["checkout_id"])) == (409, "already_disputed")
    assert [each["id"] for each in (await shop.do("GET", "/v1/disputes"))["items"]] == [last, third, second, first]


async def test_what_waits_for_a_second_factor_is_disputed_once_it_is_decided(open_shop: OpenShop) -> None:
    shop = await open_shop(step_up_above=0)
    counter, member = Counter(shop), await shop.add_member(0, balance=10_000, phone=PHONES[0])
    asked = (await shop.at_kiosk(0, {"TEA-001": 1})).json()
    checkout = asked["checkout_id"]
    assert verdict(await counter.dispute("checkout", checkout)) == (409, "decision_pending")
    path = f"/v1/kiosks/{shop.kiosk_id}/checkouts/{checkout}/step-up"
    headers = shop.kiosk | {"Idempotency-Key": "answer-0001"}
    paid = await shop.client.post(path, json={"answer": PHONES[0][-4:]}, headers=headers)
    assert paid.json()["code"] == "paid"
    receipt = await counter.resolved(await counter.opened("checkout", checkout), "wrong")
    assert receipt["consequences"] == ["refunded", "member_steps_up"]
    assert await shop.balance(member) == 10_000


async def test_of_two_who_resolve_at_once_one_does_and_a_retry_gets_the_same_receipt(
    shop: Shop, counter: Counter, database: Database
) -> None:
    member = await shop.add_member(0, balance=10_000)
    actual = await shop.add_member_without_face()
    paid = (await shop.at_kiosk(0, {"UMB-003": 1})).json()
    dispute = await counter.opened("checkout", paid["checkout_id"])
    path = f"/v1/orders/{paid['order']['id']}/refunds"
    refund = shop.client.post(path, json={"reason": "torn"}, headers=shop.staff | {"Idempotency-Key": "refund-0001"})
    answers = await asyncio.gather(
        counter.resolve(dispute, "wrong", key="one", actual_member_id=actual),
        counter.resolve(dispute, "wrong", key="two"),
        counter.resolve(dispute, "right", key="three"),
        refund,
    )
    won = [each for each in answers[:3] if each.status_code == 200]
    lost = {verdict(each) for each in answers[:3] if each.status_code != 200}
    assert (len(won), lost) == (1, {(409, "dispute_resolved")})
    assert answers[3].status_code == 201 or verdict(answers[3]) == (409, "refund_exceeds_order")
    key = ("one", "two", "three")[answers.index(won[0])]
    body = {"actual_member_id": actual} if key == "one" else {}
    again = await counter.resolve(dispute, "right" if key == "three" else "wrong", key=key, **body)
    assert again.json() == won[0].json()
    assert again.headers["Idempotency-Replayed"] == "true"
    order = await shop.do("GET", f"/v1/orders/{paid['order']['id']}")
    assert await shop.balance(member) == 10_000 - PRICES["UMB-003"] + order["refunded"]
    await assert_books_in_order(database)


async def test_two_members_taken_for_each_other_are_put_right_at_the_same_moment(
    shop: Shop, counter: Counter, database: Database
) -> None:
    members = [await shop.add_member(number, balance=10_000) for number in (0, 1)]
    paid = [(await shop.at_kiosk(number, {"TEA-001": 1})).json()["checkout_id"] for number in (0, 1)]
    opened = [await counter.opened("checkout", each) for each in paid]
    receipts = await asyncio.gather(
        counter.resolved(opened[0], "wrong", actual_member_id=members[1]),
        counter.resolved(opened[1], "wrong", actual_member_id=members[0]),
    )
    assert [each["consequences"] for each in receipts] == [["refunded", "pair_steps_up"]] * 2
    assert len((await shop.do("GET", "/v1/lookalikes"))["items"]) == 1
    assert await ledger_of(database, "wallet", members[0]) == 10_000


async def test_what_staff_dispute_themselves_somebody_else_resolves(shop: Shop, counter: Counter) -> None:
    payer = await shop.add_member_without_face(balance=10_000)
    paid = (await shop.pass_at_kiosk((await shop.issue_pass(payer))["pass"], {"TEA-001": 1})).json()
    operator, second = await sign_in(shop, "wu", "operator"), await sign_in(shop, "lin", "owner")
    dispute = (await counter.dispute("checkout", paid["checkout_id"], said_by="staff")).json()["id"]
    assert verdict(await counter.resolve(dispute, "wrong")) == (403, "own_dispute")
    for staff in (operator, await sign_in(shop, "he", "auditor")):
        assert verdict(await Counter(Shop(shop.client, staff)).resolve(dispute, "wrong")) == (403, "insufficient_scope")
        assert verdict(await Counter(Shop(shop.client, staff)).look(dispute)) == (403, "insufficient_scope")
    by_second = Counter(Shop(shop.client, second))
    same = await by_second.resolve(dispute, "wrong", actual_member_id=payer)
    assert verdict(same) == (422, "one_member_twice"), "that would be right"
    nobody = await by_second.resolve(dispute, "wrong", actual_member_id=str(uuid4()))
    assert verdict(nobody) == (404, "member_not_found")
    assert (await by_second.resolve(dispute, "wrong")).status_code == 200


async def sign_in(shop: Shop, username: str, role: str) -> dict[str, str]:
    body = {"username": username, "display_name": username, "role": role, "password": PASSWORD}
    await shop.do("POST", "/v1/staff", json=body)
    form = {"username": username, "password": PASSWORD}
    token = (await shop.client.post("/v1/auth/token", data=form)).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


async def test_a_refusal_can_be_disputed_too_and_nothing_follows_from_it(
    shop: Shop, counter: Counter, database: Database
) -> None:
    refused = (await shop.at_gate(stranger())).json()
    dispute = await counter.opened("gate_attempt", refused["attempt_id"])
    assert (await counter.see(dispute))["decision"]["similarity"] is None
    assert (await counter.resolved(dispute, "wrong"))["consequences"] == []
    assert await marks(database) == []


async def test_a_stolen_pass_is_refunded_and_says_nothing_of_a_face(
    shop: Shop, counter: Counter, database: Database
) -> None:
    member = await shop.add_member(0, balance=10_000)
    stolen = (await shop.issue_pass(member))["pass"]
    paid = (await shop.pass_at_kiosk(stolen, {"TEA-001": 1})).json()
    dispute = await counter.opened("checkout", paid["checkout_id"])
    assert (await counter.resolved(dispute, "wrong"))["consequences"] == ["refunded"]
    assert await shop.balance(member) == 10_000
    assert (await shop.at_gate(0)).json()["code"] == "welcome"
    assert await marks(database) == []


async def test_who_is_meant_has_to_be_another_member_and_the_decision_has_to_be_there(
    shop: Shop, counter: Counter
) -> None:
    member = await shop.add_member(0, balance=10_000)
    paid = (await shop.at_kiosk(0, {"TEA-001": 1})).json()
    nothing = str(uuid4())
    assert verdict(await counter.dispute("gate_attempt", paid["checkout_id"])) == (404, "decision_not_found")
    dispute = await counter.opened("checkout", paid["checkout_id"])
    same = await counter.resolve(dispute, "wrong", actual_member_id=member)
    assert verdict(same) == (422, "one_member_twice")
    assert verdict(await counter.resolve(dispute, "wrong", actual_member_id=nothing)) == (404, "member_not_found")
    assert verdict(await counter.resolve(dispute, "right", actual_member_id=nothing)) == (422, "invalid_request")
    assert verdict(await counter.resolve(nothing, "wrong")) == (404, "dispute_not_found")
    assert await shop.balance(member) == 10_000 - PRICES["TEA-001"], "a refusal undoes the refund with it"


async def test_what_was_learned_of_a_wronged_member_is_dropped(open_shop: OpenShop) -> None:
    shop = await open_shop(template_learning="entries")
    counter, member = Counter(shop), await shop.add_member(0)
    entry = (await shop.at_gate(variant(people()[0], quality=90, scale=1.1))).json()
    learned = [each["origin"] for each in await templates(shop, member)]
    assert learned == ["enrolled", "adapted"], "there has to be something to drop"
    receipt = await counter.resolved(await counter.opened("gate_attempt", entry["attempt_id"]), "wrong")
    assert "learned_dropped" in receipt["consequences"]
    assert [each["origin"] for each in await templates(shop, member)] == ["enrolled"]


async def templates(shop: Shop, member: str) -> Any:
    return (await shop.do("GET", f"/v1/members/{member}/export"))["tables"]["template"]


async def test_staff_find_what_is_worth_a_look_without_looking_through_everything(
    shop: Shop, counter: Counter, database: Database
) -> None:
    await shop.add_member(0, balance=10_000)
    sure, near, failed = [(await shop.at_kiosk(0, {"TEA-001": 1})).json()["checkout_id"] for _ in range(3)]
    async with database.begin() as session:
        for decision, changes in (
            (near, {"similarity": Checkout.threshold + 0.04}),
            (failed, {"code": "wrong_answer"}),
        ):
            await session.execute(update(Checkout).where(Checkout.id == UUID(decision)).values(changes))
        await session.execute(text("set local enable_seqscan = off"))
        query = select(Checkout).where(text(WORTH_REVIEW)).order_by(Checkout.id.desc()).limit(51)
        sql = query.compile(dialect=database.engine.dialect, compile_kwargs={"literal_binds": True})
        plan = "\n".join(row[0] for row in await session.execute(text(f"explain {sql}")))
    assert "ix_checkout_worth_review" in plan

    async def queue(**params: str) -> list[str]:
        return [each["id"] for each in (await shop.do("GET", "/v1/review-queue", params=params))["items"]]

    assert await queue() == await queue(store_id=shop.store_id) == [failed, near]
    assert await queue(store_id=str(uuid4())) == await queue(kind="gate_attempt") == []
    dispute = await counter.opened("checkout", near)
    assert await queue() == [failed]
    for params, found in (
        ({"open": True}, [dispute]),
        ({"open": False}, []),
        ({"kind": "gate_attempt"}, []),
        ({"kind": "checkout", "store_id": shop.store_id}, [dispute]),
        ({"store_id": str(uuid4())}, []),
    ):
        items = (await shop.do("GET", "/v1/disputes", params=params))["items"]
        assert [each["id"] for each in items] == found, params
    assert sure not in [failed, near]
