"""Several faces in one frame: each member is at most one of them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import numpy as np

from facepay.templates.gallery import Candidate


def assign(candidates_of: Sequence[Sequence[Candidate]], *, similarity_min: float) -> list[UUID | None]:
    """For each face the member it is most likely to be, or None; no member twice. Candidates come best first.

    The best assignment is the one whose similarities exceed `similarity_min` by most in all, so that a sure face is
    never given away for two that are barely likely. Where each face's first choice is its own, that is it.
    """
    first = [candidates[0] if candidates else None for candidates in candidates_of]
    chosen = [each.member_id if each and each.similarity > similarity_min else None for each in first]
    claims = [member_id for member_id in chosen if member_id]
    return chosen if len(set(claims)) == len(claims) else _settled(candidates_of, similarity_min)


def _settled(candidates_of: Sequence[Sequence[Candidate]], similarity_min: float) -> list[UUID | None]:
    """Where several faces are most like one member (Kuhn 1955; by SciPy)."""
    from scipy.optimize import linear_sum_assignment  # a second and 11 MB, and hardly a frame needs it

    members = sorted({candidate.member_id for candidates in candidates_of for candidate in candidates})
    columns = {member_id: column for column, member_id in enumerate(members)}
    excess = np.zeros((len(candidates_of), len(members)))
    for row, candidates in enumerate(candidates_of):
        for candidate in candidates:
            excess[row, columns[candidate.member_id]] = max(0.0, candidate.similarity - similarity_min)
    given: list[UUID | None] = [None] * len(candidates_of)
    for row, column in zip(*linear_sum_assignment(excess, maximize=True), strict=True):
        if excess[row, column] > 0:
            given[row] = members[column]
    return given
