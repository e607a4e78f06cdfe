"""Twins and others whom a face alone doesn't tell apart."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx
import numpy as np
import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from facepay.identity.enrolment import FaceAlreadyEnrolled
from facepay.identity.lookalikes import Lookalike, Reason, lookalikes_of, mark_measured, pair_of
from facepay.kernel.ids import new_id
from facepay.members.members import get_member
from facepay.vision.evidence import Floats, FrameEvidence
from tests.photos import people, variant
from tests.processes import NOW, OpenProcess, Process, Seen, embedding
from tests.shop import PASSWORD, Shop

pytestmark = pytest.mark.anyio


def sibling(evidence: FrameEvidence, *, cosine: float, seed: int = 1) -> FrameEvidence:
    """Somebody as alike as that: the same photo, its embedding turned."""
    own = embedding(evidence)
    aside = np.random.default_rng(seed).standard_normal(len(own)).astype(np.float32)
    aside -= (aside @ own) * own
    turned: Floats = cosine * own + float(np.sqrt(1 - cosine**2)) * aside / np.linalg.norm(aside)
    return replace(evidence, faces=(replace(evidence.faces[0], embedding=turned.astype(np.float32)),))


async def marked(process: Process) -> dict[tuple[UUID, UUID], str]:
    async with process.database.begin() as session:
        rows = await session.scalars(select(Lookalike).where(Lookalike.removed_at.is_(None)))
        return {(row.member_a, row.member_b): row.reason for row in rows}


async def alike(process: Process, member_id: UUID) -> tuple[UUID, ...]:
    async with process.database.begin() as session:
        return await lookalikes_of(session, member_id=member_id)


def band(process: Process, searched: int = 1) -> tuple[float, float]:
    """From which cosine on a pair is marked, and from which the second is refused."""
    match, calibration = process.policy.match, process.policy.calibration
    return match.lookalike_threshold(calibration, searched), match.threshold(calibration, searched)


async def test_a_member_nearly_as_alike_as_one_person_is_marked_when_they_enrol(process: Process, photo: Seen) -> None:
    first = await process.add_enrolled(photo(0))
    least, refused = band(process)
    second = await process.add_enrolled(sibling(photo(0), cosine=(least + refused) / 2))
    third = await process.add_enrolled(photo(1))
    assert await marked(process) == {pair_of(first, second): Reason.MEASURED}
    assert await alike(process, first) == (second,)
    assert await alike(process, second) == (first,)
    assert await alike(process, third) == ()


async def test_a_new_face_is_measured_afresh(process: Process, photo: Seen) -> None:
    await process.add_enrolled(photo(0))
    second = await process.add_enrolled(sibling(photo(0), cosine=sum(band(process)) / 2))
    await process.enrol(second, photo(1))
    assert await marked(process) == {}


async def test_a_pair_has_one_row_whoever_marks_it_and_however_often(
    process: Process, open_process: OpenProcess, photo: Seen
) -> None:
    other = open_process()
    first, second = [await process.add_member() for _ in range(2)]

    async def mark(by: Process, one: UUID, two: UUID) -> None:
        async with by.database.begin() as session:
            await mark_measured(session, pairs={pair_of(one, two): 0.4}, now=NOW)

    await asyncio.gather(*(mark(by, *pair) for by in (process, other) for pair in ((first, second), (second, first))))
    assert await marked(process) == {pair_of(first, second): Reason.MEASURED}
    larger, smaller = reversed(pair_of(first, second))
    async with process.database.read() as session:
        with pytest.raises(IntegrityError, match="ordered"):
            await session.execute(
                insert(Lookalike).values(member_a=larger, member_b=smaller, reason=Reason.MEASURED, marked_at=NOW)
            )


async def test_marking_waits_for_nobody_who_holds_a_member(process: Process) -> None:
    """Whoever withdraws a face holds their row and waits for the gallery, which whoever enrols holds."""
    first, second, third = [await process.add_member() for _ in range(3)]
    async with process.database.begin() as withdrawing, process.database.begin() as enrolling:
        await get_member(withdrawing, first, lock=True)
        pairs = {pair_of(first, second): 0.4, pair_of(second, third): 0.4}
        assert await asyncio.wait_for(mark_measured(enrolling, pairs=pairs, now=NOW), 5) == 1
    assert await marked(process) == {pair_of(second, third): Reason.MEASURED}


class Twins:
    """Two members with nearly one face, and staff who can tell them apart."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    async def enrol(self, member_id: str, staff: dict[str, str] | None = None) -> httpx.Response:
        frame = ("frames", ("face.jpg", variant(people()[0], quality=60), "image/jpeg"))
        path = f"/v1/members/{member_id}/face"
        return await self.shop.client.put(path, files=[frame], headers=staff or self.shop.staff)

    async def mark(self, *members: str, staff: dict[str, str] | None = None) -> httpx.Response:
        body = {"member_ids": members, "note": "Twins"}
        return await self.shop.client.post("/v1/lookalikes", json=body, headers=staff or self.shop.staff)

    async def operator(self) -> dict[str, str]:
        body = {"username": "wu", "display_name": "Wu", "role": "operator", "password": PASSWORD}
        await self.shop.do("POST", "/v1/staff", json=body)
        form = {"username": "wu", "password": PASSWORD}
        token = (await self.shop.client.post("/v1/auth/token", data=form)).json()["access_token"]
        return {"Authorization": f"Bearer {token}"}

    async def listed(self, **query: Any) -> list[Any]:
        return list((await self.shop.do("GET", "/v1/lookalikes", params=query))["items"])


