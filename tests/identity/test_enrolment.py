from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import func, select

from facepay.identity.enrolment import (
    FaceAlreadyEnrolled,
    FaceNotFound,
    FacesDisagree,
    LowQuality,
    MultipleFaces,
)
from facepay.identity.policy import Match, NoMatch
from facepay.kernel.ids import new_id
from facepay.members.consents import ConsentRequired, standing_consent
from facepay.members.members import MemberNotFound
from facepay.templates.templates import Template, TemplateKey, templates_of
from facepay.vision.engine import Engine
from facepay.vision.evidence import FrameEvidence
from facepay.vision.quality import QualityPolicy
from tests.photos import camera_frame, people, variant
from tests.processes import STRANGER, OpenProcess, Process, Seen

pytestmark = pytest.mark.anyio


async def count(process: Process, table: type[Template] | type[TemplateKey]) -> int:
    async with process.database.begin() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


async def test_members_are_recognised_and_a_stranger_is_not(process: Process, photo: Seen, frame: Seen) -> None:
    members = [await process.add_enrolled(photo(number)) for number in range(4)]
    for number, member_id in enumerate(members):
        decision = await process.decide(frame(number))
        assert isinstance(decision, Match)
        assert decision.member_id == member_id
        assert decision.searched == 4
    assert isinstance(await process.decide(frame(STRANGER)), NoMatch)


async def test_without_consent_no_template_is_made(process: Process, photo: Seen) -> None:
    member_id = await process.add_member(consent=False)
    with pytest.raises(ConsentRequired):
        await process.enrol(member_id, photo(0))
    assert await count(process, Template) == await count(process, TemplateKey) == 0


async def test_nobody_enrols_for_a_member_who_does_not_exist(process: Process, photo: Seen) -> None:
    with pytest.raises(MemberNotFound):
        await process.enrol(new_id(), photo(0))


async def test_a_photo_without_a_face_is_named(process: Process, photo: Seen, engine: Engine) -> None:
    member_id = await process.add_member()
    with pytest.raises(FaceNotFound) as refused:
        await process.enrol(member_id, photo(0), engine.analyse(camera_frame([])))
    assert refused.value.measured == {"frames": [1]}


async def test_a_photo_of_two_people_is_named(process: Process, photo: Seen, engine: Engine) -> None:
    member_id = await process.add_member()
    with pytest.raises(MultipleFaces) as refused:
        await process.enrol(member_id, engine.analyse(camera_frame(people()[:2])), photo(0))
    assert refused.value.measured == {"frames": [0], "faces": [2]}


async def test_a_bystander_far_behind_is_no_hindrance(process: Process, photo: Seen, frame: Seen) -> None:
    alone = photo(0)
    behind = replace(alone.faces[0], box=np.array([0, 0, 40, 50], np.float32), embedding=None)
    member_id = await process.add_enrolled(replace(alone, faces=(alone.faces[0], behind)))
    decision = await process.decide(frame(0))
    assert isinstance(decision, Match)
    assert decision.member_id == member_id


async def test_a_poor_photo_is_refused_with_what_was_measured(process: Process, photo: Seen, engine: Engine) -> None:
    member_id = await process.add_member()
    process.policy = replace(process.policy, quality=QualityPolicy(eye_distance_px_min=20, brightness_min=60))
    dark_and_small = engine.analyse(variant(people()[0], scale=0.3, brightness=0.3))
    with pytest.raises(LowQuality) as refused:
        await process.enrol(member_id, photo(0), dark_and_small)
    refusals = refused.value.measured["refusals"]
    assert {refusal["frame"] for refusal in refusals} == {1}
    assert {"face_too_small", "too_dark"} <= {refusal["reason"] for refusal in refusals}
    assert all(refusal["measured"] < refusal["limit"] for refusal in refusals)
    assert [advice["code"] for advice in refused.value.measured["feedback"]][:2] == ["come_closer", "more_light"]


async def test_photos_of_two_people_are_no_enrolment(process: Process, photo: Seen, frame: Seen) -> None:
    member_id = await process.add_member()
    with pytest.raises(FacesDisagree) as refused:
        await process.enrol(member_id, photo(0), frame(0), photo(1))
    assert refused.value.measured["frames"][1] == 2
    assert refused.value.measured["similarity"] < refused.value.measured["threshold"]


async def test_a_face_belongs_to_one_member(process: Process, photo: Seen, frame: Seen) -> None:
    first = await process.add_enrolled(photo(0))
    second = await process.add_member()
    with pytest.raises(FaceAlreadyEnrolled) as refused:
        await process.enrol(second, frame(0))
    assert str(first) not in repr((refused.value.detail, refused.value.measured, refused.value.headers))


async def test_enrolling_again_replaces_the_face_of_before(process: Process, photo: Seen, frame: Seen) -> None:
    member_id = await process.add_enrolled(photo(0), frame(0))
    await process.enrol(member_id, photo(1))
    assert await count(process, Template) == process.keeper.gallery.size == 1
    assert isinstance(await process.decide(frame(0)), NoMatch)
    assert isinstance(await process.decide(frame(1)), Match)


async def test_of_two_members_who_enrol_one_face_at_once_one_succeeds(
    process: Process, open_process: OpenProcess, photo: Seen, frame: Seen
) -> None:
    other = open_process()
    members = [await process.add_member() for _ in range(4)]
    results = await asyncio.gather(
        *(
            (process, other)[index % 2].enrol(member_id, (photo, frame)[index % 2](0))
            for index, member_id in enumerate(members)
        ),
        return_exceptions=True,
    )
    assert [type(result) for result in results if result] == [FaceAlreadyEnrolled] * 3
    assert await count(process, Template) == 1


async def test_withdrawal_ends_consent_and_leaves_no_template_and_no_key(process: Process, photo: Seen) -> None:
    member_id = await process.add_enrolled(photo(0))
    await process.withdraw(member_id)
    await process.withdraw(member_id)
    async with process.database.begin() as session:
        assert await standing_consent(session, member_id=member_id) is None
        assert not await templates_of(session, member_id=member_id)
        assert await session.scalar(select(TemplateKey.wrapped_key)) is None
    assert (await process.search(photo(0))).best is None
    with pytest.raises(ConsentRequired):
        await process.enrol(member_id, photo(0))


def test_evidence_shows_no_vector_when_it_is_printed(photo: Seen) -> None:
    def leaks(evidence: FrameEvidence) -> bool:
        return "array(" in repr(evidence)

    assert not leaks(photo(0))
