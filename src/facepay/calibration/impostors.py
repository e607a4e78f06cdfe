"""Scores of different people: each template of one compared with what a search compares with of the others.

A probe is one template, as one frame gives; a reference is what the gallery fuses a member's templates to. It counts
for as many chances as there are templates behind it, because a search counts them so. Each two people are compared
once, the earlier's probes with the later's references: in random order that is a fair sample, and half the work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from facepay.templates.gallery import reference_of

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Progress = Callable[[int, int], None]  # probes compared with all later people, probes in all

# Higher up the fit is closer, with fewer scores to fit it to. On 7 million pairs of the default pack an
# exponential over the highest 1e-3 foretold 2.6 times the pairs seen above 0.40, over the highest 1e-4 1.2 times.
TAIL_FRACTION = 1e-4
TAIL_SCORES_MIN = 500
TAIL_SCORES_MAX = 50_000
TAIL_FRACTION_MAX = 1e-2
BINS = 2_000  # of 0.001 over cosines from -1 to 1
ROWS, COLUMNS = 512, 8192  # a block of 16 MB


class TooFewPeople(ValueError):
    """The pairs say too little about the tail: some 320 people are enough."""


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """(n, dim) float32 of norm 1; whose each is, (n,) numbers from 0 on in rising order; how many chances it is."""

    embeddings: Floats
    person: Counts
    chances: Counts

    def rows(self, rows: slice) -> Faces:
        return Faces(self.embeddings[rows], self.person[rows], self.chances[rows])


def probes_of(templates_of: Sequence[Sequence[Floats]]) -> Faces:
    """Each template by itself. Their lengths, which are weights in the references, don't matter here."""
    counts = [len(templates) for templates in templates_of]
    stacked = np.stack([template for templates in templates_of for template in templates])
    stacked /= np.linalg.norm(stacked, axis=1, keepdims=True)
    return Faces(stacked, np.repeat(np.arange(len(counts)), counts), np.ones(len(stacked), np.int64))


def references_of(templates_of: Sequence[Sequence[Floats]]) -> Faces:
    """What the gallery has of each person."""
    stacked = np.stack([reference_of(templates) for templates in templates_of])
    return Faces(stacked, np.arange(len(stacked)), np.array([len(templates) for templates in templates_of]))


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Cosines in falling order, and between whom each was: (n, 2) numbers of people."""

    cosines: Doubles
    pairs: Counts

    def above(self, cosine: float) -> Scores:
        return self.first(int(np.searchsorted(-self.cosines, -cosine, side="right")))

    def below(self, cosine: float) -> Scores:
        count = len(self.above(cosine).cosines)
        return Scores(self.cosines[count:], self.pairs[count:])

    def first(self, count: int) -> Scores:
        return Scores(self.cosines[:count], self.pairs[:count])

    def __len__(self) -> int:
        return len(self.cosines)


@dataclass(frozen=True, slots=True, eq=False)
class Impostors:
    """The highest scores one by one, all of them counted in (BINS,), and each person's probes and chances."""

    highest: Scores
    histogram: Counts
    probes: Counts  # (people,) compared with all later people
    chances: Counts  # (people,)
    alone: int = 0  # scores of people who are not among these, less those that were left out

    @property
    def pairs(self) -> int:
        """All chances that somebody had to be taken for somebody else."""
        return round(self.pairs_of(np.ones(len(self.probes))))

    @property
    def people(self) -> int:
        return int(((self.probes > 0) | (self.chances > 0)).sum())

    def pairs_of(self, weights: Doubles) -> float:
        """The same, were each person there so many times; a copy is not compared with itself."""
        chances = weights * self.chances
        return float((weights * self.probes) @ (chances.sum() - np.cumsum(chances))) + self.alone

    def without_above(self, cosine: float) -> Impostors:
        """Without the pairs of people who are as alike as that."""
        left = self.highest.below(cosine)
        return replace(self, highest=left, alone=self.alone - (len(self.highest) - len(left)))

    def with_false_matches(self, cosines: Sequence[float]) -> Impostors:
        """Together with matches that staff found to be false. Whose photos they were isn't known: each stands alone."""
        nobody = len(self.probes)
        scores = np.concatenate([self.highest.cosines, np.asarray(cosines, np.float64)])
        pairs = np.concatenate([self.highest.pairs, np.full((len(cosines), 2), nobody)])
        falling = np.argsort(-scores, kind="stable")
        return Impostors(
            Scores(scores[falling], pairs[falling]),
            self.histogram + histogram(np.asarray(cosines, np.float32)),
            np.append(self.probes, 0),
            np.append(self.chances, 0),
            self.alone + len(cosines),
        )


