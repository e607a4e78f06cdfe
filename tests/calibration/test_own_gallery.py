"""A shop calibrates on its own members, and every replica decides by it."""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from facepay.calibration.calibration import Calibration, load_calibration
from facepay.calibration.versions import (
    CalibrationKeeper,
    CalibrationNotFound,
    add_version,
    use_version,
    versions_of,
)
from facepay.cli import app as command_line
from facepay.entrance.gates import GateAttempt
from facepay.identity.lookalikes import Lookalike, pair_of
from facepay.identity.own_gallery import draw, measure
from facepay.kernel.database import Database
from facepay.kernel.ids import new_id
from facepay.members.consents import Consent
from facepay.members.members import Member
from facepay.review.marks import Mark
from facepay.templates.templates import GalleryVersion, MemberKey, Template, TemplateKey, sealed_template
from facepay.vision.evidence import FaceQuality, Floats
from facepay.vision.packs import find_pack
from tests.processes import NOW, Process
from tests.shop import Shop

pytestmark = pytest.mark.anyio
PACK = find_pack().label
SHIPPED = load_calibration(PACK)
QUALITY = FaceQuality(60, 0, 0, 0, 0.9)
PEOPLE = 360


def faces(count: int) -> Floats:
    """(count, 2, 64): two templates of each; the last two people are twins."""
    random = np.random.default_rng(1)
    centres = random.standard_normal((count, 1, 64))
    centres[-1] = centres[-2] + 0.1 * random.standard_normal((1, 64))
    each = centres + 0.2 * random.standard_normal((count, 2, 64))
    return np.asarray(each / np.linalg.norm(each, axis=2, keepdims=True), np.float32)


async def add_enrolled(process: Process, templates_of: Floats) -> list[UUID]:
    """Members with these templates, all at once."""
    protection, members = process.keeper.protection, [new_id() for _ in templates_of]
    keys = [MemberKey(member_id, protection.key_id, protection.new_key(member_id)) for member_id in members]
    consents = [
        Consent(id=new_id(), member_id=member_id, policy_version="2026-01", accepted_at=NOW) for member_id in members
    ]
    async with process.database.begin() as session:
        session.add(GalleryVersion(id=1, version=1))
        session.add_all(
            Member(id=member_id, display_name="Li Na", created_at=NOW, updated_at=NOW) for member_id in members
        )
        await session.flush()
        session.add_all(consents)
        session.add_all(
            TemplateKey(member_id=key.member_id, key_id=key.key_id, wrapped_key=key.wrapped_key, gallery_version=1)
            for key in keys
        )
        await session.flush()
        session.add_all(
            sealed_template(
                template, QUALITY, key=key, protection=protection, consent_id=consent.id, pack=PACK, now=NOW
            )
            for key, consent, own in zip(keys, consents, templates_of, strict=True)
            for template in own
        )
    return members


async def facepay(database_url: str, *arguments: str) -> Result:
    environment = {
        "FACEPAY_DATABASE_URL": database_url,
        "FACEPAY_MASTER_KEY": b64encode(bytes(32)).decode(),
        "COLUMNS": "200",
    }
    return await asyncio.to_thread(CliRunner().invoke, command_line, ["calibrate", *arguments], env=environment)


async def test_a_shop_calibrates_on_its_members_and_every_replica_follows(
    process: Process, database_url: str, tmp_path: Path
) -> None:
    members = await add_enrolled(process, faces(PEOPLE))
    replica = CalibrationKeeper(SHIPPED)
    tried = await facepay(database_url, "--dry-run")
    assert tried.exit_code == 0, tried.output
    assert await followed(replica, process.database) == SHIPPED

    report = tmp_path / "report.html"
    made = await facepay(database_url, "--report", str(report))
    assert made.exit_code == 0, made.output
    assert "Calibration 1 decides from now on" in made.output
    assert "1 pairs of members are newly marked" in made.output, made.output
    used = await followed(replica, process.database)
    assert (used.version, used.people, used.floor) == ("1", PEOPLE, SHIPPED)
    for fmr in (1e-4, 1e-6, 1e-9):
        assert used.similarity_at(fmr) >= SHIPPED.similarity_at(fmr)
    async with process.database.begin() as session:
        (twins,) = await session.scalars(select(Lookalike))
        assert (twins.member_a, twins.member_b) == pair_of(members[-2], members[-1])
    assert_shows(report, members)

    assert (await facepay(database_url, "use", "0")).exit_code == 0
    assert await followed(replica, process.database) == SHIPPED
    unknown = await facepay(database_url, "use", "7")
    assert (unknown.exit_code, "no calibration 7" in unknown.output) == (1, True)
    listed = await facepay(database_url, "list")
    assert re.search(r"│ 1 +│ .* │ +│", listed.output), listed.output
    assert re.search(r"│ 0 +│ .* yes +│", listed.output), listed.output


def assert_shows(report: Path, members: list[UUID]) -> None:
    page = report.read_text()
    assert page.count("data:image/png;base64,") == 3
    assert not re.search(r'(src|href)="(?!data:)', page), "it loads nothing from elsewhere"
    assert str(members[-1]) in page
    pictures = sorted(path.name for path in report.parent.glob("*.png"))
    assert pictures == ["report-rates.png", "report-scores.png", "report-trade-off.png"]


async def followed(keeper: CalibrationKeeper, database: Database) -> Calibration:
    async with database.read() as session:
        return await keeper.follow(session)


