"""The gallery in memory keeps the contract, for all processes that share it, and leaves nothing of a face behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from multiprocessing.process import BaseProcess
from tempfile import TemporaryFile
from uuid import UUID

import numpy as np
import pytest

from facepay.templates.area import MEMORY_BYTES, WORKERS_AREA, Area, area_for_workers, area_of
from facepay.templates.gallery import Floats
from facepay.templates.memory_gallery import MemoryGallery
from facepay.templates.rows import Counts, GalleryFull, Indices, Keys, Rows
from tests.templates.gallery_contract import MEMBERS, GalleryContract, OpenGallery, Twin, face, unrotated

ROUNDS = 60


class TestMemoryGallery(GalleryContract):
    tolerance = 0.01  # 8 bits of each of 16 components

    @pytest.fixture
    def open_gallery(self) -> OpenGallery:
        return lambda rotate: nullcontext(MemoryGallery(rotate))


@pytest.fixture
def workers_area() -> Iterator[None]:
    with area_for_workers():
        yield


def worker(holds: str = "these") -> MemoryGallery:
    return MemoryGallery(unrotated, area_of(holds))


def started(work: Callable[..., None], *arguments: object) -> BaseProcess:
    process = multiprocessing.get_context("spawn").Process(target=work, args=arguments)
    process.start()
    return process


def many_faces(count: int, dimensions: int = 512) -> Floats:
    vectors = np.random.default_rng(1).standard_normal((count, dimensions), np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def filled(faces: Floats, gallery: MemoryGallery) -> MemoryGallery:
    gallery.replace({UUID(int=number + 1): [each] for number, each in enumerate(faces)}, version=1)
    return gallery


def test_a_removed_face_leaves_no_trace_in_memory() -> None:
    area = Area()
    twin = Twin(MemoryGallery(unrotated, area))
    twin.change(*((number, [number]) for number in range(5)))
    rows = Rows(area)
    assert (rows.similarities(face(2), np.arange(5)) > 0.99).any()
    twin.change((2, []))
    columns = (rows._codes, rows._signs, rows._keys, rows._scales, rows._counts)
    assert [np.count_nonzero(column[:5].any(axis=-1) if column.ndim == 2 else column[:5]) for column in columns] == (
        [4] * len(columns)
    )
    assert not (rows.similarities(face(2), np.arange(5)) > 0.99).any()


class Stopped(Exception):
    pass


class StopsErasing(Rows):
    def _clear(self, rows: Indices) -> None:
        self._counts[rows] = 0
        raise Stopped


class StopsWriting(Rows):
    def _write(self, rows: Indices, keys: Keys, references: Floats, counts: Counts) -> None:
        super()._write(rows, keys, references, counts)
        self._counts[rows] = 0
        raise Stopped


@pytest.mark.parametrize(
    ("stopped", "change"), [(StopsErasing, {MEMBERS[1]: []}), (StopsWriting, {MEMBERS[7]: [face(7)]})]
)
def test_who_is_withdrawn_while_a_writer_is_stopped_midway_leaves_no_trace_either(
    stopped: type[Rows], change: dict[UUID, list[Floats]]
) -> None:
    area = Area()
    twin = Twin(MemoryGallery(unrotated, area))
    twin.change(*((number, [number]) for number in range(3)))
    stopping = MemoryGallery(unrotated, area)
    stopping._settled = stopped(area)
    with pytest.raises(Stopped):
        stopping.replace(change, version=4)
    twin.change_at_once({member_id: [] for member_id in change})
    rows = Rows(area)
    of_nobody = np.flatnonzero(rows.templates(np.arange(10)) == 0)
    assert len(of_nobody) == 10 - len(twin.by_hand.templates_of)
    assert not rows._codes[of_nobody].any()
    assert not rows._signs[of_nobody].any()
    assert twin.gallery.size == twin.by_hand.size


def test_a_full_gallery_refuses_one_more_and_goes_on_when_somebody_left() -> None:
    area = Area()
    twin = Twin(MemoryGallery(unrotated, area))
    twin.change(*((number, [number]) for number in range(4)))
    full = MemoryGallery(unrotated, area)
    full._settled = Rows(area)
    full._settled.rows_max = 4
    with pytest.raises(GalleryFull):
        full.replace({MEMBERS[0]: [], MEMBERS[4]: [face(4)], MEMBERS[5]: [face(5)]}, version=5)
    assert full.version == 4
    assert {each.member_id for each in full.search(face(0), top=9).candidates} == set(MEMBERS[1:4])
    full.replace({MEMBERS[0]: [], MEMBERS[4]: [face(4)]}, version=5)
    assert full.references(MEMBERS).keys() == set(MEMBERS[1:5])


def test_a_template_without_direction_is_nobody_s_and_hurts_nobody() -> None:
    gallery = MemoryGallery(unrotated)
    with np.errstate(invalid="ignore"):
        gallery.replace(
            {
                MEMBERS[0]: [face(0)],
                MEMBERS[1]: [0 * face(1)],
                MEMBERS[2]: [face(2), -face(2)],
                MEMBERS[3]: [np.float32("nan") * face(3)],
            },
            version=1,
        )
    for number in range(4):
        assert [each.member_id for each in gallery.search(face(number), top=4).candidates] == MEMBERS[:1]
    assert gallery.search(np.float32("nan") * face(0)).best is None
    gallery.replace({MEMBERS[2]: [], MEMBERS[3]: [face(3)]}, version=2)
    assert [each.member_id for each in gallery.search(face(3)).candidates] == [MEMBERS[3], MEMBERS[0]]
    assert gallery.size == 3


def test_the_row_of_who_is_gone_is_the_next_one_s() -> None:
    area = Area()
    twin = Twin(MemoryGallery(unrotated, area))
    twin.change(*((number, [number]) for number in range(4)), (1, []), (7, [7]), (8, [8]), (2, []), (1, [11]))
    assert area.header.rows == 5
    assert area.header.members == 5
    assert twin.gallery.references(MEMBERS).keys() == twin.by_hand.templates_of.keys()


def test_a_table_that_is_made_anew_forgets_nobody() -> None:
    gallery, members = MemoryGallery(unrotated), [UUID(int=number + 1) for number in range(700)]
    for version, number in enumerate([*range(700), *range(0, 700, 3)], start=1):
        gallery.replace({members[number]: [face(number)] * (version <= 700)}, version=version)
    expected = {member for number, member in enumerate(members) if number % 3}
    assert gallery.references(members).keys() == expected
    assert gallery.size == len(expected)


def test_scanning_signs_finds_whom_comparing_with_everybody_finds() -> None:
    faces = many_faces(8_000)
    everybody = [UUID(int=number + 1) for number in range(len(faces))]
    gallery = filled(faces, MemoryGallery(unrotated))
    random = np.random.default_rng(2)
    for number in range(20):
        # As far from the template as the laxest threshold of so many allows, and the runner-up likewise.
        noise = random.standard_normal(512).astype(np.float32)
        probe = 0.42 * faces[number] + 0.38 * faces[number + 50] + 0.82 * noise / np.linalg.norm(noise)
        probe /= np.linalg.norm(probe)
        scanned, exact = gallery.search(probe), gallery.search(probe, among=everybody)
        assert scanned == exact
        assert {each.member_id.int - 1 for each in scanned.candidates} == {number, number + 50}


def test_one_worker_writes_and_the_others_find(workers_area: None) -> None:
    writing, searching = worker(), worker()
    writing.replace({MEMBERS[3]: [face(3)]}, version=5)
    found = searching.search(face(3)).best
    assert found is not None
    assert found.member_id == MEMBERS[3]
    assert searching.version == 5
    searching.replace({MEMBERS[3]: []}, version=6)
    assert writing.search(face(3)).best is None
    assert worker().version == 6


def test_a_worker_with_another_key_or_pack_keeps_to_itself(workers_area: None) -> None:
    filled(many_faces(3), worker())
    assert worker().size == 3
    assert worker("others").size == 0


def test_a_worker_whose_supervisor_is_gone_keeps_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WORKERS_AREA, "/proc/self/fd/1000000")
    assert worker().size == 0
    with TemporaryFile() as of_another:
        monkeypatch.setenv(WORKERS_AREA, f"/proc/self/fd/{of_another.fileno()}")
        for length in (100, MEMORY_BYTES):
            of_another.truncate(length)
            assert filled(many_faces(3), worker()).size == 3
            of_another.seek(0)
            assert not any(of_another.read(100))


def test_what_workers_shared_ends_with_the_supervisor() -> None:
    with area_for_workers():
        filled(many_faces(3), worker())
        assert WORKERS_AREA in os.environ
    assert WORKERS_AREA not in os.environ
    assert worker().size == 0


def _enrol_and_withdraw() -> None:
    gallery = worker()
    for version in range(gallery.version + 1, gallery.version + ROUNDS):
        number = 1 + version % 11
        gallery.replace({MEMBERS[number]: [face(number)] * (version % 3)}, version=version)


def test_a_search_sees_nothing_half_done_by_another_process(workers_area: None) -> None:
    gallery = worker()
    gallery.replace({MEMBERS[0]: [face(0)]}, version=1)
    writer = started(_enrol_and_withdraw)
    while gallery.version < ROUNDS and writer.is_alive():
        for number in range(len(MEMBERS)):
            found = gallery.search(face(number), top=12)
            assert found.best is not None
            assert found.best.similarity < 0.99 or found.best.member_id == MEMBERS[number]
            assert len({each.member_id for each in found.candidates}) == len(found.candidates)
            assert found.searched >= len(found.candidates)
    writer.join()
    assert writer.exitcode == 0


def _be_killed_while_writing(connection: multiprocessing.connection.Connection) -> None:
    class Cut(Rows):
        def _write(self, rows: Indices, keys: Keys, references: Floats, counts: Counts) -> None:
            super()._write(rows[:1], keys[:1], references[:1], counts[:1])
            os.kill(os.getpid(), signal.SIGKILL)

    gallery = worker()
    gallery._settled = Cut(gallery._area)
    with gallery._area.turn() as ours:
        connection.send(ours)
        connection.recv()
        changed = {MEMBERS[0]: [], MEMBERS[1]: [face(21)], MEMBERS[5]: [face(5)], MEMBERS[6]: [face(6)]}
        gallery.replace(changed, version=9)


def test_a_worker_killed_while_it_fills_the_gallery_leaves_it_whole_and_the_next_may(workers_area: None) -> None:
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    twin, area = Twin(worker()), area_of("these")
    twin.change(*((number, [number]) for number in range(4)))
    killed = started(_be_killed_while_writing, theirs)
    assert ours.recv()
    with area.turn() as turn:
        assert not turn
    ours.send("go")
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    with area.turn() as turn:
        assert turn
        with area.turn() as again:
            assert not again
    assert twin.gallery.version == 4
    for number in (2, 3):
        best = twin.gallery.search(face(number)).best
        assert best is not None
        assert best.member_id == MEMBERS[number]
    changed = {MEMBERS[0]: [], MEMBERS[1]: [face(21)], MEMBERS[5]: [face(5)], MEMBERS[6]: [face(6)]}
    twin.change_at_once(changed)
    assert twin.gallery.size == twin.by_hand.size
    assert twin.gallery.references(MEMBERS).keys() == twin.by_hand.templates_of.keys()
    for seed in (0, 1, 21, 5, 6):
        assert TestMemoryGallery().same(twin.gallery.search(face(seed), top=9), twin.by_hand.search(face(seed), top=9))
