"""The best assignment against the obvious way to find it: trying them all."""

from __future__ import annotations

from itertools import product
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from facepay.identity.assignment import assign
from facepay.templates.gallery import Candidate

MEMBERS = [UUID(int=number + 1) for number in range(4)]
LIN, MEI = MEMBERS[:2]
similarities = st.lists(st.lists(st.floats(-1, 1), min_size=4, max_size=4), min_size=1, max_size=4)


def faces(rows: list[list[float]], *, top: int = 4) -> list[list[Candidate]]:
    ranked = [sorted(map(Candidate, MEMBERS, row), key=lambda candidate: -candidate.similarity) for row in rows]
    return [candidates[:top] for candidates in ranked]


def excess(rows: list[list[float]], given: tuple[UUID | None, ...], similarity_min: float) -> float:
    return sum(
        rows[face][MEMBERS.index(member)] - similarity_min for face, member in enumerate(given) if member is not None
    )


@given(similarities, st.floats(-0.5, 0.9))
def test_no_other_assignment_is_more_likely(rows: list[list[float]], similarity_min: float) -> None:
    given_members = assign(faces(rows), similarity_min=similarity_min)
    named = [member for member in given_members if member is not None]
    assert len(named) == len(set(named)), "nobody is two faces"
    for face, member in enumerate(given_members):
        assert member is None or rows[face][MEMBERS.index(member)] > similarity_min
    best = max(
        excess(rows, choice, similarity_min)
        for choice in product([None, *MEMBERS], repeat=len(rows))
        if len({*choice} - {None}) == len(choice) - choice.count(None)
    )
    assert abs(excess(rows, tuple(given_members), similarity_min) - best) < 1e-9


@given(similarities, st.integers(0, 3))
def test_one_face_alone_is_whoever_it_is_most_like(rows: list[list[float]], top: int) -> None:
    (member,) = assign(faces(rows[:1], top=top + 1), similarity_min=0.3)
    best = max(rows[0])
    assert (member is None) if best <= 0.3 else rows[0][MEMBERS.index(member or LIN)] == best


def test_a_sure_face_is_not_given_away_for_two_that_are_barely_likely() -> None:
    lin_in_front, somebody_behind = [0.70, 0.35, 0.0, 0.0], [0.36, 0.0, 0.0, 0.0]
    assert assign(faces([lin_in_front, somebody_behind]), similarity_min=0.3) == [LIN, None]


def test_whoever_is_merely_like_lin_is_nobody_while_lin_is_there() -> None:
    alike, lin = [0.45, 0.2, 0.0, 0.0], [0.8, 0.1, 0.0, 0.0]
    assert assign(faces([alike, lin]), similarity_min=0.3) == [None, LIN]