async def test_versions_are_kept_and_one_of_a_pack_decides(process: Process) -> None:
    fitted = measure(list(map(list, faces(PEOPLE))), in_use=SHIPPED, source="made up").fit

    async def calibrate() -> None:
        async with process.database.begin() as session:
            await add_version(session, fitted=fitted, shipped=SHIPPED, active=True, now=NOW)

    await asyncio.gather(*(calibrate() for _ in range(2)))
    async with process.database.begin() as session:
        versions = await versions_of(session, pack=PACK)
        assert [row.version for row in versions] == [2, 1]
        assert [row.active for row in versions] == [True, False]
        await use_version(session, pack=PACK, version=1)
        with pytest.raises(CalibrationNotFound):
            await use_version(session, pack="another@1", version=1)
    async with process.database.begin() as session:
        assert [row.active for row in await versions_of(session, pack=PACK)] == [False, True]


async def test_a_gate_decides_by_the_calibration_in_use_and_says_so(shop: Shop, database: Database) -> None:
    await shop.add_member(0)
    fitted = measure(list(map(list, faces(PEOPLE))), in_use=SHIPPED, source="made up").fit
    for active in (False, True):
        async with database.begin() as session:
            await add_version(session, fitted=fitted, shipped=SHIPPED, active=active, now=NOW)
        assert (await shop.at_gate(0, "entries" if not active else "exits")).json()["decision"] == "open"
    async with database.begin() as session:
        bases = (await session.scalars(select(GateAttempt.basis).order_by(GateAttempt.id))).all()
    assert [str(basis).split("@")[0] for basis in bases] == ["gate:0.001 shipped", "gate:0.001 2"]


async def test_marks_of_staff_count_in_the_next_calibration() -> None:
    people = list(map(list, faces(PEOPLE)))
    plain = measure(people, in_use=SHIPPED, source="made up")
    marked = measure(people, in_use=SHIPPED, source="made up", false_matches=[0.95] * 5, true_matches=[0.6])
    assert marked.genuine.sum() == plain.genuine.sum() + 1
    assert marked.fit.calibration.similarity_at(1e-5) > plain.fit.calibration.similarity_at(1e-5)


async def test_marks_of_staff_raise_a_threshold_and_never_lower_one() -> None:
    people = list(map(list, faces(PEOPLE)))
    plain = measure(people, in_use=SHIPPED, source="made up").fit
    start = plain.calibration.tail_start
    for false_matches in ([start + 0.001] * 300, [start - 0.2] * 50, [start + 0.3], [0.9] * 20):
        marked = measure(people, in_use=SHIPPED, source="made up", false_matches=false_matches).fit
        for own, more in zip(plain.intervals, marked.intervals, strict=True):
            assert more.similarity >= own.similarity
            assert marked.calibration.similarity_at(own.fmr) == pytest.approx(more.similarity, abs=1e-3)
    apart = measure(people, in_use=SHIPPED, source="made up", leave_out_suspicious=True).fit
    both = measure(people, in_use=SHIPPED, source="made up", leave_out_suspicious=True, false_matches=[start]).fit
    assert both.calibration.similarity_at(1e-6) == pytest.approx(apart.calibration.similarity_at(1e-6), abs=0.01), (
        "twins that were left out don't come back with a mark"
    )


async def test_calibrate_counts_what_staff_found_wrong_and_right(process: Process, database_url: str) -> None:
    await add_enrolled(process, faces(PEOPLE))
    async with process.database.begin() as session:
        for kind, similarity in (("impostor", 0.9), ("impostor", 0.8), ("genuine", 0.7)):
            session.add(Mark(pack=PACK, kind=kind, similarity=similarity, marked_on=NOW.date()))
        session.add(Mark(pack="another", kind="impostor", similarity=0.9, marked_on=NOW.date()))
    made = await facepay(database_url)
    assert made.exit_code == 0, made.output
    assert "2 reviewed false matches and 1 true ones" in made.output
    async with process.database.begin() as session:
        (version,) = await versions_of(session, pack=PACK)
    assert version.source == "360 of 360 members, 2 reviewed false matches and 1 true ones"


async def test_a_sample_is_drawn_at_random_and_finds_what_it_holds(process: Process) -> None:
    enrolled = faces(200)
    members = await add_enrolled(process, enrolled)
    drawn = []
    for seed in (1, 2):
        sample = await draw(
            process.database, protection=process.keeper.protection, pack=PACK, members_max=100, seed=seed
        )
        assert 60 < len(sample.members) < 140
        assert (sample.members_in_all, sample.templates_in_all) == (200, 400)
        drawn.append(set(sample.members))
        row = members.index(sample.members[0])
        own = np.stack(sample.templates_of[0])
        assert np.allclose(own @ own.T, enrolled[row] @ enrolled[row].T, atol=1e-5), "rotated, and as alike as before"
    assert 30 < len(drawn[0] & drawn[1]) < 75


async def test_too_few_members_calibrate_nothing(process: Process, database_url: str) -> None:
    await add_enrolled(process, faces(20))
    result = await facepay(database_url)
    assert (result.exit_code, "compare more people" in result.output) == (1, True)
    async with process.database.begin() as session:
        assert not await versions_of(session, pack=PACK)
        assert not (await session.scalars(select(Lookalike))).all()
        assert (await session.scalars(select(Template))).all()
