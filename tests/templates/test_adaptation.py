"""Templates that learn, and whom nobody can teach that they are somebody else."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import update

from facepay.templates.adaptation import AdaptationPolicy, adapt, drop_adapted
from facepay.templates.protection import Floats
from facepay.templates.templates import Template, TemplateKey, templates_of
from facepay.vision.evidence import FaceEvidence
from tests.conftest import Clock, OpenShop
from tests.photos import people, variant
from tests.processes import NOW, STRANGER, Process, Seen, embedding

pytestmark = pytest.mark.anyio
POLICY = AdaptationPolicy()
DAY = timedelta(days=1)


def between(one: Floats, other: Floats, share: float) -> Floats:
    mixed = (1 - share) * one + share * other
    return np.asarray(mixed / np.linalg.norm(mixed), np.float32)


async def learn(process: Process, member_id: UUID, face: FaceEvidence, now: datetime) -> Template | None:
    async with process.database.begin() as session:
        learned = await adapt(
            session,
            protection=process.keeper.protection,
            member_id=member_id,
            pack=process.keeper.pack,
            face=face,
            threshold=0.4,
            policy=POLICY,
            now=now,
        )
    await process.keeper.follow(process.database)
    return learned


async def kept(process: Process, member_id: UUID) -> list[Template]:
    async with process.database.begin() as session:
        return list(await templates_of(session, member_id=member_id))


async def test_a_stranger_cannot_drag_a_template_over_step_by_step(process: Process, photo: Seen) -> None:
    """A look-alike who tries every seven days with the least familiar face that would still be recognised."""
    member_id = await process.add_enrolled(photo(0))
    own, stranger, face = embedding(photo(0)), embedding(photo(STRANGER)), photo(0).faces[0]
    before = process.keeper.gallery.search(stranger).best
    assert before is not None
    refused = 0
    for week in range(1, 40):
        faces = (between(own, stranger, share) for share in np.linspace(1, 0, 51))
        probe = next(each for each in faces if _similarity(process, each) >= 0.5)
        learned = await learn(process, member_id, replace(face, embedding=probe), NOW + week * 7 * DAY)
        refused += learned is None
    after = process.keeper.gallery.search(stranger).best
    assert after is not None
    assert refused > 30, "what the reference takes for the member, the enrolled photo doesn't"
    assert after.similarity < 0.4
    assert _similarity(process, own) > 0.86


def _similarity(process: Process, face: Floats) -> float:
    best = process.keeper.gallery.search(face).best
    assert best is not None
    return best.similarity


async def test_learning_is_seldom_and_the_oldest_makes_room(process: Process, photo: Seen, frame: Seen) -> None:
    member_id, face = await process.add_enrolled(photo(0)), frame(0).faces[0]
    learned = [await learn(process, member_id, face, NOW + days * DAY) for days in (0, 6, 7, 13, 14)]
    assert [each is not None for each in learned] == [True, False, True, False, True]
    templates = await kept(process, member_id)
    assert [each.origin for each in templates].count("enrolled") == 1
    assert {each.id for each in templates if each.origin == "adapted"} == {each.id for each in learned[2::2] if each}


async def test_what_was_learned_can_be_dropped_and_leaves_the_enrolled_template_as_it_was(
    process: Process, photo: Seen, frame: Seen
) -> None:
    member_id = await process.add_enrolled(photo(0))
    (enrolled,), before = await kept(process, member_id), _similarity(process, embedding(frame(0)))
    assert await learn(process, member_id, frame(0).faces[0], NOW) is not None
    assert _similarity(process, embedding(frame(0))) > before
    async with process.database.begin() as session:
        assert await drop_adapted(session, member_id=member_id) == 1
    await process.keeper.follow(process.database)
    assert _similarity(process, embedding(frame(0))) == pytest.approx(before, abs=1e-5)
    (left,) = await kept(process, member_id)
    assert (left.id, left.sealed) == (enrolled.id, enrolled.sealed)


async def test_nothing_is_learned_of_who_has_withdrawn(process: Process, photo: Seen, frame: Seen) -> None:
    member_id = await process.add_enrolled(photo(0))
    await process.withdraw(member_id)
    assert await learn(process, member_id, frame(0).faces[0], NOW) is None


@pytest.mark.parametrize(
    ("measured", "sure"),
    [
        ({}, True),
        ({"similarity": 0.49}, False),
        ({"margin": 0.19}, False),
        ({"margin": None}, True),
        ({"embedding_norm": 19.0}, False),
    ],
)
def test_only_a_sure_match_is_learned_from(measured: dict[str, float | None], sure: bool) -> None:
    good = {"similarity": 0.6, "threshold": 0.4, "margin": 0.3, "embedding_norm": 22.0}
    assert POLICY.is_sure(**(good | measured)) is sure  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("setting", "after_entry", "after_purchase"), [("off", 0, 0), ("entries", 1, 1), ("entries_and_purchases", 1, 2)]
)
async def test_a_shop_learns_from_what_it_says(
    open_shop: OpenShop, process: Process, clock: Clock, setting: str, after_entry: int, after_purchase: int
) -> None:
    shop = await open_shop(template_learning=setting)
    member_id = await shop.add_member(0, balance=10_000)

    async def learned() -> int:
        return [template.origin for template in await kept(process, UUID(member_id))].count("adapted")

    assert (await shop.at_gate(0)).json()["decision"] == "open"
    assert await learned() == (await shop.do("GET", f"/v1/members/{member_id}/face"))["learned"] == after_entry
    clock.ahead += 8 * DAY
    assert (await shop.at_kiosk(variant(people()[0], quality=80), {"TEA-001": 1})).json()["decision"] == "paid"
    assert await learned() == after_purchase


async def test_learning_that_fails_takes_no_decision_back(open_shop: OpenShop, process: Process) -> None:
    shop = await open_shop(template_learning="entries")
    member_id = await shop.add_member(0)
    async with process.database.begin() as session:
        # As if another replica had moved them to a master key that this one hasn't got.
        await session.execute(update(TemplateKey).values(key_id="ffffffffffffffff"))
    assert (await shop.at_gate(0)).json()["code"] == "welcome"
    assert len(await kept(process, UUID(member_id))) == 1