@pytest.fixture
def twins(shop: Shop) -> Twins:
    return Twins(shop)


async def test_twins_both_enrol_once_staff_say_that_they_are_two(twins: Twins) -> None:
    first, second = await twins.shop.add_member(0), await twins.shop.add_member(1, enrol=False)
    refused = await twins.enrol(second)
    assert (refused.status_code, refused.json()["code"]) == (409, "face_already_enrolled")
    assert refused.json()["other_member_id"] == first
    marked = await twins.mark(second, first)
    assert marked.status_code == 201
    assert sorted(marked.json()["member_ids"]) == sorted([first, second])
    assert (await twins.enrol(second)).status_code == 200
    (pair,) = await twins.listed(member_id=first)
    assert (pair["reason"], pair["note"]) == ("reviewed", "Twins")
    assert pair == (await twins.listed())[0] == (await twins.listed(member_id=second))[0]


async def test_whose_face_it_is_is_told_to_nobody_who_could_not_mark_the_two(twins: Twins) -> None:
    operator = await twins.operator()
    first, second = await twins.shop.add_member(0), await twins.shop.add_member(1, enrol=False)
    refused = await twins.enrol(second, operator)
    assert refused.status_code == 409
    assert first not in refused.text
    assert (await twins.mark(first, second, staff=operator)).status_code == 403


async def test_a_pair_is_removed_with_a_reason_and_stays_on_record(twins: Twins) -> None:
    first, second = [await twins.shop.add_member(number, enrol=False) for number in (0, 1)]
    pair = (await twins.mark(first, second)).json()
    path = f"/v1/lookalikes/{pair['id']}/removal"
    assert (await twins.shop.do("POST", path, json={"reason": "By mistake"}))["removal"] == "By mistake"
    assert await twins.listed() == []
    assert [row["id"] for row in await twins.listed(removed=True)] == [pair["id"]]
    again = await twins.shop.client.post(path, json={"reason": "By mistake"}, headers=twins.shop.staff)
    assert (again.status_code, again.json()["code"]) == (404, "lookalike_not_found")
    assert (await twins.mark(first, second)).json()["removed_at"] is None


async def test_a_pair_takes_two_members_who_are_there(twins: Twins) -> None:
    first, second = [await twins.shop.add_member(number, enrol=False) for number in (0, 1)]
    assert (await twins.mark(first, first)).json()["code"] == "one_member_twice"
    assert (await twins.mark(first, str(new_id()))).json()["code"] == "member_not_found"
    assert (await twins.mark(first)).status_code == 422
    await twins.shop.do("DELETE", f"/v1/members/{second}")
    assert (await twins.mark(first, second)).json()["code"] == "member_not_found"


async def test_whom_somebody_looked_like_goes_with_their_face(twins: Twins) -> None:
    first, second = await twins.shop.add_member(0), await twins.shop.add_member(1)
    assert (await twins.mark(first, second)).status_code == 201
    await twins.shop.do("DELETE", f"/v1/members/{first}/face")
    assert await twins.listed() == await twins.listed(removed=True) == []


async def test_a_refusal_that_is_printed_names_nobody(process: Process, photo: Seen) -> None:
    first = await process.add_enrolled(photo(0))
    second = await process.add_member()
    with pytest.raises(FaceAlreadyEnrolled) as refused:
        await process.enrol(second, sibling(photo(0), cosine=0.9))
    assert refused.value.other_member_id == first
    assert str(first) not in repr((refused.value.detail, refused.value.measured))
