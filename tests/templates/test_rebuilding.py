"""A new model pack: who let photos be kept needs no new ones, and the shop stays open."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select, update

from facepay.identity.policy import Match
from facepay.members.consents import Consent, give_consent
from facepay.members.members import get_member
from facepay.templates import rebuilding
from facepay.templates.photos import forget_photos, keep_photos
from facepay.templates.protection import Floats
from facepay.templates.rebuilding import drop_other_packs, must_enrol_again, rebuild
from facepay.templates.templates import EnrolmentPhoto, Template
from facepay.vision.engine import Engine
from facepay.vision.evidence import FaceQuality
from facepay.vision.frames import FrameLimits
from facepay.vision.portraits import SIDE_PX_MAX, portrait
from tests.conftest import OpenShop
from tests.photos import camera_frame, people
from tests.processes import NOW, OpenProcess, Process, Seen

pytestmark = pytest.mark.anyio
NEW_PACK = "other@00000000"


@pytest.fixture
def look(engine: Engine) -> rebuilding.Look:
    async def look(photo: bytes) -> tuple[Floats, FaceQuality] | None:
        faces = engine.analyse(photo).faces
        return (faces[0].embedding, faces[0].quality) if faces and faces[0].embedding is not None else None

    return look


async def photos_kept(process: Process) -> int:
    async with process.database.begin() as session:
        return await session.scalar(select(func.count()).select_from(EnrolmentPhoto)) or 0


async def say_yes(process: Process, member_id: UUID, *, keeps_photo: bool) -> None:
    async with process.database.begin() as session:
        await get_member(session, member_id, lock=True)
        await give_consent(session, member_id=member_id, policy_version="2026-01", keeps_photo=keeps_photo, now=NOW)


async def with_photo(process: Process, number: int, photo: Seen, *, kept: bytes | None = None) -> UUID:
    member_id = await process.add_enrolled(photo(number))
    await say_yes(process, member_id, keeps_photo=True)
    async with process.database.begin() as session:
        await keep_photos(
            session,
            protection=process.keeper.protection,
            member_id=member_id,
            photos=[kept or people()[number]],
            now=NOW,
        )
    return member_id


async def test_kept_photos_make_templates_of_the_new_pack_beside_the_old_ones(
    process: Process,
    open_process: OpenProcess,
    photo: Seen,
    frame: Seen,
    look: rebuilding.Look,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rebuilding, "PORTION", 1)
    members = [await with_photo(process, number, photo) for number in range(2)]
    without, blank = await process.add_enrolled(photo(2)), await with_photo(process, 3, photo, kept=camera_frame([]))
    protection, new = process.keeper.protection, open_process(pack=NEW_PACK)

    def stop(*_: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        await rebuild(process.database, protection=protection, pack=NEW_PACK, look=look, now=NOW, progress=stop)
    done = await rebuild(process.database, protection=protection, pack=NEW_PACK, look=look, now=NOW)
    assert (done.members, done.refused) == (1, (blank,))
    for each in (process, new):
        for number, member_id in enumerate(members):
            decision = await each.decide(frame(number))
            assert isinstance(decision, Match)
            assert decision.member_id == member_id
    async with process.database.begin() as session:
        assert await must_enrol_again(session, pack=NEW_PACK, most=5) == (2, sorted([without, blank]))
        assert await drop_other_packs(session, pack=NEW_PACK) == 2
        assert set(await session.scalars(select(Template.pack).where(Template.member_id.in_(members)))) == {NEW_PACK}


async def test_nothing_is_made_of_a_photo_whose_consent_has_run_out(
    process: Process, photo: Seen, look: rebuilding.Look
) -> None:
    await with_photo(process, 0, photo)
    protection, later = process.keeper.protection, NOW + timedelta(days=1)
    async with process.database.begin() as session:
        await session.execute(update(Consent).values(expires_at=later))
    done = await rebuild(process.database, protection=protection, pack=NEW_PACK, look=look, now=later)
    assert (done.members, done.refused) == (0, ())


@pytest.mark.parametrize(("shop_keeps", "member_lets"), [(True, True), (True, False), (False, True)])
async def test_photos_are_kept_only_where_shop_and_member_both_said_so(
    open_shop: OpenShop, process: Process, shop_keeps: bool, member_lets: bool
) -> None:
    shop = await open_shop(keep_enrolment_photos=shop_keeps)
    member_id = await shop.add_member(0, enrol=False)
    consent = {"policy_version": "2026-01", "accepted": True, "keeps_photo": member_lets}
    answer = await shop.do("PUT", f"/v1/members/{member_id}/consent", json=consent)
    assert answer["keeps_photo"] is member_lets
    files = [("frames", ("face.jpg", people()[0], "image/jpeg"))]
    await shop.do("PUT", f"/v1/members/{member_id}/face", files=files)
    assert await photos_kept(process) == (shop_keeps and member_lets)
    await shop.do("DELETE", f"/v1/members/{member_id}/face")
    assert await photos_kept(process) == 0, "they go with the face"


async def test_a_member_who_changes_their_mind_keeps_the_face_and_loses_the_photo(
    process: Process, photo: Seen, frame: Seen
) -> None:
    changed, stays = [await with_photo(process, number, photo) for number in range(2)]
    await say_yes(process, changed, keeps_photo=False)
    assert await forget_photos(process.database) == 1
    assert await photos_kept(process) == 1
    assert isinstance(await process.decide(frame(0)), Match)
    assert stays != changed


def test_a_portrait_is_small_and_the_same_face_to_the_engine(engine: Engine) -> None:
    shot = camera_frame(people()[:2])
    seen = engine.analyse(shot, embed=2)
    for face in seen.faces:
        small = portrait(shot, [face], limits=FrameLimits())
        again = engine.analyse(small)
        assert max(again.width, again.height) <= SIDE_PX_MAX
        assert face.embedding is not None
        assert again.faces[0].embedding is not None
        assert float(face.embedding @ again.faces[0].embedding) > 0.9
