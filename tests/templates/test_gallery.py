"""The gallery against the obvious way to search: compare with everybody, one by one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepay.kernel.secrets import MasterKey
from facepay.templates.gallery import Candidate, Floats, MemoryGallery, Ranking
from facepay.templates.protection import Protection

DIMENSIONS = 8
MEMBERS = [UUID(int=number + 1) for number in range(12)]
Change = tuple[int, list[int]]  # a member's number, and a seed for each template they have from now on

changes = st.lists(
    st.tuples(st.integers(0, len(MEMBERS) - 1), st.lists(st.integers(0, 10_000), max_size=4)), max_size=40
)


def face(seed: int) -> Floats:
    vector = np.random.default_rng(seed).standard_normal(DIMENSIONS)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


@dataclass
class ByHand:
    """All templates in a dictionary."""

    templates_of: dict[UUID, list[Floats]] = field(default_factory=dict)

    def search(self, probe: Floats, among: set[UUID] | None = None, top: int = 2) -> Ranking:
        searched = {
            member_id: templates
            for member_id, templates in self.templates_of.items()
            if templates and (among is None or member_id in among)
        }
        ranked = sorted(
            (
                Candidate(member_id, float(np.sum(templates, 0) @ probe / np.linalg.norm(np.sum(templates, 0))))
                for member_id, templates in searched.items()
            ),
            key=lambda candidate: -candidate.similarity,
        )
        return Ranking(tuple(ranked[:top]), sum(len(templates) for templates in searched.values()))


def same(found: Ranking, expected: Ranking) -> bool:
    similarities = [candidate.similarity for candidate in found.candidates]
    return (
        found.searched == expected.searched
        and similarities == pytest.approx([candidate.similarity for candidate in expected.candidates], abs=1e-5)
        and len({candidate.member_id for candidate in found.candidates}) == len(similarities)
    )


def filled(history: list[Change]) -> tuple[MemoryGallery, ByHand]:
    gallery, by_hand = MemoryGallery(lambda embedding: embedding), ByHand()
    for version, (number, seeds) in enumerate(history, start=1):
        templates = [face(seed) for seed in seeds]
        gallery.replace({MEMBERS[number]: templates}, version=version)
        by_hand.templates_of[MEMBERS[number]] = templates
    return gallery, by_hand


@given(changes, st.integers(0, 10_000), st.none() | st.sets(st.sampled_from(MEMBERS)), st.integers(1, 6))
def test_the_gallery_finds_whom_a_search_by_hand_finds(
    history: list[Change], seed: int, among: set[UUID] | None, top: int
) -> None:
    gallery, by_hand = filled(history)
    assert same(gallery.search(face(seed), among=among, top=top), by_hand.search(face(seed), among, top))
    assert gallery.size == sum(len(templates) for templates in by_hand.templates_of.values())
    assert gallery.version == len(history)


@given(changes, changes)
def test_changes_in_one_portion_end_where_one_by_one_they_end(before: list[Change], after: list[Change]) -> None:
    one_by_one, by_hand = filled(before + after)
    at_once, _ = filled(before)
    last = {MEMBERS[number]: [face(seed) for seed in seeds] for number, seeds in after}
    at_once.replace(last, version=len(before) + len(after))
    assert same(at_once.search(face(1)), by_hand.search(face(1)))
    assert same(one_by_one.search(face(1)), by_hand.search(face(1)))
    assert at_once.size == one_by_one.size


def test_news_that_comes_late_brings_nobody_back() -> None:
    gallery, _ = filled([(0, [1]), (1, [2])])
    gallery.replace({MEMBERS[0]: []}, version=4)
    gallery.replace({MEMBERS[0]: [face(1)]}, version=3)
    gallery.replace({MEMBERS[0]: [face(1)]}, version=4)
    ranking = gallery.search(face(1))
    assert ranking.best is not None
    assert ranking.best.member_id == MEMBERS[1]
    assert ranking.searched == 1


def test_a_removed_face_leaves_no_trace_in_memory() -> None:
    gallery, _ = filled([(number, [number]) for number in range(5)])
    matrix = gallery._snapshot.matrix
    gallery.replace({MEMBERS[2]: []}, version=6)
    for kept in (matrix, gallery._snapshot.matrix):
        assert not np.isclose(kept @ face(2), 1, atol=1e-3).any()


def test_an_empty_gallery_knows_nobody() -> None:
    gallery, _ = filled([(0, [1]), (0, [])])
    assert gallery.search(face(1)) == Ranking((), 0)
    assert gallery.search(face(1), among=[MEMBERS[5]]) == Ranking((), 0)


def test_searches_during_enrolments_name_the_right_member() -> None:
    gallery, _ = filled([(0, [0])])
    versions = range(2, 1500)

    def enrol_and_withdraw() -> None:
        for version in versions:
            number = 1 + version % 11
            gallery.replace({MEMBERS[number]: [face(number)] * (version % 3)}, version=version)

    def search() -> None:
        while gallery.version < versions[-1]:
            for number in range(len(MEMBERS)):
                best = gallery.search(face(number)).best
                assert best is not None
                # Whoever is alike as one photo to itself is its owner: rows never change hands under a search.
                assert best.similarity < 0.999 or best.member_id == MEMBERS[number]

    with ThreadPoolExecutor(3) as threads:
        writer, *readers = threads.submit(enrol_and_withdraw), threads.submit(search), threads.submit(search)
        writer.result()
        for reader in readers:
            reader.result()


def test_a_rotated_gallery_ranks_as_the_plain_one_does() -> None:
    protection = Protection(MasterKey(bytes(32)))
    rotated, (plain, _) = MemoryGallery(protection.rotate), filled([(number, [number]) for number in range(12)])
    rotated.replace(
        {member_id: [protection.rotate(face(number))] for number, member_id in enumerate(MEMBERS)}, version=1
    )
    assert same(rotated.search(face(77)), plain.search(face(77)))


def test_a_better_photo_counts_for_more_of_the_reference() -> None:
    gallery, _ = filled([])
    good, poor = np.float32(25) * face(1), np.float32(15) * face(2)
    gallery.replace({MEMBERS[0]: [good, poor]}, version=1)
    first, second = (gallery.search(face(seed)).best for seed in (1, 2))
    assert first is not None
    assert second is not None
    assert first.similarity > second.similarity
