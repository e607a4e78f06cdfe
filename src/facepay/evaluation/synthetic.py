"""People who never lived, as many as a chain has members, about as alike as real ones.

Vectors drawn at random are far less alike than people: their highest scores end where people's begin, and a
threshold tested on them proves nothing. A Gaussian with the covariance of real embeddings is still twenty times too
light at a false-match rate of 1e-5, since people come in kinds (sex, age, origin). So each person here is drawn
towards one of some kinds, by a share that follows a gamma distribution, whose mean is fitted to the calibrated tail;
the rest is a Gaussian with the real covariance between people. Photos add noise with the covariance within people,
as much as gives the real genuine scores.

With 20 kinds and shape 2 the tail of buffalo_sc came out within 0.9 to 1.4 of the calibrated rates from 1e-4 to
3e-7; 60 to 400 kinds, or an exponential, bend away by two to five times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import beta

from facepay.calibration.calibration import Calibration
from facepay.evaluation.metrics import CONFIDENCE, Counts, Doubles, Estimate
from facepay.vision.evidence import Floats

BLOCK = 8192
FIT_PEOPLE = 12_000
FIT_STEPS = 8
FIT_AT = (1e-4, 1e-5, 1e-6)
KINDS, LIKENESS_SHAPE, LIKENESS_MAX = 20, 2.0, 0.9
TEMPLATE_SHARE = 0.95  # of a template that is the person, rather than the photo

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """Where people and photos are drawn from.

    `kinds` is (KINDS, dim) of norm 1, each a real person's direction; `between` and `within` are (dim, dim) factors
    that turn independent normal numbers into deviations; `genuine` are real cosines of one person's photos;
    `likeness` is the mean share of a person's direction, squared, that is their kind's.
    """

    kinds: Floats
    between: Floats
    within: Floats
    genuine: Floats
    likeness: float = 0.0

    def people(self, count: int, *, seed: int) -> Floats:
        """(count, dim) of norm 1: what there is of each person in all their photos."""
        random = np.random.default_rng((seed, 0))
        share = random.gamma(LIKENESS_SHAPE, self.likeness / LIKENESS_SHAPE, (count, 1))
        share = np.minimum(share, LIKENESS_MAX)
        kind = self.kinds[random.integers(0, len(self.kinds), count)]
        own = _unit(random.standard_normal((count, len(self.between)), np.float32) @ self.between)
        return _unit(np.sqrt(share) * kind + np.sqrt(1 - share) * own)

    def templates(self, people: Floats, *, seed: int) -> Floats:
        """A good photo of each."""
        return self._photos(people, np.full(len(people), TEMPLATE_SHARE), np.random.default_rng((seed, 1)))

    def probes(self, people: Floats, *, seed: int) -> Floats:
        """A photo of each as they come: its cosine to the person's template is spread as in reality."""
        random = np.random.default_rng((seed, 2))
        drawn = random.choice(self.genuine, len(people))
        return self._photos(people, np.clip(drawn / TEMPLATE_SHARE, 0, 1), random)

    def _photos(self, people: Floats, share: Doubles, random: np.random.Generator) -> Floats:
        noise = random.standard_normal(people.shape, np.float32) @ self.within
        noise -= (noise * people).sum(axis=1, keepdims=True) * people
        part = share.astype(np.float32)[:, None]
        return np.asarray(part * people + np.sqrt(1 - part**2) * _unit(noise), np.float32)


def population_of(embeddings: Floats, person: Counts) -> Population:
    """What real photos, (n, dim) of norm 1 and whose each is, say about people. Some must have several photos."""
    _, person = np.unique(person, return_inverse=True)
    counts = np.bincount(person)
    means = np.zeros((len(counts), embeddings.shape[1]))
    np.add.at(means, person, embeddings)
    means /= counts[:, None]
    several = counts[person] > 1
    scale = np.sqrt(counts / np.maximum(1, counts - 1))[person][several, None]
    deviations = (embeddings[several] - means[person][several]) * scale
    within = deviations.T @ deviations / len(deviations)
    between = np.cov(means.T) - within * float(np.mean(1 / counts))
    later = np.flatnonzero(several)[1:]
    pairs = later[person[later] == person[later - 1]]
    return Population(
        kinds=_unit(np.random.default_rng(0).permutation(means)[:KINDS]),
        between=_factor(between),
        within=_factor(within),
        genuine=np.einsum("ij,ij->i", embeddings[pairs], embeddings[pairs - 1]),
    )


