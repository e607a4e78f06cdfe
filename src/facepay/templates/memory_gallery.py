"""A gallery in memory: one for all workers of a server, or each process's own.

A search reads without a lock and looks again at the end whether anything has changed meanwhile; then it starts over,
and after some times keeps the writers waiting. So it never sees anything half done, and whoever was removed before it
began is in no answer. A writer that is killed leaves the count of changes odd; the next to take the lock puts that
right, and since the version wasn't counted the same changes come again.

Up to `COMPARED` members all are compared. Beyond, their signs are scanned for as many. Graphs and cells are of no use
here: people are nearly orthogonal, and nothing leads towards the one who is looked for (docs/performance.md).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar
from uuid import UUID

import numpy as np

from facepay.templates.area import Area
from facepay.templates.gallery import Candidate, Floats, Ranking, Reference, references_of
from facepay.templates.rows import NOT_COMPARED, Indices, Rows, keys_of

COMPARED = 2000
TRIES = 3

Found = TypeVar("Found")


class MemoryGallery:
    """The rows of an area, which other processes may read and write too.

    `rotate` is the secret rotation of `Protection`, applied to each embedding that is searched for. A reference is
    kept with 8 bits a component: cosines come out within 0.001.
    """

    is_here = True

    def __init__(
        self, rotate: Callable[[Floats], Floats], area: Area | None = None, *, compared: int = COMPARED
    ) -> None:
        self._rotate = rotate
        self._compared = compared
        self._area = area or Area()
        self._header = self._area.header
        self._settled: Rows | None = None

    def turn(self) -> AbstractContextManager[bool]:
        return self._area.turn()

    @property
    def size(self) -> int:
        return self._header.templates

    @property
    def version(self) -> int:
        return self._header.version

    def search(self, embedding: Floats, *, among: Collection[UUID] | None = None, top: int = 2) -> Ranking:
        probe = self._rotate(embedding)
        keys = None if among is None else keys_of(set(among))

        def ranking(rows: Rows) -> Ranking:
            if keys is None:
                compared, searched = rows.likeliest(probe, max(self._compared, top)), self._header.templates
            else:
                compared = rows.rows_of(keys)
                searched = int(rows.templates(compared).sum())
            return Ranking(tuple(_most_alike(rows, probe, compared, top)), searched)

        return self._read(ranking, nobody=Ranking((), 0))

    def references(self, member_ids: Collection[UUID]) -> dict[UUID, Reference]:
        keys = keys_of(member_ids)

        def references(rows: Rows) -> dict[UUID, Reference]:
            there = rows.rows_of(keys)
            of_each = zip(rows.references(there), rows.templates(there).tolist(), strict=True)
            return {
                member_id: Reference(vector, templates)
                for member_id, (vector, templates) in zip(rows.owners(there), of_each, strict=True)
            }

        return self._read(references, nobody={})

    def replace(self, templates_of: Mapping[UUID, Sequence[Floats]], *, version: int) -> None:
        there = {member_id: templates for member_id, templates in templates_of.items() if templates}
        references = references_of(list(there.values())) if there else None
        counts = np.array([len(templates) for templates in there.values()], np.int32)
        with self._writing():
            if version <= self._header.version:
                return
            self._header.changes += 1
            if references is not None and not self._header.dimensions:
                self._header.dimensions = references.shape[1]
            if rows := self._rows:
                rows.erase(keys_of(templates_of.keys() - there.keys()))
                if references is not None:
                    rows.put(keys_of(there), references, counts)
            self._header.version = version
            self._header.changes += 1

    @property
    def _rows(self) -> Rows | None:
        """None before the first template."""
        if self._settled is None and self._header.dimensions:
            self._settled = Rows(self._area)
        return self._settled

    def _read(self, look: Callable[[Rows], Found], *, nobody: Found) -> Found:
        """What there is to see at one moment."""
        if (rows := self._rows) is None:
            return nobody
        for _ in range(TRIES):
            if (before := self._header.changes) % 2:
                break
            found = look(rows)
            if self._header.changes == before:
                return found
        with self._writing():
            return look(rows)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Alone, and with nothing half done that somebody left."""
        with self._area.locked():
            if self._header.changes % 2:
                if rows := self._rows:
                    rows.repair()
                self._header.changes += 1
            yield


def _most_alike(rows: Rows, probe: Floats, compared: Indices, top: int) -> Iterator[Candidate]:
    """The best first."""
    similarities = rows.similarities(probe, compared)
    best = np.argsort(-similarities)[:top]
    best = best[similarities[best] > NOT_COMPARED]
    for owner, similarity in zip(rows.owners(compared[best]), similarities[best].tolist(), strict=True):
        yield Candidate(owner, similarity)
