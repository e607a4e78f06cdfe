"""What a search compares with: one reference for each member, as the product does, or others to hold against it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from uuid import UUID

import numpy as np

from facepay.kernel.secrets import KEY_BYTES, MasterKey
from facepay.templates.gallery import Candidate, Ranking, reference_of
from facepay.templates.memory_gallery import MemoryGallery
from facepay.templates.protection import Protection
from facepay.vision.evidence import Floats

REFERENCES_MAX = 8

Grouping = Callable[[Sequence[Floats]], list[Sequence[Floats]]]
"""Which of a member's templates are fused to one reference; a search takes the best of a member's references."""


def fused(templates: Sequence[Floats]) -> list[Sequence[Floats]]:
    """As the product does."""
    return [templates]


def each(templates: Sequence[Floats]) -> list[Sequence[Floats]]:
    return [[template] for template in templates]


def both(templates: Sequence[Floats]) -> list[Sequence[Floats]]:
    return [templates, *each(templates)] if len(templates) > 1 else [templates]


class References:
    """The product's gallery, with a row for each reference."""

    def __init__(self, templates_of: Mapping[UUID, Sequence[Floats]], grouping: Grouping) -> None:
        rotate = Protection(MasterKey(bytes(KEY_BYTES))).rotate
        self._gallery = MemoryGallery(rotate)
        self._rows = {
            member_id: {UUID(int=member_id.int * REFERENCES_MAX + row): group for row, group in enumerate(groups)}
            for member_id, templates in templates_of.items()
            if (groups := grouping(templates)[:REFERENCES_MAX])
        }
        rotated = {row: [*rotate(np.stack(group))] for rows in self._rows.values() for row, group in rows.items()}
        self._gallery.replace(rotated, version=1)
        self._deep = max(map(len, self._rows.values()), default=1)
        self._members = list(self._rows)
        self._starts = np.cumsum([0, *map(len, self._rows.values())])[:-1]
        self._matrix = np.array([reference_of(group) for rows in self._rows.values() for group in rows.values()])
        self.templates = sum(map(len, templates_of.values()))

    def search(self, probe: Floats, *, among: Collection[UUID] | None = None) -> Ranking:
        """The two best members by the best of their references, and how many templates stand behind them."""
        rows = None if among is None else [row for member in among for row in self._rows.get(member, ())]
        ranking = self._gallery.search(probe, among=rows, top=self._deep + 1)
        best: dict[UUID, float] = {}
        for candidate in ranking.candidates:
            best.setdefault(UUID(int=candidate.member_id.int // REFERENCES_MAX), candidate.similarity)
        candidates = [Candidate(member, similarity) for member, similarity in best.items()][:2]
        return Ranking(tuple(candidates), self.templates if among is None else ranking.searched)

    def similarities(self, probe: Floats) -> dict[UUID, float]:
        """To every member."""
        best = np.maximum.reduceat(self._matrix @ probe, self._starts)
        return dict(zip(self._members, best.tolist(), strict=True))
