"""Who this face is most like: exact search over the templates of all members, in memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from threading import Lock
from typing import Protocol
from uuid import UUID

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

CAPACITY_MIN = 64
# Below every cosine: a row set to it is never the best.
NOT_SEARCHED = np.float32(-2.0)


@dataclass(frozen=True, slots=True)
class Candidate:
    member_id: UUID
    similarity: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """The best member and the best *other* member, by cosine, and how many templates were compared with."""

    best: Candidate | None
    runner_up: Candidate | None
    searched: int

    def best_other_than(self, member_id: UUID) -> Candidate | None:
        """The best of everybody else; exact, since best and runner-up are two members."""
        return self.runner_up if self.best is not None and self.best.member_id == member_id else self.best


class Gallery(Protocol):
    """A search over all templates of one model pack: in memory here, or in an index elsewhere."""

    @property
    def size(self) -> int:
        """Templates."""

    @property
    def version(self) -> int:
        """The gallery version in the database up to which all changes are in here."""

    def search(self, embedding: Floats, *, among: Collection[UUID] | None = None) -> Ranking:
        """Compare (dim,) float32 of norm 1 with everybody, or with the templates of some members only."""

    def replace(self, templates_of: Mapping[UUID, Sequence[Floats]], *, version: int) -> None:
        """Set which rotated templates these members have from now on (none: the member is gone).

        They are all the changes from this gallery's version, or an earlier one, up to `version`. News that is
        no newer than what is known already is ignored, so callers may race.
        """


@dataclass(frozen=True, slots=True, repr=False)
class _Snapshot:
    """What one search sees. A row never changes its owner, so that no snapshot can name the wrong member."""

    matrix: Floats = field(default_factory=lambda: np.empty((0, 0), np.float32))  # (capacity, dim)
    owners: list[UUID] = field(default_factory=list)  # of each row; shared with later snapshots, which append
    count: int = 0  # rows in use
    rows_of: dict[UUID, tuple[int, ...]] = field(default_factory=dict)
    removed: tuple[int, ...] = ()  # rows in use whose member is gone
    version: int = 0

    @property
    def size(self) -> int:
        return self.count - len(self.removed)


class MemoryGallery:
    """One matrix of rotated templates, searched by one exact product. Reads take no lock: they see a snapshot.

    `rotate` is the secret rotation of `Protection`, applied to each embedding that is searched for.
    """

    def __init__(self, rotate: Callable[[Floats], Floats]) -> None:
        self._rotate = rotate
        self._snapshot = _Snapshot()
        self._writing = Lock()

    @property
    def size(self) -> int:
        return self._snapshot.size

    @property
    def version(self) -> int:
        return self._snapshot.version

    def search(self, embedding: Floats, *, among: Collection[UUID] | None = None) -> Ranking:
        snapshot = self._snapshot
        if among is None:
            rows, searched = None, snapshot.size
        else:
            rows = list(chain.from_iterable(snapshot.rows_of.get(member_id, ()) for member_id in set(among)))
            searched = len(rows)
        if searched == 0:
            return Ranking(None, None, 0)
        return _rank(snapshot, self._similarities(snapshot, embedding, rows), searched)

    def _similarities(self, snapshot: _Snapshot, embedding: Floats, rows: list[int] | None) -> Floats:
        """(count,) cosines; NOT_SEARCHED where a row was left out."""
        probe = self._rotate(embedding)
        if rows is None:
            similarities = snapshot.matrix[: snapshot.count] @ probe
            similarities[list(snapshot.removed)] = NOT_SEARCHED
            return similarities
        similarities = np.full(snapshot.count, NOT_SEARCHED)
        similarities[rows] = snapshot.matrix[rows] @ probe
        return similarities

    def replace(self, templates_of: Mapping[UUID, Sequence[Floats]], *, version: int) -> None:
        with self._writing:
            old = self._snapshot
            if version <= old.version:
                return
            staying = old.rows_of.copy()
            gone = tuple(chain.from_iterable(staying.pop(member_id, ()) for member_id in templates_of))
            arriving = [(member_id, template) for member_id, all_of in templates_of.items() for template in all_of]
            kept = _Snapshot(old.matrix, old.owners, old.count, staying, old.removed + gone, version)
            if old.count + len(arriving) > len(old.matrix) or 2 * len(kept.removed) > old.count:
                kept = _moved(kept, arriving)
            self._snapshot = _appended(kept, arriving)
            # A search that runs on the old snapshot may see zeros here: at worst it misses who has just left.
            old.matrix[list(gone)] = 0


def _rank(snapshot: _Snapshot, similarities: Floats, searched: int) -> Ranking:
    best = _top(snapshot, similarities)
    assert best is not None, "something was searched"
    similarities[list(snapshot.rows_of[best.member_id])] = NOT_SEARCHED
    return Ranking(best, _top(snapshot, similarities), searched)


def _top(snapshot: _Snapshot, similarities: Floats) -> Candidate | None:
    row = int(similarities.argmax())
    similarity = float(similarities[row])
    return Candidate(snapshot.owners[row], similarity) if similarity > NOT_SEARCHED else None


def _moved(snapshot: _Snapshot, arriving: Sequence[tuple[UUID, Floats]]) -> _Snapshot:
    """The same members in a new matrix without removed rows, and with room to double."""
    rows = list(chain.from_iterable(snapshot.rows_of.values()))
    dimensions = len(arriving[0][1]) if arriving else snapshot.matrix.shape[1]
    matrix = np.zeros((max(CAPACITY_MIN, 2 * (len(rows) + len(arriving))), dimensions), np.float32)
    if rows:
        matrix[: len(rows)] = snapshot.matrix[rows]
    positions = iter(range(len(rows)))
    rows_of = {member_id: tuple(next(positions) for _ in old) for member_id, old in snapshot.rows_of.items()}
    owners = [snapshot.owners[row] for row in rows]
    return _Snapshot(matrix, owners, len(rows), rows_of, (), snapshot.version)


def _appended(snapshot: _Snapshot, arriving: Sequence[tuple[UUID, Floats]]) -> _Snapshot:
    """Write new rows behind those in use, where no earlier snapshot looks. `snapshot` itself is used up."""
    if not arriving:
        return snapshot
    count = snapshot.count + len(arriving)
    snapshot.matrix[snapshot.count : count] = np.stack([template for _, template in arriving])
    snapshot.owners.extend(member_id for member_id, _ in arriving)
    rows_of = snapshot.rows_of
    for row in range(snapshot.count, count):
        member_id = snapshot.owners[row]
        rows_of[member_id] = (*rows_of.get(member_id, ()), row)
    return _Snapshot(snapshot.matrix, snapshot.owners, count, rows_of, snapshot.removed, snapshot.version)
