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


async def test_unsure_frames_don_t_make_a_turn_longer_and_longer(shop: Shop, clock: Clock) -> None:
    await shop.add_member(0, phone="+8613800138001")
    await shop.add_member(1, phone="+8613800138002")
    turn = (await start(shop)).json()
    assert verdict(await answer(shop, turn, "8001")) == (404, "attempt_not_found")
    until = (await show(shop, turn, 0))["expires_at"]
    clock.ahead += timedelta(seconds=50)
    assert (await show(shop, turn, 0))["expires_at"] == until > turn["expires_at"]
    clock.ahead += timedelta(seconds=10)
    assert (await answer(shop, turn, "8001")).json()["code"] == "turn_expired"


async def test_guests_wait_for_their_member_s_second_factor(shop: Shop) -> None:
    await shop.add_member(0, phone="+8613800138001")
    await shop.add_member(1, phone="+8613800138002")
    asked = await enter(shop, 0, guests=3)
    assert asked["decision"] == "step_up"
    opened = await finish(shop, asked, answer="8001")
    assert (await visit(shop, opened["visit_id"]))["guests"] == 3


async def test_a_pass_tells_members_apart_whom_a_face_does_not(shop: Shop) -> None:
    first, second = [await shop.add_member(number, pin="739150") for number in range(2)]
    third = await shop.issue_pass(await shop.add_member_without_face())
    attempt = (await shop.at_gate(0)).json()
    assert attempt["step_up"]["factor"] == "pin"
    assert (await finish(shop, attempt, **{"pass": third["pass"]}))["code"] == "wrong_answer"
    opened = await finish(shop, attempt, **{"pass": (await shop.issue_pass(second))["pass"]})
    assert (opened["decision"], opened["member"]["id"], opened["identified_by"]) == ("open", second, "face")
    uses = (await shop.do("GET", f"/v1/members/{second}/biometric-uses"))["items"]
    assert uses[0]["use"] == "stepped_up"
    # The third's was not theirs to spend, and a pass is spent by a step-up as by a gate.
    assert (await shop.pass_at_gate(third["pass"])).json()["code"] == "welcome"
    assert (await finish(shop, attempt, answer="1234", **{"pass": third["pass"]}))["code"] == "invalid_request"
    assert (await finish(shop, attempt))["code"] == "invalid_request"
    assert first != second


async def test_wrong_answers_close_the_step_up_to_passes_too_and_leave_the_gate_open(shop: Shop) -> None:
    first, _ = [await shop.add_member(number) for number in range(2)]
    for _ in range(5):
        assert (await finish(shop, (await shop.at_gate(0)).json(), answer="0000"))["code"] == "wrong_answer"
    assert (await shop.at_gate(0)).json()["code"] == "step_up_impossible"
    assert (await shop.pass_at_gate((await shop.issue_pass(first))["pass"])).json()["code"] == "welcome"


async def test_who_was_asked_for_digits_before_the_lock_stays_outside(shop: Shop) -> None:
    await shop.add_member(0, phone="+8613800138001")
    await shop.add_member(1, phone="+8613800138002")
    asked = (await shop.at_gate(0)).json()
    assert (asked["decision"], asked["command_number"]) == ("step_up", 0)
    await tell(shop, gate_of(shop), {"kind": "lock"})
    held = await finish(shop, asked, answer="8001")
    assert (held["decision"], held["code"], held["command_number"]) == ("deny", "gate_locked", 1)
    await tell(shop, gate_of(shop), {"kind": "unlock"})
    opened = await finish(shop, asked, answer="8001")
    assert (opened["decision"], opened["command_number"]) == ("open", 2)
