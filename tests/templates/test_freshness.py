"""Galleries of several processes over one database: who is removed is removed everywhere."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.identity.enrolment import enrol, withdraw
from facepay.identity.policy import Match
from facepay.identity.standing import Standing, standing_member
from facepay.kernel import hub
from facepay.kernel.database import Database
from facepay.kernel.hub import Hub
from facepay.members.consents import withdraw_consent
from facepay.templates import keeper, templates
from facepay.templates.area import area_for_workers, area_of
from facepay.templates.gallery import Ranking
from facepay.templates.memory_gallery import MemoryGallery
from facepay.templates.protection import Floats, GalleryLocked, Protection
from facepay.templates.templates import Change, Template, newest_version, next_version
from tests.processes import NOW, OpenProcess, Process, Seen

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def listening(process: Process) -> AsyncIterator[None]:
    awake = Hub()
    tasks = [
        asyncio.create_task(work)
        for work in (awake.run(process.database), process.keeper.listen(process.database, awake))
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def becomes(process: Process, size: int) -> bool:
    """Whether the gallery comes to hold so many templates without being asked to catch up."""
    for _ in range(500):
        if process.keeper.gallery.size == size:
            return True
        await asyncio.sleep(0.01)
    return False


async def test_a_face_withdrawn_elsewhere_is_gone_before_the_next_search(
    process: Process, open_process: OpenProcess, photo: Seen, frame: Seen
) -> None:
    other = open_process()
    member_id = await process.add_enrolled(photo(0))
    assert isinstance(await other.decide(frame(0)), Match)
    await process.withdraw(member_id)
    assert (await other.search(frame(0))).best is None


async def test_a_listening_process_hears_of_changes_by_itself(
    process: Process, open_process: OpenProcess, photo: Seen
) -> None:
    other = open_process()
    async with listening(other):
        member_id = await process.add_enrolled(photo(0))
        assert await becomes(other, 1)
        await process.withdraw(member_id)
        assert await becomes(other, 0)


async def test_a_listener_that_lost_its_connection_comes_back(
    process: Process, open_process: OpenProcess, photo: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "RECONNECT_SECONDS", 0.05)
    other = open_process()
    async with listening(other):
        await process.add_enrolled(photo(0))
        assert await becomes(other, 1)
        await cut_listeners(process.database)
        await process.add_enrolled(photo(1))
        assert await becomes(other, 2)


async def cut_listeners(database: Database) -> None:
    async with database.begin() as session:
        cut = await session.scalars(
            text(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and query ilike 'listen%'"
            )
        )
        assert cut.all() == [True]


async def test_a_change_that_is_rolled_back_never_was(process: Process, open_process: OpenProcess, photo: Seen) -> None:
    other, member_id = open_process(), await process.add_member()

    async def enrol_and_fail() -> None:
        async with process.database.begin() as session:
            await enrol(
                session,
                member_id=member_id,
                evidences=[photo(0)],
                keeper=process.keeper,
                policy=process.policy,
                now=NOW,
            )
            assert (await other.search(photo(0))).best is None
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await enrol_and_fail()
    for each in (process, other):
        assert (await each.search(photo(0))).best is None


async def test_a_follower_misses_nobody_while_many_enrol_at_once(
    process: Process, open_process: OpenProcess, photo: Seen
) -> None:
    writers, follower = [open_process() for _ in range(3)], open_process()
    await process.keeper.follow(process.database)
    before = process.keeper.gallery.version
    members = [await process.add_member() for _ in range(7)]
    sizes: list[int] = []

    async def follow() -> None:
        while not sizes or sizes[-1] < len(members):
            await follower.keeper.follow(follower.database)
            sizes.append(follower.keeper.gallery.size)

    await asyncio.wait_for(
        asyncio.gather(
            follow(),
            *(writers[number % 3].enrol(member_id, photo(number)) for number, member_id in enumerate(members)),
        ),
        timeout=20,
    )
    assert sizes == sorted(sizes)
    assert follower.keeper.gallery.version == before + len(members)


async def test_a_tampered_template_matches_nobody(
    process: Process, open_process: OpenProcess, photo: Seen, frame: Seen
) -> None:
    await process.add_enrolled(photo(0))
    await process.add_enrolled(photo(1))
    async with process.database.begin() as session:
        rows = (await session.scalars(select(Template).order_by(Template.id))).all()
        # Wang's row with Li's template in it: sealed in good faith, moved in bad.
        await session.execute(update(Template).where(Template.id == rows[1].id).values(sealed=rows[0].sealed))
    restarted = open_process()
    await restarted.keeper.load(restarted.database)
    assert restarted.keeper.gallery.size == 1
    decision = await restarted.decide(frame(0))
    assert isinstance(decision, Match)
    assert decision.member_id == rows[0].member_id


async def test_a_process_with_another_master_key_recognises_nobody(
    process: Process, open_process: OpenProcess, photo: Seen
) -> None:
    await process.add_enrolled(photo(0))
    locked_out = open_process(master_key=bytes([1] * 32))
    with pytest.raises(GalleryLocked):
        await locked_out.keeper.load(locked_out.database)


async def test_templates_of_another_pack_are_not_compared_with(
    process: Process, open_process: OpenProcess, photo: Seen
) -> None:
    await process.add_enrolled(photo(0))
    other_pack = open_process(pack="other@00000000")
    assert (await other_pack.search(photo(0))).searched == 0


async def test_a_start_tells_how_far_it_is(process: Process, open_process: OpenProcess, photo: Seen) -> None:
    for number in range(3):
        await process.add_enrolled(photo(number))
    restarted, steps = open_process(), []
    await restarted.keeper.load(restarted.database, progress=lambda done, total: steps.append((done, total)))
    assert steps[-1] == (3, 3)
    assert restarted.keeper.gallery.version == process.keeper.gallery.version


async def test_a_start_takes_nobody_apart_however_small_its_portions(
    process: Process, open_process: OpenProcess, photo: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        await process.add_enrolled(photo(number), photo(number), photo(number))
    for portion in (1, 2, 4):
        monkeypatch.setattr(templates, "PORTION", portion)
        restarted = open_process()
        await restarted.keeper.load(restarted.database)
        assert restarted.keeper.gallery.size == 9
        for number in range(3):
            assert await restarted.search(photo(number)) == await process.search(photo(number))


async def test_workers_who_share_a_gallery_unseal_it_once(
    process: Process, open_process: OpenProcess, photo: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        await process.add_enrolled(photo(number))
    unsealed = []

    def counted(change: Change, protection: Protection) -> list[Floats]:
        unsealed.append(change.template_id)
        return unseal(change, protection)

    unseal = keeper.unsealed
    monkeypatch.setattr(keeper, "unsealed", counted)
    with area_for_workers():
        workers = [open_process() for _ in range(3)]
        for worker in workers:
            worker.keeper.gallery = MemoryGallery(worker.keeper.protection.rotate, area_of("these"))
        await asyncio.gather(*(worker.keeper.load(worker.database) for worker in workers))
        assert [worker.keeper.gallery.size for worker in workers] == [3] * 3
    assert len(unsealed) == len(set(unsealed)) == 3


async def test_what_others_have_loaded_meanwhile_isnt_read_to_its_end(
    process: Process, open_process: OpenProcess, photo: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        await process.add_enrolled(photo(number))
    monkeypatch.setattr(templates, "PORTION", 1)
    started, steps = open_process(), []

    def others_are_faster(done: int, _: int) -> None:
        steps.append(done)
        started.keeper.gallery.replace({}, version=process.keeper.gallery.version)

    await started.keeper.load(started.database, progress=others_are_faster)
    assert steps == [1]


async def test_a_start_loads_nobody_whose_consent_has_ended(
    process: Process, open_process: OpenProcess, photo: Seen
) -> None:
    member_id = await process.add_enrolled(photo(0))
    async with process.database.begin() as session:
        await withdraw_consent(session, member_id=member_id, now=NOW)
    restarted = open_process()
    await restarted.keeper.load(restarted.database)
    assert restarted.keeper.gallery.size == 0


async def test_a_change_of_nobody_s_templates_is_followed_once(process: Process, photo: Seen) -> None:
    await process.add_enrolled(photo(0))
    async with process.database.begin() as session:
        await next_version(session)
    await process.keeper.follow(process.database)
    async with process.database.begin() as session:
        assert await newest_version(session) == process.keeper.gallery.version


async def test_who_are_behind_at_once_read_a_change_once(process: Process, photo: Seen) -> None:
    await process.add_enrolled(photo(0))
    async with process.database.begin() as session:
        await next_version(session)
    read = 0

    def counted(session: AsyncSession, *, version: int, pack: str) -> AsyncGenerator[Sequence[Change]]:
        nonlocal read
        read += 1
        return templates.changes_after(session, version=version, pack=pack)

    process.keeper.kept = replace(process.keeper.kept, changes_after=counted)
    await asyncio.gather(*(process.keeper.follow(process.database) for _ in range(5)))
    assert read == 1


async def test_only_a_search_that_takes_long_leaves_the_event_loop(
    process: Process, photo: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []

    class Watched(MemoryGallery):
        def search(self, embedding: Floats, *, among: Collection[UUID] | None = None, top: int = 2) -> Ranking:
            threads.append(threading.current_thread())
            return super().search(embedding, among=among, top=top)

    process.keeper.gallery = Watched(process.keeper.protection.rotate)
    member_id = await process.add_enrolled(photo(0))
    face = photo(0).faces[0].embedding
    assert face is not None
    threads.clear()
    for largest in (1, 0):
        monkeypatch.setattr(keeper, "SEARCHED_ON_THE_LOOP_MAX", largest)
        best = (await process.keeper.search(face)).best
        assert best is not None
        assert best.member_id == member_id
    assert threads[0] is threading.main_thread()
    assert threads[1] is not threading.main_thread()


async def waiting_for_locks(database: Database, transactions: int) -> bool:
    """Whether so many transactions come to wait for others."""
    waiting = text(
        "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    )
    async with database.read() as session:
        for _ in range(500):
            if await session.scalar(waiting) == transactions:
                return True
            await asyncio.sleep(0.01)
    return False


async def test_who_is_withdrawing_just_now_is_not_recognised_once_they_have(process: Process, photo: Seen) -> None:
    member_id = await process.add_enrolled(photo(0))

    async def recognise(alone: bool) -> Standing | None:
        async with process.database.begin() as session:
            return await standing_member(session, member_id=member_id, now=NOW, alone=alone)

    assert await recognise(alone=True) is not None
    async with process.database.begin() as session:
        await withdraw(session, member_id=member_id, now=NOW)
        deciding = [asyncio.create_task(recognise(alone)) for alone in (True, False)]
        assert await waiting_for_locks(process.database, len(deciding))
    assert await asyncio.gather(*deciding) == [None, None]