def fitted(
    population: Population,
    calibration: Calibration,
    *,
    people: int = FIT_PEOPLE,
    seed: int = 1,
    progress: Progress | None = None,
) -> Population:
    """The population whose impostor scores have the calibration's tail, by bisection of the mean likeness."""
    low, high = 0.0, 0.25
    at = np.array([calibration.similarity_at(fmr) for fmr in FIT_AT])
    for step in range(FIT_STEPS):
        middle = replace(population, likeness=(low + high) / 2)
        rates = impostor_rates(middle, at, people=people, seed=seed)
        if float(np.mean(np.log(np.maximum(rates, 1e-12) / FIT_AT))) < 0:
            low = middle.likeness
        else:
            high = middle.likeness
        if progress:
            progress(step + 1, FIT_STEPS)
    return replace(population, likeness=(low + high) / 2)


def impostor_rates(population: Population, similarities: Doubles, *, people: int, seed: int) -> Doubles:
    """The share of comparisons of different people that reach each similarity, out of people² / 2."""
    everybody = population.people(people, seed=seed)
    templates, probes = population.templates(everybody, seed=seed), population.probes(everybody, seed=seed)
    reached = np.zeros(len(similarities))
    for start in range(0, people, 1024):
        scores = probes[start : start + 1024] @ templates[: start + 1024].T
        others = np.arange(scores.shape[1])[None, :] < np.arange(start, start + len(scores))[:, None]
        found = scores[others]
        reached += [np.count_nonzero(found >= similarity) for similarity in similarities]
    return reached / (people * (people - 1) / 2)


@dataclass(frozen=True, slots=True, eq=False)
class LargeSearch:
    """The highest cosine of each stranger's and each member's probe, and the members' to their own template."""

    templates: int
    strangers: Floats
    mated: Floats
    others: Floats

    def fpir(self, threshold: float) -> Estimate:
        return proportion(int((self.strangers >= threshold).sum()), len(self.strangers))

    def fnir(self, threshold: float) -> Estimate:
        found = (self.mated >= threshold) & (self.mated > self.others)
        return proportion(int((~found).sum()), len(self.mated))


def search_large(
    population: Population, *, templates: int, strangers: int, members: int, progress: Progress | None = None
) -> LargeSearch:
    """Search for some of the members and for strangers among so many templates, a block of them at a time."""
    enrolled = population.people(members, seed=1)
    own = population.templates(enrolled, seed=1)
    probes = np.concatenate(
        [population.probes(enrolled, seed=1), population.probes(population.people(strangers, seed=2), seed=2)]
    )
    mated = np.einsum("ij,ij->i", probes[:members], own)
    best = np.full(len(probes), -1.0, np.float32)
    first = probes @ own.T
    first[np.arange(members), np.arange(members)] = -1
    best = np.maximum(best, first.max(axis=1))
    done = members
    for block in _blocks(population, templates - members):
        best = np.maximum(best, (probes @ block.T).max(axis=1))
        done += len(block)
        if progress:
            progress(done, templates)
    return LargeSearch(templates, best[members:], mated, best[:members])


def proportion(hits: int, trials: int) -> Estimate:
    """With the exact interval of Clopper and Pearson: here every trial is another person."""
    outside = (1 - CONFIDENCE) / 2
    low = float(beta.ppf(outside, hits, trials - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1 - outside, hits + 1, trials - hits)) if hits < trials else 1.0
    return Estimate(hits / trials, low, high, trials, trials)


def _blocks(population: Population, count: int) -> Iterator[Floats]:
    for number, start in enumerate(range(0, count, BLOCK)):
        people = population.people(min(BLOCK, count - start), seed=1000 + number)
        yield population.templates(people, seed=1000 + number)


def _factor(covariance: Doubles) -> Floats:
    """(dim, dim) by which rows of independent normal numbers get this covariance, as far as it is one."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(np.sqrt(np.maximum(values, 0))[:, None] * vectors.T, np.float32)


def _unit(rows: Doubles | Floats) -> Floats:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)
