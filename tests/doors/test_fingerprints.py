"""Fingerprint readers match on their own and sign: each result counts once, in order, at its own door."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.access.site import Reader, Site, Way

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def shown(way: Way, result: str) -> str:
    return str((await way.give(await way.open(), "fingerprint", result=result))["code"])


async def test_a_signed_finger_opens_and_the_log_has_its_score_and_its_reader(site: Site) -> None:
    reader, zone = await site.reader(), await site.zone()
    way = await site.way(await site.policy({"factors": [["fingerprint"]]}), zone, readers=[reader])
    holder = await site.holder()
    finger = await site.finger(holder)
    assert await shown(way, reader.result(finger)) == "granted"
    assert await site.where(holder) == zone
    (event,) = await site.logged()
    assert event.factors[0]["reader_id"] == str(reader.id)
    (person,) = await site.persons(event)
    assert person.details is not None
    assert person.details["factors"]["fingerprint"]["score"] == 87.5
    assert await shown(way, reader.result("nobody")) == "not_accepted"
    assert (await site.logged())[0].code == "finger_unknown"


async def test_a_result_that_is_old_replayed_forged_or_of_no_living_finger_opens_nothing(site: Site) -> None:
    reader, elsewhere = await site.reader(), await site.reader()
    way = await site.way(await site.policy({"factors": [["fingerprint"]]}), await site.zone(), readers=[reader])
    finger = await site.finger(await site.holder())
    good = reader.result(finger)
    assert await shown(way, good) == "granted"
    thief = replace(reader, key=Ed25519PrivateKey.generate())
    not_ours = Reader(UUID(int=1), thief.key, site.clock)
    tampered = "".join((reader.result(finger)[:-8], "AAAAAAAA"))
    forged = {
        "result_replayed": good,
        "counter_went_back": reader.result(finger, counter=1),
        "result_invalid": thief.result(finger, counter=99),
        "reader_unknown": elsewhere.result(finger),
    }
    for code, result in forged.items():
        assert await shown(way, result) == code
        (factor,) = (await site.logged())[0].factors
        assert (factor["factor"], factor["fault"]) == ("fingerprint", code), "what ended it is in the log, too"
        alert = (await site.alerts())["fingerprint_untrusted"]
        assert (alert.severity, alert.details["code"]) == (3, code)
    assert alert.times == len(forged)
    assert await shown(way, not_ours.result(finger)) == "reader_unknown"
    assert await shown(way, tampered) == "result_invalid"
    assert await shown(way, reader.result(finger, counter=-1)) == "result_invalid"
    assert await shown(way, reader.result(finger, live=False)) == "finger_not_live"
    assert await shown(way, reader.result(finger, matched_at=site.clock() - timedelta(seconds=31))) == "result_stale"
    assert {each.decision for each in (await site.logged())[:-1]} == {"denied"}
    assert await shown(way, reader.result(finger)) == "granted", "and the reader itself goes on"


async def test_a_reader_with_a_new_key_counts_from_the_beginning_and_a_revoked_one_not_at_all(
    site: Site,
) -> None:
    reader = await site.reader()
    way = await site.way(await site.policy({"factors": [["fingerprint"]]}), await site.zone(), readers=[reader])
    finger = await site.finger(await site.holder())
    assert await shown(way, reader.result(finger, counter=700)) == "granted"
    repaired = Reader(reader.id, Ed25519PrivateKey.generate(), site.clock)
    await site.give_key(reader, repaired.key)
    assert await shown(way, repaired.result(finger)) == "granted"
    assert await shown(way, reader.result(finger, counter=701)) == "result_invalid"
    await site.shop.do("DELETE", f"/v1/devices/{reader.id}")
    assert await shown(way, repaired.result(finger)) == "reader_unknown"
