"""One to one: a face against one member's templates, and against nobody else's."""

from __future__ import annotations

from uuid import UUID

import pytest
from fastapi import FastAPI

from facepay.identity.policy import Match, NoMatch
from facepay.identity.recognition import Recogniser
from facepay.identity.sighting import Unusable
from facepay.identity.verification import Verification, verify_member
from facepay.kernel.ids import new_id
from facepay.vision.engine import Engine
from tests.photos import camera_frame, people, variant
from tests.shop import Shop

pytestmark = pytest.mark.anyio


async def test_a_face_is_its_members_and_nobody_elses(shop: Shop, app: FastAPI, app_engine: Engine) -> None:
    recogniser: Recogniser = app.state.recogniser
    members = [UUID(await shop.add_member(number)) for number in (0, 1)]
    await recogniser.catch_up()
    seen = {number: [app_engine.analyse(variant(people()[number], quality=80, scale=1.1))] for number in (0, 1)}

    async def verified(number: int, member_id: UUID) -> Verification:
        return await verify_member(
            seen[number],
            member_id=member_id,
            keeper=recogniser.keeper,
            calibration=recogniser.calibration,
            settings=recogniser.settings,
        )

    for number, member_id in enumerate(members):
        match = await verified(number, member_id)
        assert isinstance(match, Match)
        assert (match.member_id, match.searched, match.margin) == (member_id, 1, None)
        assert match.threshold == recogniser.calibration.similarity_at(1e-5)
        assert isinstance(await verified(1 - number, member_id), NoMatch)
    stranger = await verified(0, new_id())
    assert isinstance(stranger, NoMatch)
    assert (stranger.similarity, stranger.searched) == (None, 0)
    seen[0] = [app_engine.analyse(camera_frame([]))]
    assert isinstance(await verified(0, members[0]), Unusable)
