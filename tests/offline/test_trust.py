"""What devices and the server believe of a policy, a pass and a clock, and what they don't."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from facepay.kernel.clock import utc_now
from facepay.kernel.secrets import MasterKey
from facepay.offline.documents import DocumentUnreadable, Pass, Policy, Reader, Signer, whole_seconds
from facepay.simulate.device import OfflineDevice
from tests.offline.field import TEA, UMBRELLA, Field, Watch, outcomes, tell_raw

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
HOURS = timedelta(hours=1)


def tampered(signed: str, **claims: object) -> str:
    """With other claims, under the same signature."""
    header, _, signature = signed.split(".")
    changed = jwt.decode(signed, options={"verify_signature": False}) | claims
    payload = jwt.encode(changed, "k" * 32, algorithm="HS256").split(".")[1]
    return f"{header}.{payload}.{signature}"


async def test_the_policy_stays_until_something_changes_or_its_quarter_is_over(field: Field) -> None:
    kiosk = await field.device("kiosk")

    async def renewed() -> bool:
        before = kiosk.journal.note("policy")
        await kiosk.sync()
        return kiosk.journal.note("policy") != before

    field.clock.ahead = timedelta(seconds=-(field.clock().timestamp() % (3 * 3600)))  # a quarter begins
    await kiosk.sync()
    assert not await renewed()
    await field.allow(payment_max=5_000)
    assert await renewed()
    member = await field.shop.add_member_without_face()
    await field.signed_pass(member)
    assert not await renewed()
    await field.shop.do("DELETE", f"/v1/members/{member}/offline-passes")
    assert await renewed()
    field.clock.ahead += 3 * HOURS
    assert await renewed()


async def test_a_member_promises_only_so_much_at_a_time(field: Field) -> None:
    shop = field.shop
    member = await shop.add_member_without_face()
    path, body = f"/v1/members/{member}/offline-passes", {"amount_max": 5_000, "hours": 1}
    asked = await asyncio.gather(*(shop.client.post(path, json=body, headers=shop.staff) for _ in range(5)))
    assert sorted(answer.status_code for answer in asked) == [201, 201, 201, 409, 409]
    assert {answer.json().get("code") for answer in asked if answer.is_error} == {"too_many_passes"}
    await shop.do("DELETE", path)
    await shop.do("POST", path, json=body)


async def test_a_device_keeps_within_its_policy(field: Field) -> None:
    shop = field.shop
    member = await shop.add_member_without_face(balance=5_000)
    await field.allow(payment_max=1_000, pass_max=1_500)
    kiosk, lane = await field.device("kiosk"), await field.device("lane")
    shown = await field.signed_pass(member)
    assert kiosk.sell(shown, {"NONE-1": 1}).code == "not_listed"
    assert kiosk.sell(shown, UMBRELLA).code == "over_payment_max"
    assert kiosk.sell(shown, TEA).allowed
    assert kiosk.sell(shown, TEA).code == "pass_overdrawn"
    assert kiosk.sell(await field.signed_pass(member, amount_max=899), TEA).code == "pass_overdrawn"
    assert kiosk.sell(tampered(shown, amount_max=10**6), TEA).code == "pass_unreadable"
    foreign = jwt.encode(
        jwt.decode(shown, options={"verify_signature": False}),
        Ed25519PrivateKey.generate(),
        algorithm="EdDSA",
        headers=jwt.get_unverified_header(shown),
    )
    assert kiosk.sell(foreign, TEA).code == "pass_unreadable"
    assert kiosk.sell(kiosk.journal.note("policy") or "", TEA).code == "pass_unreadable"
    assert lane.sell(shown, TEA).allowed  # it knows nothing of the kiosk
    _hold(lane, kiosk.journal.note("policy"))
    assert lane.sell(shown, TEA).code == "policy_of_another_device"
    _hold(lane, tampered(kiosk.journal.note("policy") or "", sub=str(lane.device_id)))
    assert lane.sell(shown, TEA).code == "no_policy"

    path = f"/v1/stores/{shop.store_id}/offline-policy"
    await shop.do("PUT", path, json={"mode": "deny"})
    await kiosk.sync()
    assert kiosk.sell(await field.signed_pass(member, amount_max=900), TEA).code == "policy_denies"
    wrong = {"mode": "allow_signed_pass", "payment_max": 2, "pass_max": 1}
    assert (await shop.client.put(path, json=wrong, headers=shop.staff)).status_code == 422


async def test_time_runs_out_for_passes_and_for_policies(field: Field) -> None:
    member = await field.shop.add_member_without_face(balance=5_000)
    kiosk = await field.device("kiosk")
    brief, long = await field.signed_pass(member, hours=1), await field.signed_pass(member, hours=48)
    field.clock.ahead += 2 * HOURS
    assert kiosk.sell(brief, TEA).code == "pass_expired"
    assert kiosk.sell(long, TEA).allowed
    field.clock.ahead += 10 * HOURS
    assert kiosk.sell(long, TEA).code == "policy_expired"


async def test_a_wrong_clock_makes_no_difference_where_it_was_always_wrong_and_one_that_was_set_disputes(
    field: Field,
) -> None:
    member = await field.shop.add_member_without_face(balance=5_000)
    shown = await field.signed_pass(member)
    for wrong in (-5 * HOURS, 5 * HOURS):
        kiosk = await field.device("kiosk")
        watch = _watch_of(kiosk)
        watch.wrong = wrong
        await kiosk.sync()
        assert kiosk.sell(shown, TEA).allowed
        watch.restart()
        assert kiosk.sell(shown, TEA).allowed
        assert outcomes(await kiosk.tell()) == [("accepted", "accepted")] * 2, wrong

        assert kiosk.sell(shown, TEA).allowed
        watch.restart()
        watch.wrong = timedelta()
        assert outcomes(await kiosk.tell()) == [("disputed", "clock_changed")], wrong
    dispute, _ = await field.disputes()
    assert (dispute["member_id"], dispute["total"]) == (member, 900)
    body = {"outcome": "waived", "note": "It was two teas"}
    assert (await field.shop.do("POST", f"/v1/offline-posts/{dispute['id']}/resolution", json=body))["order_id"] is None
    assert len(await field.disputes()) == 1
    assert await field.shop.balance(member) == 5_000 - 4 * 900


async def test_the_server_disputes_what_no_honest_device_tells(field: Field) -> None:
    """Each as the first of a run of its own, since a number is told once."""
    shop = field.shop
    member = await shop.add_member_without_face(balance=50_000)
    kiosk, other = await field.device("kiosk"), await field.device("kiosk")
    shown = await field.signed_pass(member)
    kiosk.sell(shown, TEA)
    untold = kiosk.journal.untold()
    assert untold
    (post,), policy = untold.posts, untold.policy
    now = kiosk.moment()
    long_ago = {**now.told(), "uptime_ms": now.uptime_ms - 5 * 3_600_000}
    lies: tuple[tuple[str, dict[str, Any], str | None], ...] = (
        ("policy_unreadable", {}, tampered(policy, payment_max=10**9)),
        ("policy_of_another_device", {}, other.journal.note("policy")),
        ("pass_unreadable", {"pass": tampered(shown, amount_max=10**6)}, policy),
        ("not_its_job", {"kind": "entry", "lines": [], "total": 0}, policy),
        ("before_policy", {"time": long_ago}, policy),
        ("in_the_future", {"time": {**now.told(), "uptime_ms": now.uptime_ms + 3_600_000}}, policy),
        ("price_differs", {"total": 899}, policy),
        ("not_listed", {"lines": [{"sku": "NONE-1", "quantity": 1}]}, policy),
        ("over_payment_max", {"lines": [{"sku": "UMB-003", "quantity": 2}], "total": 11_800}, policy),
    )
    for number, (code, changed, under) in enumerate(lies):
        answer = await tell_raw(kiosk, run=str(UUID(int=number)), policy=under, posts=[post | changed])
        assert outcomes(answer.json()["verdicts"]) == [("disputed", code)]
    assert await shop.balance(member) == 50_000
    assert len(await field.disputes()) == 9


async def test_what_the_shop_knew_by_then_is_disputed(field: Field) -> None:
    shop = field.shop
    member = await shop.add_member_without_face(balance=5_000)
    shown, kiosk, gate = await field.signed_pass(member), await field.device("kiosk"), await field.device("gate")
    assert kiosk.sell(shown, TEA).allowed
    field.clock.ahead += timedelta(minutes=1)
    await shop.do("POST", f"/v1/members/{member}/wallet/freeze", json={"reason": "The phone is lost"})
    field.clock.ahead += timedelta(minutes=1)
    assert kiosk.sell(shown, TEA).allowed  # it hasn't heard
    field.clock.ahead += timedelta(minutes=1)
    await shop.do("DELETE", f"/v1/members/{member}/offline-passes")
    field.clock.ahead += timedelta(minutes=1)
    assert gate.admit(shown).allowed
    assert outcomes(await kiosk.tell()) == [("accepted", "accepted"), ("disputed", "wallet_frozen")]
    assert outcomes(await gate.tell()) == [("disputed", "pass_revoked")]
    await kiosk.sync()
    assert kiosk.sell(shown, TEA).code == "pass_revoked"


async def test_a_device_speaks_for_itself_alone(field: Field) -> None:
    kiosk, gate = await field.device("kiosk"), await field.device("gate")
    kiosk.sell(await field.signed_pass(await field.shop.add_member_without_face()), TEA)
    others = OfflineDevice(gate.device_id, kiosk.client, kiosk.journal, kiosk.headers)
    policy = await kiosk.client.get(f"/v1/devices/{gate.device_id}/offline-policy", headers=kiosk.headers)
    for refused in (policy, await tell_raw(others)):
        assert (refused.status_code, refused.json()["code"]) == (403, "device_of_other_store")
    _, monitor = await field.shop.add_device("monitor")
    policy = await kiosk.client.get(f"/v1/devices/{gate.device_id}/offline-policy", headers=monitor)
    assert policy.json()["code"] == "insufficient_scope"
    keys = (await field.shop.client.get("/v1/offline-keys")).json()  # anybody may check what was signed
    assert Reader.from_jwks(keys).read(Policy, gate.journal.note("policy") or "").device_id == gate.device_id


def test_what_the_key_before_has_signed_is_still_read() -> None:
    old, new = MasterKey(bytes(32)), MasterKey(b"n" * 32, [MasterKey(bytes(32))])
    now = whole_seconds(utc_now())
    promise = Pass(id=UUID(int=1), issued_at=now, expires_at=now, currency="CNY", member_id=UUID(int=2), amount_max=5)
    signed = Signer(old).sign(promise)
    assert Signer(new).reader.read(Pass, signed) == promise
    with pytest.raises(DocumentUnreadable):
        Signer(new).reader.read(Policy, signed)
    with pytest.raises(DocumentUnreadable):
        Signer(MasterKey(b"n" * 32)).reader.read(Pass, signed)


def _hold(device: OfflineDevice, policy: str | None) -> None:
    assert policy
    device.journal.remember("policy", policy)


def _watch_of(device: OfflineDevice) -> Watch:
    assert isinstance(device.moment, Watch)
    return device.moment
