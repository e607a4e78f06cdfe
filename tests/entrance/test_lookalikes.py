"""Members who look alike: turns, guests, passes and locks while the gate waits for a second factor."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.answers import verdict
from tests.channel.line import gate_of, tell
from tests.conftest import Clock
from tests.entrance.doors import StillClock, answer, enter, show, start, visit
from tests.photos import camera_frame
from tests.shop import Shop

# A margin that nobody reaches.
pytestmark = [pytest.mark.anyio, pytest.mark.reopened(match_margin_min=0.99)]
NOBODY = camera_frame([])


@pytest.fixture(scope="module")
def clock_of_module() -> Clock:
    return StillClock()


async def finish(shop: Shop, attempt: dict[str, Any], **body: str) -> Any:
    path = f"/v1/gates/{shop.gate_id}/entries/{attempt['attempt_id']}/step-up"
    return (await shop.client.post(path, json=body, headers=shop.gate)).json()


async def test_a_second_factor_is_waited_for_and_nobody_has_to_look_up_meanwhile(shop: Shop, clock: Clock) -> None:
    member_id = await shop.add_member(0, phone="+8613800138001")
    await shop.add_member(1, phone="+8613800138002")
    turn = (await start(shop)).json()
    assert verdict(await answer(shop, turn, "8001")) == (404, "attempt_not_found")
    until = (await show(shop, turn, 0))["expires_at"]
    clock.ahead += timedelta(seconds=50)
    again = await show(shop, turn, 0)
    assert again["expires_at"] == until > turn["expires_at"], "unsure frames don't make a turn longer and longer"
    clock.ahead += timedelta(seconds=10)
    assert (await answer(shop, turn, "8001")).json()["code"] == "turn_expired"

    turn = (await start(shop, "trip-2")).json()
    asked = await show(shop, turn, 0)
    assert (asked["authentication"], asked["decision"], asked["code"]) == ("processing", "step_up", "ambiguous_face")
    assert asked["step_up"]["factor"] == "phone_last_four"
    outside = f"/v1/gates/{shop.gate_id}/entries/{asked['attempt_id']}/step-up"
    refused = await shop.client.post(outside, json={"answer": "8001"}, headers=shop.gate)
    assert verdict(refused) == (409, "device_busy")
    clock.ahead += timedelta(seconds=30)
    assert (await show(shop, turn, NOBODY))["authentication"] == "processing"
    wrong = (await answer(shop, turn, "0000")).json()
    assert (wrong["authentication"], wrong["code"], wrong["answers_left"]) == ("processing", "wrong_answer", 2)
    opened = (await answer(shop, turn, "8001")).json()
    assert (opened["authentication"], opened["member"]["id"]) == ("accepted", member_id)
    assert (await answer(shop, turn, "8001")).json()["visit_id"] == opened["visit_id"]


async def test_who_was_asked_for_digits_before_the_lock_stays_outside_with_their_guests(shop: Shop) -> None:
    await shop.add_member(0, phone="+8613800138001")
    await shop.add_member(1, phone="+8613800138002")
    asked = await enter(shop, 0, guests=3)
    assert (asked["decision"], asked["command_number"]) == ("step_up", 0)
    await tell(shop, gate_of(shop), {"kind": "lock"})
    held = await finish(shop, asked, answer="8001")
    assert (held["decision"], held["code"], held["command_number"]) == ("deny", "gate_locked", 1)
    await tell(shop, gate_of(shop), {"kind": "unlock"})
    opened = await finish(shop, asked, answer="8001")
    assert (opened["decision"], opened["command_number"]) == ("open", 2)
    assert (await visit(shop, opened["visit_id"]))["guests"] == 3


async def test_a_pass_tells_members_apart_whom_a_face_does_not(shop: Shop, clock: Clock) -> None:
    first, second = [await shop.add_member(number) for number in range(2)]
    for _ in range(5):
        assert (await finish(shop, (await shop.at_gate(0)).json(), answer="0000"))["code"] == "wrong_answer"
    closed = await shop.at_gate(0)
    assert closed.json()["code"] == "step_up_impossible", "wrong answers close it to passes too"
    opened = await shop.pass_at_gate((await shop.issue_pass(first))["pass"])
    assert opened.json()["code"] == "welcome", "and leave the gate open"

    clock.ahead += timedelta(minutes=15, seconds=1)
    for member_id in (first, second):
        await shop.do("PUT", f"/v1/members/{member_id}/pin", json={"pin": "739150"})
    third = await shop.issue_pass(await shop.add_member_without_face())
    attempt = (await shop.at_gate(0)).json()
    assert attempt["step_up"]["factor"] == "pin"
    assert (await finish(shop, attempt, **{"pass": third["pass"]}))["code"] == "wrong_answer"
    found = await finish(shop, attempt, **{"pass": (await shop.issue_pass(second))["pass"]})
    assert (found["decision"], found["member"]["id"], found["identified_by"]) == ("open", second, "face")
    uses = (await shop.do("GET", f"/v1/members/{second}/biometric-uses"))["items"]
    assert uses[0]["use"] == "stepped_up"
    # The third's was not theirs to spend, and a pass is spent by a step-up as by a gate.
    assert (await shop.pass_at_gate(third["pass"])).json()["code"] == "welcome"
    assert (await finish(shop, attempt, answer="1234", **{"pass": third["pass"]}))["code"] == "invalid_request"
    assert (await finish(shop, attempt))["code"] == "invalid_request"
