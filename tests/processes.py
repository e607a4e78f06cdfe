"""Real evidence of real people, computed once, and what a process needs to enrol and to recognise them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from uuid import UUID

import pytest

from facepay.calibration.calibration import load_calibration
from facepay.identity.enrolment import EnrolmentPolicy, enrol, withdraw
from facepay.identity.policy import Decision, MatchPolicy, decide
from facepay.kernel.database import Database
from facepay.kernel.secrets import MasterKey
from facepay.members.consents import give_consent
from facepay.members.members import register
from facepay.templates.gallery import Floats, Ranking
from facepay.templates.keeper import GalleryKeeper
from facepay.templates.memory_gallery import MemoryGallery
from facepay.templates.protection import Protection
from facepay.vision.engine import Engine
from facepay.vision.evidence import FrameEvidence
from facepay.vision.quality import QualityPolicy
from tests.photos import people, stranger, variant

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
GATE = MatchPolicy(use="gate", fpir_target=1e-3, margin_min=0.08)
STRANGER = 6  # the number of the one who is none of the six


Seen = Callable[[int], FrameEvidence]


@pytest.fixture(scope="session")
def photo(engine: Engine) -> Seen:
    """What the engine makes of the photo of one of the six people, or of the stranger."""
    return cache(lambda number: engine.analyse([*people(), stranger()][number]))


@pytest.fixture(scope="session")
def frame(engine: Engine) -> Seen:
    """The same people on another frame: smaller, darker, compressed."""
    return cache(
        lambda number: engine.analyse(variant([*people(), stranger()][number], quality=50, scale=0.8, brightness=0.8))
    )


@dataclass
class Process:
    """One of the processes that share a database."""

    database: Database
    keeper: GalleryKeeper
    policy: EnrolmentPolicy

    async def add_member(self, *, consent: bool = True) -> UUID:
        async with self.database.begin() as session:
            member = await register(session, display_name="Li Na", phone=None, now=NOW)
            if consent:
                await give_consent(session, member_id=member.id, policy_version="2026-01", now=NOW)
        return member.id

    async def enrol(self, member_id: UUID, *evidences: FrameEvidence) -> None:
        async with self.database.begin() as session:
            await enrol(
                session, member_id=member_id, evidences=evidences, keeper=self.keeper, policy=self.policy, now=NOW
            )
        await self.keeper.follow(self.database)

    async def add_enrolled(self, *evidences: FrameEvidence) -> UUID:
        member_id = await self.add_member()
        await self.enrol(member_id, *evidences)
        return member_id

    async def withdraw(self, member_id: UUID) -> None:
        async with self.database.begin() as session:
            await withdraw(session, member_id=member_id, now=NOW)

    async def search(self, evidence: FrameEvidence) -> Ranking:
        await self.keeper.follow(self.database)
        return self.keeper.gallery.search(embedding(evidence))

    async def decide(self, evidence: FrameEvidence) -> Decision:
        return decide(await self.search(evidence), GATE, self.policy.calibration)


def embedding(evidence: FrameEvidence) -> Floats:
    found = evidence.faces[0].embedding
    assert found is not None
    return found


OpenProcess = Callable[..., Process]


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
def open_process(database: Database, engine: Engine) -> OpenProcess:
    """A further process on this test's database, with an empty gallery."""

    def open_one(*, master_key: bytes = bytes(32), others: Sequence[bytes] = (), pack: str | None = None) -> Process:
        protection = Protection(MasterKey(master_key, [MasterKey(other) for other in others]))
        keeper = GalleryKeeper(
            gallery=MemoryGallery(protection.rotate), protection=protection, pack=pack or engine.pack
        )
        return Process(database, keeper, EnrolmentPolicy(QualityPolicy(), GATE, load_calibration(engine.pack)))

    return open_one


@pytest.fixture
def process(open_process: OpenProcess) -> Process:
    return open_process()
