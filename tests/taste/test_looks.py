"""Who looks at what: as theirs where they agreed, and of all others as counts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import cv2
import numpy as np
import pytest
import simplejpeg
from fastapi import FastAPI
from sqlalchemy import func, select

from facepay.identity.lookalikes import Lookalike, pair_of
from facepay.kernel.database import Database
from facepay.members.biometric_uses import BiometricUse
from facepay.members.members import get_member
from facepay.recommender import consents
from facepay.recommender.consents import withdraw_agreement
from facepay.settings import Settings
from facepay.taste.counts import AttentionCount
from facepay.taste.places import AttentionPlaces, forget_places
from facepay.vision.frames import FrameLimits, decode_frame
from tests.conftest import Clock
from tests.locks import somebody_waits
from tests.photos import camera_frame, montage, people, stranger
from tests.privacy.catalogue import naming, rows
from tests.rewards.till import pass_by
from tests.shop import Shop
from tests.taste.screen import AHEAD, LEFT, Screen, agree, standing, taste

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


@pytest.fixture
async def database(app: FastAPI) -> Database:
    found: Database = app.state.database
    return found


async def counted(database: Database) -> dict[str, int]:
    """Over all products."""
    async with database.begin() as session:
        row = await session.execute(
            select(
                func.coalesce(func.sum(AttentionCount.looks), 0),
                func.coalesce(func.sum(AttentionCount.others), 0),
                func.coalesce(func.sum(AttentionCount.dwell_ms), 0),
                func.coalesce(func.sum(AttentionCount.attention_ms), 0),
            )
        )
        return dict(zip(("looks", "others", "dwell_ms", "attention_ms"), map(int, row.one()), strict=True))


async def uses(database: Database) -> int:
    async with database.begin() as session:
        return await session.scalar(select(func.count()).select_from(BiometricUse)) or 0


async def test_what_a_member_who_agreed_looks_at_is_theirs(shop: Shop, database: Database, clock: Clock) -> None:
    member = await shop.add_member(0)
    await agree(shop, member, clock)
    screen, before = await Screen.put_up(shop, clock), await uses(database)
    seen = await screen.see(standing(0), frames=3)
    assert (seen["counted"], seen["lookers"], seen["skus"]) == (True, 1, ["TEA-001"])
    liked = await taste(shop, member)
    assert liked.keys() == {"TEA-001"}
    assert (liked["TEA-001"]["looks"], liked["TEA-001"]["attention_seconds"]) == (1, 3.0)
    assert liked["TEA-001"]["score"] == pytest.approx(3.0, rel=0.01)  # no smile
    assert await uses(database) == before + 1
    assert await counted(database) == {"looks": 1, "others": 0, "dwell_ms": 3000, "attention_ms": 3000}


async def test_of_members_who_did_not_agree_and_of_strangers_nothing_is_kept_but_counts(
    shop: Shop, database: Database, database_url: str, clock: Clock
) -> None:
    member, screen = await shop.add_member(0), await Screen.put_up(shop, clock)
    before = rows(database_url)
    for frame in (standing(0), camera_frame([stranger()])):
        assert (await screen.see(frame))["shown"] == []
        await forget_places(database, now=clock() + timedelta(minutes=2))
    after = rows(database_url)
    grown = {table for table, lines in after.items() if len(lines) > len(before[table])}
    assert grown == {"attention_count", "device_sequence"}
    assert naming(before, member) == naming(after, member)
    assert (await counted(database))["others"] == 2


async def test_a_report_that_comes_twice_counts_once(shop: Shop, database: Database, clock: Clock) -> None:
    member = await shop.add_member(0)
    await agree(shop, member, clock)
    screen = await Screen.put_up(shop, clock)
    answers = await asyncio.gather(*(screen.see(standing(0), sequence=1) for _ in range(3)))
    assert sorted(answer["counted"] for answer in answers) == [False, False, True]
    assert (await taste(shop, member))["TEA-001"]["attention_seconds"] == 2.0
    assert (await counted(database))["looks"] == 1
    assert {tuple(answer["skus"]) for answer in answers} == {("TEA-001",)}
    assert (await screen.see(standing(0), sequence=1, run="boot-2"))["counted"] is True


async def test_bursts_that_follow_each_other_are_one_look_and_who_comes_back_looks_again(
    shop: Shop, database: Database, clock: Clock
) -> None:
    screen, begun = await Screen.put_up(shop, clock), clock() - timedelta(minutes=10)
    for seconds in (0, 2, 6):
        await screen.see(standing(0), at=begun + timedelta(seconds=seconds))
    assert await counted(database) == {"looks": 1, "others": 1, "dwell_ms": 6000, "attention_ms": 6000}
    await screen.see(standing(0), at=begun + timedelta(seconds=60))
    assert (await counted(database))["looks"] == 2
    await screen.see(standing(0, 4), at=begun + timedelta(seconds=63))  # somewhere else in the picture
    assert (await counted(database))["looks"] == 4


async def test_bursts_of_one_member_at_two_screens_at_once_are_both_theirs(shop: Shop, clock: Clock) -> None:
    member = await shop.add_member(0)
    await agree(shop, member, clock)
    screens = [await Screen.put_up(shop, clock, view=[AHEAD, LEFT]) for _ in range(2)]
    await asyncio.gather(*(screen.see(standing(0)) for screen in screens for _ in range(3)))
    liked = (await taste(shop, member))["TEA-001"]
    assert liked["attention_seconds"] == 12.0
    assert liked["score"] == pytest.approx(12.0, rel=0.01)


async def test_who_withdraws_during_a_burst_leaves_nothing(shop: Shop, database: Database, clock: Clock) -> None:
    member = await shop.add_member(0)
    await agree(shop, member, clock)
    screen = await Screen.put_up(shop, clock)
    async with database.begin() as session:
        await get_member(session, UUID(member), lock=True)
        burst = asyncio.create_task(screen.see(standing(0)))
        await somebody_waits(database)
        await withdraw_agreement(session, member_id=UUID(member), now=clock())
    assert (await burst)["counted"]
    assert await taste(shop, member) == {}
    assert (await counted(database))["others"] == 1


async def test_in_whatever_order_withdrawal_and_bursts_come_nothing_remains(shop: Shop, clock: Clock) -> None:
    member, screen = await shop.add_member(0), await Screen.put_up(shop, clock)
    for _ in range(2):
        await agree(shop, member, clock)
        bursts = [screen.see(standing(0)) for _ in range(3)]
        await asyncio.gather(*bursts, shop.do("DELETE", f"/v1/members/{member}/profiling-consent"))
        assert await taste(shop, member) == {}
        await agree(shop, member, clock)
        await asyncio.gather(screen.see(standing(0)), shop.do("DELETE", f"/v1/members/{member}/face"))
        assert await taste(shop, member) == {}
        files = [("frames", ("face.jpg", standing(0), "image/jpeg"))]
        await shop.do("PUT", f"/v1/members/{member}/consent", json={"policy_version": "2026-01", "accepted": True})
        await shop.do("PUT", f"/v1/members/{member}/face", files=files)
    await screen.see(standing(0))
    assert await taste(shop, member) == {}  # the new face came without consent to profiling


async def test_a_burst_from_before_a_deletion_brings_nothing_back(shop: Shop, clock: Clock) -> None:
    member, screen = await shop.add_member(0), await Screen.put_up(shop, clock)
    await agree(shop, member, clock)
    earlier = clock()
    await screen.see(standing(0))
    bursts = [screen.see(standing(0), at=earlier - timedelta(seconds=2)) for _ in range(2)]
    await asyncio.gather(*bursts, shop.do("DELETE", f"/v1/members/{member}/taste"))
    assert await taste(shop, member) == {}
    await screen.see(standing(0), at=earlier - timedelta(seconds=2))
    assert await taste(shop, member) == {}
    clock.ahead += timedelta(seconds=10)
    await screen.see(standing(0))
    assert (await taste(shop, member))["TEA-001"]["looks"] == 1


async def test_looks_are_refused_while_gates_still_let_people_in(app: FastAPI, shop: Shop, clock: Clock) -> None:
    await shop.add_member(0)
    screen, pool = await Screen.put_up(shop, clock), app.state.inference
    frame = people()[0]
    pool._admit(2 * pool.workers, waiting_max=pool.queue_max)
    refused, let_in = await asyncio.gather(screen.post(frame, frame, sequence=1), shop.at_gate(0))
    for _ in range(2 * pool.workers):
        pool._release()
    assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
    assert let_in.is_success
    assert (await screen.see(frame, sequence=1))["counted"], "once it is sent again"


async def test_an_excluded_product_stays_so_whatever_they_look_at_until_they_say_otherwise(
    shop: Shop, clock: Clock
) -> None:
    member, screen = await shop.add_member(0), await Screen.put_up(shop, clock)
    await agree(shop, member, clock)
    await screen.see(standing(0))
    path = f"/v1/members/{member}/taste"
    bursts = [screen.see(standing(0)) for _ in range(2)]
    await asyncio.gather(*bursts, shop.do("PUT", f"{path}/TEA-001/exclusion"))
    for _ in range(2):
        excluded = (await taste(shop, member))["TEA-001"]
        assert (excluded["excluded"], excluded["score"], excluded["looks"]) == (True, 0, 0)
        await shop.do("DELETE", path)
        await screen.see(standing(0))
    for _ in range(2):
        await shop.do("DELETE", f"{path}/TEA-001/exclusion")
    assert await taste(shop, member) == {}
    clock.ahead += timedelta(seconds=10)
    await screen.see(standing(0))
    await shop.do("DELETE", f"{path}/TEA-001/exclusion")
    assert (await taste(shop, member))["TEA-001"]["looks"] == 1, "nothing that was inferred goes with it"
    await shop.do("PUT", f"{path}/TEA-001/exclusion")
    await shop.do("DELETE", f"/v1/members/{member}/profiling-consent")
    assert await taste(shop, member) == {}
    for method in ("PUT", "DELETE"):
        unknown = await shop.client.request(method, f"{path}/NONE/exclusion", headers=shop.staff)
        assert unknown.json()["code"] == "product_not_found"


async def test_nobody_is_profiled_by_two_lookers_a_blur_a_picture_or_a_face_that_is_not_trusted_alone(
    shop: Shop, database: Database, clock: Clock
) -> None:
    member, other = await shop.add_member(0), await shop.add_member_without_face()
    await agree(shop, member, clock)
    screen = await Screen.put_up(shop, clock)
    assert (await screen.see(standing(0, 0)))["lookers"] == 2
    assert (await counted(database))["others"] == 2
    blurred = cv2.GaussianBlur(decode_frame(standing(0), limits=FrameLimits()), (0, 0), 12)
    assert (await screen.see(simplejpeg.encode_jpeg(blurred, colorspace="BGR")))["lookers"] == 1
    assert (await counted(database))["others"] == (await counted(database))["looks"]
    for check in ("challenge", "depth", "passive", "replay"):
        await shop.do("PATCH", f"/v1/devices/{screen.id}", json={"presentation_checks": [check]})
        seen = await screen.see(standing(0))
        assert (seen["counted"], seen["lookers"], seen["shown"]) == (True, 1, []), check
    await shop.do("PATCH", f"/v1/devices/{screen.id}", json={"presentation_checks": []})
    one, two = pair_of(UUID(member), UUID(other))
    async with database.begin() as session:
        session.add(Lookalike(member_a=one, member_b=two, reason="measured", similarity=0.5, marked_at=clock()))
    assert (await screen.see(standing(0)))["shown"] == []
    assert await taste(shop, member) == {}


async def test_several_people_are_several_lookers_each_with_their_own_and_a_smile_counts_more(
    shop: Shop, clock: Clock
) -> None:
    smiling, away = await shop.add_member(5), await shop.add_member(4)
    await agree(shop, smiling, clock)
    await agree(shop, away, clock)
    seen = await (await Screen.put_up(shop, clock)).see(standing(5, 4))
    assert (seen["lookers"], seen["skus"]) == (2, ["TEA-001", "UMB-003"])
    one, two = await taste(shop, smiling), await taste(shop, away)
    assert (list(one), list(two)) == (["TEA-001"], ["UMB-003"])
    assert two["UMB-003"]["score"] == pytest.approx(2.0, rel=0.01)
    assert one["TEA-001"]["smile_seconds"] == one["TEA-001"]["attention_seconds"] == 2.0
    assert 3.0 < one["TEA-001"]["score"] <= 6.0


async def test_a_crowd_is_looked_at_up_to_the_six_nearest(shop: Shop, clock: Clock) -> None:
    seen = await (await Screen.put_up(shop, clock)).see(montage(10))
    assert seen["lookers"] == 6


async def test_a_face_turned_away_a_picture_without_faces_and_a_far_one_give_no_attention(
    shop: Shop, database: Database, clock: Clock
) -> None:
    screen = await Screen.put_up(shop, clock, view=[AHEAD])
    seen = await screen.see(standing(4))
    assert (seen["lookers"], seen["skus"]) == (1, [])
    grey = simplejpeg.encode_jpeg(np.full((120, 160, 3), 90, np.uint8))
    assert (await screen.see(grey))["lookers"] == 0
    far = cv2.resize(decode_frame(standing(0), limits=FrameLimits()), (160, 90), interpolation=cv2.INTER_AREA)
    assert (await screen.see(simplejpeg.encode_jpeg(far, colorspace="BGR")))["lookers"] == 0
    passing = (await screen.post(standing(0), grey, grey)).json()
    assert passing["lookers"] == 0
    assert (await counted(database))["looks"] == 0


async def test_a_clock_that_is_wrong_is_set_right_and_what_comes_late_is_not_counted(
    shop: Shop, database: Database, clock: Clock
) -> None:
    screen = await Screen.put_up(shop, clock)
    assert (await screen.see(standing(0), at=clock() + timedelta(days=400)))["counted"] is True
    assert (await screen.see(standing(0), at=datetime(1970, 1, 1, tzinfo=UTC)))["counted"] is False
    async with database.begin() as session:
        (cell,) = (await session.scalars(select(AttentionCount))).all()
    assert abs((cell.day - clock().date()).days) <= 1
    wrong = clock() - timedelta(days=9)
    await shop.client.post(
        f"/v1/devices/{screen.id}/heartbeats", json={"sent_at": wrong.isoformat()}, headers=screen.headers
    )
    assert (await screen.see(standing(0), at=wrong))["counted"] is True


async def test_a_stay_over_midnight_is_a_look_of_the_day_on_which_it_began(
    shop: Shop, database: Database, clock: Clock
) -> None:
    screen, now = await Screen.put_up(shop, clock), clock()
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    clock.ahead += midnight - now + timedelta(seconds=20)
    await screen.see(standing(0), at=midnight - timedelta(seconds=2))
    await screen.see(standing(5), at=midnight)  # who stands there now, and smiles
    async with database.begin() as session:
        cells = (await session.scalars(select(AttentionCount).order_by(AttentionCount.day))).all()
    assert [(cell.looks, cell.others, cell.smiles, cell.dwell_ms) for cell in cells] == [
        (1, 1, 0, 2000),
        (0, 0, 1, 2000),
    ]
    assert cells[1].day == midnight.date()


async def test_where_people_stand_is_known_for_a_minute(shop: Shop, database: Database, clock: Clock) -> None:
    await (await Screen.put_up(shop, clock)).see(standing(0))
    for ahead, left in ((0, 1), (61, 0)):
        await forget_places(database, now=clock() + timedelta(seconds=ahead))
        async with database.begin() as session:
            found = (await session.scalars(select(AttentionPlaces))).all()
        assert len(found) == left


async def test_a_view_is_of_known_products_and_of_cameras_that_look_at_people(shop: Shop, clock: Clock) -> None:
    screen = await Screen.put_up(shop, clock, role="shelf")
    path = f"/v1/devices/{screen.id}/view"
    assert [each["sku"] for each in (await shop.do("GET", path))["products"]] == ["TEA-001", "UMB-003"]

    async def refused(path: str, *products: object) -> str:
        answer = await shop.client.put(path, json={"products": products}, headers=shop.staff)
        return str(answer.json()["code"])

    assert await refused(path, AHEAD | {"sku": "NONE"}) == "unknown_skus"
    assert await refused(path, AHEAD, AHEAD) == "invalid_request"
    assert await refused(path, AHEAD | {"tolerance_degrees": 0}) == "invalid_request"
    assert await refused(f"/v1/devices/{shop.kiosk_id}/view", AHEAD) == "not_a_shelf_or_display"
    assert (await shop.do("PUT", path, json={"products": []}))["products"] == []
    assert (await screen.post(standing(0), standing(0))).json()["code"] == "view_not_set"


async def test_what_makes_no_sense_is_refused(shop: Shop, clock: Clock) -> None:
    screen, frame = await Screen.put_up(shop, clock), standing(0)

    async def code(*frames: bytes, **how: Any) -> str:
        return str((await screen.post(*frames, **how)).json()["code"])

    assert await code(frame) == "frame_missing"
    assert await code(*[frame] * 11) == "too_many_frames"
    assert await code(frame, b"no picture") == "unsupported_image_type"
    assert await code(frame, frame, interval_ms="0") == "invalid_request"
    assert await code(frame, frame, run="") == "invalid_request"
    other = await Screen.put_up(shop, clock)
    screen.headers = other.headers
    assert await code(frame, frame) == "device_of_other_store"
    screen.headers = shop.kiosk
    assert await code(frame, frame) == "insufficient_scope"


async def test_a_newer_policy_keeps_what_was_agreed_to_under_the_one_before(
    shop: Shop, database: Database, clock: Clock
) -> None:
    member = await shop.add_member_without_face()
    first = await agree(shop, member, clock)
    async with database.begin() as session:
        second = await consents.agree(
            session,
            member_id=UUID(member),
            policy_version="2027-01",
            settings=Settings(_env_file=None, profiling_policy_version="2027-01"),
            now=clock(),
        )
    assert second.evidence_since.isoformat().startswith(first["evidence_since"][:19])
    assert second.accepted_at > second.evidence_since
    found = (await shop.do("GET", f"/v1/members/{member}/profiling-consents"))["items"]
    assert [each["withdrawn_at"] is None for each in found] == [True, False]


async def test_consent_to_profiling_is_to_the_policy_in_force_and_shows_what_was_agreed(
    shop: Shop, clock: Clock
) -> None:
    member = await shop.add_member_without_face()
    path = f"/v1/members/{member}/profiling-consent"
    old = await shop.client.put(path, json={"policy_version": "2020-01", "accepted": True}, headers=shop.staff)
    assert old.json()["code"] == "policy_outdated"
    first = await agree(shop, member, clock)
    assert await agree(shop, member, clock) == first
    await shop.do("DELETE", path)
    await shop.do("DELETE", path)
    await pass_by(shop, clock, days=1)
    second = await agree(shop, member, clock)
    found = (await shop.do("GET", f"{path}s"))["items"]
    assert [(each["id"], each["withdrawn_at"] is None) for each in found] == [
        (second["id"], True),
        (first["id"], False),
    ]