def compare(
    probes: Faces,
    references: Faces,
    *,
    progress: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Impostors:
    """Compare every probe with the references of all later people, until `stop` says that time is up.

    People have the same numbers on both sides.
    """
    rows, people = len(probes.person), 1 + int(max(probes.person[-1], references.person[-1]))
    # Twice the tail, since some of it may be left out.
    highest = _Highest(2 * tail_size(rows * len(references.person) // 2))
    counts, done = np.zeros(BINS, np.int64), 0
    for start in range(0, rows, ROWS):
        if stop():
            break
        block = probes.rows(slice(start, start + ROWS))
        for cosines, owners, later in _blocks(block, references):
            counts += histogram(cosines.ravel() if later is None else cosines[later])
            highest.add(cosines, later, block.person, owners)
        done = start + len(block.person)
        if progress:
            progress(done, rows)
    compared = np.bincount(probes.person[:done], minlength=people)
    chances = np.bincount(references.person, weights=references.chances, minlength=people).astype(np.int64)
    return Impostors(highest.scores(), counts, compared, chances)


def genuine_histogram(templates_of: Sequence[Sequence[Floats]]) -> Counts:
    """(BINS,) counts of cosines of a template to the reference of the same person's other templates."""
    cosines = [
        float(templates[one] @ reference_of([*templates[:one], *templates[one + 1 :]])) / float(norm)
        for templates in templates_of
        if len(templates) > 1
        for one, norm in enumerate(np.linalg.norm(templates, axis=1))
    ]
    return histogram(np.array(cosines, np.float32))


def histogram(cosines: Floats) -> Counts:
    """(BINS,) counts."""
    bins = ((cosines + np.float32(1)) * np.float32(BINS / 2)).astype(np.int32)
    return np.bincount(bins.clip(0, BINS - 1), minlength=BINS)


def tail_size(pairs: int) -> int:
    """How many of the highest scores the tail is fitted to."""
    return min(TAIL_SCORES_MAX, max(TAIL_SCORES_MIN, round(pairs * TAIL_FRACTION)))


Block = tuple[Floats, Counts, "npt.NDArray[np.bool_] | None"]


def _blocks(probes: Faces, references: Faces) -> Iterator[Block]:
    """(rows, columns) cosines, whose each column is, and which of them count: None where all do."""
    first = int(np.searchsorted(references.person, probes.person[0], side="right"))
    for start in range(first, len(references.person), COLUMNS):
        owners = references.person[start : start + COLUMNS]
        later = None if owners[0] > probes.person[-1] else owners[None, :] > probes.person[:, None]
        yield probes.embeddings @ references.embeddings[start : start + COLUMNS].T, owners, later


class _Highest:
    """The highest scores of all that were added; somewhat more than `count` in between."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._cutoff = -2.0
        self._cosines: list[Floats] = []
        self._pairs: list[Counts] = []

    def add(self, cosines: Floats, later: npt.NDArray[np.bool_] | None, rows: Counts, columns: Counts) -> None:
        high = cosines > self._cutoff
        row, column = np.nonzero(high if later is None else high & later)
        self._cosines.append(cosines[row, column])
        self._pairs.append(np.stack([rows[row], columns[column]], axis=1))
        if sum(map(len, self._cosines)) > 2 * self._count:
            self._prune()

    def scores(self) -> Scores:
        self._prune()
        return Scores(self._cosines[0].astype(np.float64), self._pairs[0])

    def _prune(self) -> None:
        if not self._cosines:
            self._cosines, self._pairs = [np.empty(0, np.float32)], [np.empty((0, 2), np.int64)]
        cosines, pairs = np.concatenate(self._cosines), np.concatenate(self._pairs)
        best = np.argsort(-cosines, kind="stable")[: self._count]
        self._cosines, self._pairs = [cosines[best]], [pairs[best]]
        if len(best) == self._count:
            self._cutoff = float(cosines[best[-1]])
