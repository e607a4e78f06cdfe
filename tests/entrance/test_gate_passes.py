"""Whoever shows no face comes in by the same gates, at the same hours, with a pass from the shop's app."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from facepay.identity.passes import WRONG_CODES_MAX
from tests.conftest import Clock
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def test_a_member_who_consented_to_nothing_comes_in_and_goes_out(shop: Shop) -> None:
    member_id = await shop.add_member_without_face()
    issued = await shop.issue_pass(member_id)
    first, again = [await shop.pass_at_gate(issued["pass"], key="entry-0001") for _ in range(2)]
    opened = first.json()
    assert (opened["decision"], opened["code"], opened["identified_by"]) == ("open", "welcome", "pass")
    assert (opened["member"]["id"], opened["similarity"], opened["narrowed_by"]) == (member_id, None, None)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == opened
    other = await shop.pass_at_gate(issued["code"], key="entry-0001")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    left = (await shop.pass_at_gate((await shop.issue_pass(member_id))["code"], "exits")).json()
    assert (left["code"], left["visit_id"]) == ("goodbye", opened["visit_id"])
    attempts = (await shop.do("GET", f"/v1/stores/{shop.store_id}/gate-attempts"))["items"]
    assert [(each["identified_by"], each["member_id"]) for each in attempts] == [("pass", member_id)] * 2
    assert (await shop.do("GET", f"/v1/members/{member_id}/biometric-uses"))["items"] == []


async def test_a_pass_opens_once_for_a_minute_and_until_there_is_a_new_one(shop: Shop, clock: Clock) -> None:
    member_id = await shop.add_member_without_face()
    first, second = [await shop.issue_pass(member_id) for _ in range(2)]
    assert (await shop.pass_at_gate(first["pass"])).json()["code"] == "pass_unknown"
    assert (await shop.pass_at_gate(second["pass"])).json()["code"] == "welcome"
    spent = (await shop.pass_at_gate(second["pass"], "exits")).json()
    assert (spent["decision"], spent["code"], spent["member"]) == ("deny", "pass_spent", None)
    assert spent["feedback"][0]["code"] == "pass_spent"
    assert (await shop.pass_at_gate(second["code"], "exits")).json()["code"] == "pass_spent"
    third = await shop.issue_pass(member_id)
    clock.ahead += timedelta(seconds=61)
    assert (await shop.pass_at_gate(third["pass"], "exits")).json()["code"] == "pass_expired"


async def test_of_many_gates_that_are_shown_one_pass_one_opens(shop: Shop) -> None:
    gates = [await shop.add_device("gate") for _ in range(4)]
    issued = await shop.issue_pass(await shop.add_member_without_face())
    answers = await asyncio.gather(*(shop.pass_at_gate(issued["pass"], gate=gate) for gate in gates))
    assert sorted(answer.json()["code"] for answer in answers) == ["pass_spent"] * 3 + ["welcome"]


async def test_a_member_who_was_blocked_meanwhile_stays_outside_but_is_let_out(shop: Shop) -> None:
    member_id = await shop.add_member_without_face()
    await shop.pass_at_gate((await shop.issue_pass(member_id))["pass"])
    leaving = await shop.issue_pass(member_id)
    await shop.do("PATCH", f"/v1/members/{member_id}", json={"status": "blocked"})
    assert (await shop.pass_at_gate(leaving["pass"], "exits")).json()["code"] == "goodbye"
    await shop.do("PATCH", f"/v1/members/{member_id}", json={"status": "active"})
    entering = await shop.issue_pass(member_id)
    await shop.do("PATCH", f"/v1/members/{member_id}", json={"status": "blocked"})
    refused = (await shop.pass_at_gate(entering["pass"])).json()
    assert (refused["decision"], refused["code"]) == ("deny", "member_blocked")


def wrong(issued: dict[str, Any]) -> str:
    return f"{(int(issued['code']) + 1) % 10**8:08}"


async def codes(*calls: Any) -> list[str]:
    answers: list[httpx.Response] = await asyncio.gather(*calls)
    return sorted(answer.json()["code"] for answer in answers)


async def test_wrong_codes_lock_the_keypad_of_one_gate_and_no_qr_code(shop: Shop, clock: Clock) -> None:
    member_id = await shop.add_member_without_face()
    other = await shop.add_device("gate")
    issued = await shop.issue_pass(member_id)
    # Side by side: each guess is counted before the next is tried.
    found = await codes(*(shop.pass_at_gate(wrong(issued)) for _ in range(WRONG_CODES_MAX + 2)))
    assert found == ["pass_codes_locked"] * 2 + ["pass_unknown"] * WRONG_CODES_MAX
    locked = (await shop.pass_at_gate(issued["code"])).json()
    assert (locked["decision"], locked["code"]) == ("deny", "pass_codes_locked")
    assert (await shop.pass_at_gate(issued["pass"])).json()["code"] == "welcome"
    elsewhere = await shop.issue_pass(member_id)
    assert (await shop.pass_at_gate(elsewhere["code"], "exits", gate=other)).json()["code"] == "goodbye"
    clock.ahead += timedelta(minutes=5)
    later = await shop.issue_pass(member_id)
    assert (await shop.pass_at_gate(later["code"])).json()["code"] == "welcome"


async def test_a_code_of_ones_own_buys_no_further_guesses(shop: Shop) -> None:
    member_id = await shop.add_member_without_face()
    for way in ("entries", "exits"):
        issued = await shop.issue_pass(member_id)
        for _ in range(2):
            assert (await shop.pass_at_gate(wrong(issued), way)).json()["code"] == "pass_unknown"
        assert (await shop.pass_at_gate(issued["code"], way)).json()["decision"] == "open"
    assert await codes(shop.pass_at_gate("00000000")) == ["pass_unknown"]
    assert await codes(shop.pass_at_gate("00000000")) == ["pass_codes_locked"]


async def test_what_is_no_pass_is_refused_before_it_is_looked_for(shop: Shop) -> None:
    for text in ("1234567", "123456789", "short", "a" * 52):
        response = await shop.pass_at_gate(text)
        assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
