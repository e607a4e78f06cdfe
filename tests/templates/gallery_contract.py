"""What every gallery must do, whatever it is built on: compared with everybody in a dictionary, one by one.

A test module makes a class of it and says how an empty gallery is opened:

    class TestMemoryGallery(GalleryContract):
        @pytest.fixture
        def open_gallery(self) -> OpenGallery: ...
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facepay.kernel.secrets import MasterKey
from facepay.templates.gallery import Candidate, Floats, Gallery, Ranking
from facepay.templates.protection import Protection

DIMENSIONS = 16
MEMBERS = [UUID(int=(number + 1) << 64 | number) for number in range(12)]
Change = tuple[int, list[int]]  # a member's number, and a seed for each template they have from now on
# An empty gallery of its own, whatever others are open, which rotates what it searches for by this.
OpenGallery = Callable[[Callable[[Floats], Floats]], AbstractContextManager[Gallery]]

changes = st.lists(
    st.tuples(st.integers(0, len(MEMBERS) - 1), st.lists(st.integers(0, 10_000), max_size=4)), max_size=40
)


def face(seed: int, dimensions: int = DIMENSIONS) -> Floats:
    vector = np.random.default_rng(seed).standard_normal(dimensions)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def unrotated(embedding: Floats) -> Floats:
    return embedding


@dataclass
class ByHand:
    """All templates in a dictionary."""

    templates_of: dict[UUID, list[Floats]] = field(default_factory=dict)

    def replace(self, templates_of: Mapping[UUID, Sequence[Floats]]) -> None:
        for member_id, templates in templates_of.items():
            self.templates_of.pop(member_id, None)
            if templates:
                self.templates_of[member_id] = list(templates)

    def reference(self, member_id: UUID) -> Floats:
        total = np.sum(self.templates_of[member_id], axis=0)
        return np.asarray(total / np.linalg.norm(total), np.float32)

    def search(self, probe: Floats, among: Collection[UUID] | None = None, top: int = 2) -> Ranking:
        searched = [member_id for member_id in self.templates_of if among is None or member_id in among]
        ranked = sorted(
            (Candidate(member_id, float(self.reference(member_id) @ probe)) for member_id in searched),
            key=lambda candidate: -candidate.similarity,
        )
        return Ranking(tuple(ranked[:top]), sum(len(self.templates_of[member_id]) for member_id in searched))

    @property
    def size(self) -> int:
        return sum(map(len, self.templates_of.values()))


@dataclass
class Twin:
    """A gallery, and the same by hand."""

    gallery: Gallery
    by_hand: ByHand = field(default_factory=ByHand)
    versions: Iterator[int] = field(default_factory=lambda: count(1))

    def change(self, *history: Change) -> None:
        """One after the other, a version each."""
        for number, seeds in history:
            self.change_at_once({MEMBERS[number]: [face(seed) for seed in seeds]})

    def change_at_once(self, templates_of: Mapping[UUID, Sequence[Floats]]) -> None:
        self.gallery.replace(templates_of, version=next(self.versions))
        self.by_hand.replace(templates_of)


class GalleryContract:
    examples = 30  # of histories that hypothesis makes up
    tolerance = 1e-5  # of a cosine

    @pytest.fixture
    def open_gallery(self) -> OpenGallery:
        raise NotImplementedError

    @contextmanager
    def twin(self, open_gallery: OpenGallery, *history: Change) -> Iterator[Twin]:
        with open_gallery(unrotated) as gallery:
            twin = Twin(gallery)
            twin.change(*history)
            yield twin

    def same(self, found: Ranking, expected: Ranking) -> bool:
        """Equal up to members who are as alike as each other."""
        similarities = [candidate.similarity for candidate in found.candidates]
        return (
            found.searched == expected.searched
            and similarities
            == pytest.approx([candidate.similarity for candidate in expected.candidates], abs=self.tolerance)
            and len({candidate.member_id for candidate in found.candidates}) == len(similarities)
        )

    def test_it_finds_whom_a_search_by_hand_finds(self, open_gallery: OpenGallery) -> None:
        @settings(max_examples=self.examples, deadline=None)
        @given(changes, st.integers(0, 10_000), st.none() | st.sets(st.sampled_from(MEMBERS)), st.integers(1, 6))
        def check(history: list[Change], seed: int, among: set[UUID] | None, top: int) -> None:
            with self.twin(open_gallery, *history) as twin:
                found = twin.gallery.search(face(seed), among=among, top=top)
                assert self.same(found, twin.by_hand.search(face(seed), among, top))
                assert all(
                    candidate.similarity
                    == pytest.approx(twin.by_hand.reference(candidate.member_id) @ face(seed), abs=self.tolerance)
                    for candidate in found.candidates
                )
                assert twin.gallery.size == twin.by_hand.size
                assert twin.gallery.version == len(history)

        check()

    def test_changes_in_one_portion_end_where_one_by_one_they_end(self, open_gallery: OpenGallery) -> None:
        @settings(max_examples=self.examples // 2, deadline=None)
        @given(changes, changes)
        def check(before: list[Change], after: list[Change]) -> None:
            with self.twin(open_gallery, *before) as twin:
                twin.change_at_once({MEMBERS[number]: [face(seed) for seed in seeds] for number, seeds in after})
                assert self.same(twin.gallery.search(face(1), top=6), twin.by_hand.search(face(1), top=6))
                assert twin.gallery.size == twin.by_hand.size

        check()

    def test_an_empty_gallery_knows_nobody(self, open_gallery: OpenGallery) -> None:
        with self.twin(open_gallery) as twin:
            for _ in range(2):
                assert twin.gallery.size == 0
                assert twin.gallery.search(face(1)) == Ranking((), 0)
                assert twin.gallery.search(face(1), among=[MEMBERS[5]]) == Ranking((), 0)
                assert twin.gallery.references(MEMBERS) == {}
                twin.change((0, [1]), (0, []))
            assert twin.gallery.version == 4

    def test_nobody_is_found_among_nobody(self, open_gallery: OpenGallery) -> None:
        with self.twin(open_gallery, (0, [0])) as twin:
            assert twin.gallery.search(face(0), among=[]) == Ranking((), 0)
            assert twin.gallery.search(face(0), among=[MEMBERS[0], MEMBERS[0]]).searched == 1

    def test_who_is_removed_is_found_no_more_from_that_moment_on(self, open_gallery: OpenGallery) -> None:
        with self.twin(open_gallery, *((number, [number, number + 50]) for number in range(6))) as twin:
            for number in range(6):
                twin.change((number, []))
                assert MEMBERS[number] not in {
                    candidate.member_id for candidate in twin.gallery.search(face(number), top=12).candidates
                }
                assert twin.gallery.search(face(number), among=[MEMBERS[number]]) == Ranking((), 0)
                assert twin.gallery.references([MEMBERS[number]]) == {}

    def test_who_comes_back_with_another_face_is_found_by_that_one(self, open_gallery: OpenGallery) -> None:
        with self.twin(open_gallery, (0, [0]), (1, [1]), (0, []), (2, [2]), (0, [30])) as twin:
            found = twin.gallery.search(face(30))
            assert found.best is not None
            assert found.best.member_id == MEMBERS[0]
            assert self.same(twin.gallery.search(face(0), top=3), twin.by_hand.search(face(0), top=3))

    def test_news_that_comes_late_brings_nobody_back(self, open_gallery: OpenGallery) -> None:
        with self.twin(open_gallery, (0, [1]), (1, [2])) as twin:
            twin.gallery.replace({MEMBERS[0]: []}, version=4)
            twin.gallery.replace({MEMBERS[0]: [face(1)]}, version=3)
            twin.gallery.replace({MEMBERS[0]: [face(1)]}, version=4)
            assert twin.gallery.version == 4
            ranking = twin.gallery.search(face(1))
            assert ranking.best is not None
            assert ranking.best.member_id == MEMBERS[1]
            assert ranking.searched == 1

    def test_a_version_counts_that_changed_nobody(self, open_gallery: OpenGallery) -> None:
        with self.twin(open_gallery, (0, [0])) as twin:
            twin.gallery.replace({}, version=7)
            assert twin.gallery.version == 7
            assert twin.gallery.size == 1

    def test_references_are_what_members_are_compared_by(self, open_gallery: OpenGallery) -> None:
        with self.twin(open_gallery, (0, [1, 2, 3]), (1, [4]), (2, [])) as twin:
            references = twin.gallery.references(MEMBERS[:4])
            assert {member_id: reference.templates for member_id, reference in references.items()} == {
                MEMBERS[0]: 3,
                MEMBERS[1]: 1,
            }
            for member_id, reference in references.items():
                assert reference.vector.dtype == np.float32
                assert np.linalg.norm(reference.vector) == pytest.approx(1, abs=1e-5)
                assert reference.vector == pytest.approx(twin.by_hand.reference(member_id), abs=20 * self.tolerance)

    def test_a_reference_that_was_read_stays_as_it_was(self, open_gallery: OpenGallery) -> None:
        with self.twin(open_gallery, (0, [0])) as twin:
            reference = twin.gallery.references(MEMBERS)[MEMBERS[0]]
            before = reference.vector.copy()
            twin.change((0, [1]))
            assert np.array_equal(reference.vector, before)

    def test_a_better_photo_counts_for_more_of_the_reference(self, open_gallery: OpenGallery) -> None:
        with self.twin(open_gallery) as twin:
            twin.change_at_once({MEMBERS[0]: [np.float32(25) * face(1), np.float32(15) * face(2)]})
            first, second = (twin.gallery.search(face(seed)).best for seed in (1, 2))
            assert first is not None
            assert second is not None
            assert first.similarity > second.similarity

    def test_a_rotated_gallery_ranks_as_a_plain_one_does(self, open_gallery: OpenGallery) -> None:
        protection = Protection(MasterKey(bytes(32)))
        with open_gallery(protection.rotate) as rotated, self.twin(open_gallery) as plain:
            plain.change(*((number, [number]) for number in range(12)))
            rotated.replace(
                {member_id: [protection.rotate(face(number))] for number, member_id in enumerate(MEMBERS)}, version=1
            )
            assert self.same(rotated.search(face(77), top=5), plain.by_hand.search(face(77), top=5))

    def test_two_galleries_have_nothing_of_each_other(self, open_gallery: OpenGallery) -> None:
        with self.twin(open_gallery, (0, [0])) as one, self.twin(open_gallery, (1, [1])) as other:
            assert one.gallery.references(MEMBERS).keys() == {MEMBERS[0]}
            assert other.gallery.references(MEMBERS).keys() == {MEMBERS[1]}

    def test_writers_who_race_with_the_same_news_leave_it_there_once(self, open_gallery: OpenGallery) -> None:
        news = [{MEMBERS[number % 5]: [face(number)] * (1 + number % 2)} for number in range(12)]
        with self.twin(open_gallery) as twin, ThreadPoolExecutor(3) as threads:

            def write() -> None:
                for version, templates_of in enumerate(news, start=1):
                    twin.gallery.replace(templates_of, version=version)

            for writer in [threads.submit(write) for _ in range(3)]:
                writer.result()
            for templates_of in news:
                twin.by_hand.replace(templates_of)
            assert twin.gallery.version == len(news)
            assert twin.gallery.size == twin.by_hand.size
            assert self.same(twin.gallery.search(face(5), top=12), twin.by_hand.search(face(5), top=12))

    def test_searches_during_enrolments_name_the_right_member(self, open_gallery: OpenGallery) -> None:
        with self.twin(open_gallery, (0, [0])) as twin, ThreadPoolExecutor(3) as threads:
            versions = range(2, 2 + 6 * self.examples)

            def enrol_and_withdraw() -> None:
                for version in versions:
                    number = 1 + version % 11
                    twin.gallery.replace({MEMBERS[number]: [face(number)] * (version % 3)}, version=version)

            def search() -> None:
                while twin.gallery.version < versions[-1]:
                    for number in range(len(MEMBERS)):
                        best = twin.gallery.search(face(number)).best
                        assert best is not None
                        # Whoever is as alike as one photo to itself is its owner.
                        assert best.similarity < 0.99 or best.member_id == MEMBERS[number]

            writer, *readers = (
                threads.submit(enrol_and_withdraw),
                threads.submit(search),
                threads.submit(search),
            )
            writer.result()
            for reader in readers:
                reader.result()
