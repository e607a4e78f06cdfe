"""Nobody takes the shop's server for themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepay.kernel.rates import Caller, Meter, RateLimits, network_of
from tests.conftest import OpenShop

pytestmark = pytest.mark.anyio


class Elapsed:
    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@given(st.integers(1, 200), st.lists(st.floats(0, 30), max_size=300))
def test_in_no_minute_does_anybody_get_more_than_a_full_bucket_and_what_flows_in(
    per_minute: int, pauses: list[float]
) -> None:
    elapsed = Elapsed()
    meter = Meter(per_minute, elapsed=elapsed)
    let_through: list[float] = []
    for pause in pauses:
        elapsed.seconds += pause
        if not meter.wait_seconds("gate"):
            let_through.append(elapsed.seconds)
    for number, first in enumerate(let_through):
        within = [at for at in let_through[number:] if at <= first + 60]
        assert len(within) <= 2 * per_minute


def test_whoever_waits_as_long_as_told_is_served_and_others_never_wait_for_them() -> None:
    elapsed = Elapsed()
    meter = Meter(6, elapsed=elapsed)
    assert [meter.wait_seconds("gate") for _ in range(6)] == [0] * 6
    wait = meter.wait_seconds("gate")
    assert wait == pytest.approx(10)
    assert meter.wait_seconds("kiosk") == 0
    elapsed.seconds += wait
    assert meter.wait_seconds("gate") == 0
    assert meter.wait_seconds("gate") > 0


def test_callers_without_end_take_no_memory_without_end() -> None:
    meter = Meter(1, callers_max=3, elapsed=Elapsed())
    for caller in "abcd":
        assert meter.wait_seconds(caller) == 0
    assert meter.wait_seconds("d") > 0
    assert meter.wait_seconds("a") == 0, "the first was forgotten to make room"


def test_made_up_tokens_get_nobody_past_the_limit_of_their_address() -> None:
    limits = RateLimits(device=100, person=100, address=3, elapsed=Elapsed())
    gate = Caller("10.0.0.9", b"gate")
    assert limits.take(gate) == ("address", 0)
    limits.answered(gate, "device")
    guesses = [limits.take(Caller("10.0.0.9", bytes([number]))) for number in range(3)]
    assert [wait > 0 for _, wait in guesses] == [False, False, True]
    assert limits.take(gate) == ("device", 0), "a device whose token is known goes on beside them"
    limits.answered(gate, None)  # it was revoked
    assert limits.take(gate)[1] > 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
    ],
)
def test_one_customers_addresses_are_one(one: str, other: str, same: bool) -> None:
    assert (network_of(one) == network_of(other)) is same


async def test_one_request_too_many_is_told_when_to_come_back_and_no_other_device_notices(open_shop: OpenShop) -> None:
    shop = await open_shop(rate_device_per_minute=2, rate_address_per_minute=8)
    path = f"/v1/devices/{shop.gate_id}/offline-policy"
    answers = [await shop.client.get(path, headers=shop.gate) for _ in range(4)]
    assert [answer.status_code == 429 for answer in answers] == [False, False, False, True]
    refused = answers[-1]
    assert refused.json()["code"] == "rate_limited"
    assert refused.json()["limited_by"] == "device"
    assert 0 < int(refused.headers["Retry-After"]) <= 30
    assert (await shop.client.get(path, headers=shop.kiosk)).status_code != 429
    nobody = [await shop.client.get("/v1/offline-keys") for _ in range(9)]
    assert [answer.status_code for answer in nobody][-1] == 429
    assert (await shop.client.get("/livez")).is_success, "the balancer always hears"


async def test_what_the_console_asks_of_the_api_for_its_reader_counts_once(open_shop: OpenShop) -> None:
    shop = await open_shop(rate_person_per_minute=4)
    origin = {"Sec-Fetch-Site": "same-origin"}
    form = {"username": "owner", "password": "a long pass phrase"}
    shop.client.cookies.update((await shop.client.post("/console/sign-in", data=form, headers=origin)).cookies)
    # Each page asks the API several things; the first counts against the address, as the token isn't known yet.
    assert [(await shop.client.get("/console")).status_code for _ in range(5)] == [200] * 5
    assert (await shop.client.get("/console")).status_code == 429
