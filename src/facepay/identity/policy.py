"""Is that sure enough? A use's target decides, not a magic number.

A false-positive identification is a person who isn't enrolled (or whose template isn't among those searched)
coming out as somebody. Searching n templates gives each stranger n chances, so the threshold follows from the
target, from n, and from how alike different people are to the model pack (`Calibration`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from facepay.calibration.calibration import Calibration
from facepay.settings import Settings
from facepay.templates.gallery import Ranking

Use = Literal["gate", "pay_inside", "pay_chain", "door", "verify", "watchlist"]

# People of one family, age, sex or origin are taken for each other 10 to 100 times as often as two at random
# (NIST IR 8280, 2019): however few are searched, one comparison has to be surer than the target alone asks for.
FMR_MAX = 1e-5
# Whoever is stopped for nothing has done nothing, and may be one of many who are: ten times as sure, however short the
# list.
WATCHLIST_FMR_MAX = 1e-6
# A second factor carries the rest: four digits in three tries let 1 in 3,300 through.
STEP_UP_RATIO = 30
# How many times as often as the target says a new member may look like somebody by chance and be marked for it.
LOOKALIKE_RATIO = 10
# Further out than any sample has reached, a smaller rate would be the curve's word and nobody's measurement.
STATED_RATE_MIN = 1e-9


@dataclass(frozen=True, slots=True)
class MatchPolicy:
    """How sure one use has to be: at most `fpir_target` of strangers may come out as a member."""

    use: Use
    fpir_target: float
    margin_min: float
    fmr_max: float = FMR_MAX

    def basis(self, calibration: Calibration) -> str:
        """Under what it decides, in a word or two for records, say `gate:0.001 shipped@1f0c2a9b`."""
        return f"{self.use}:{self.fpir_target:g} {calibration.label}"

    def threshold(self, calibration: Calibration, searched: int) -> float:
        """The smallest cosine s at which 1 - (1 - FMR(s)) ** searched <= fpir_target."""
        return calibration.similarity_at(min(self.fmr_max, _fmr(self.fpir_target, searched)))

    def step_up_threshold(self, calibration: Calibration, searched: int) -> float:
        """The cosine from which a second factor is worth asking for: 30 times as many strangers reach it."""
        return self._laxer(STEP_UP_RATIO, calibration, searched)

    def lookalike_threshold(self, calibration: Calibration, searched: int) -> float:
        """The cosine between two members from which their faces alone don't tell them apart."""
        return self._laxer(LOOKALIKE_RATIO, calibration, searched)

    def _laxer(self, ratio: float, calibration: Calibration, searched: int) -> float:
        fpir = min(ratio * self.fpir_target, max(0.05, self.fpir_target))
        return calibration.similarity_at(min(ratio * self.fmr_max, _fmr(fpir, searched)))


def _fmr(fpir: float, searched: int) -> float:
    return -math.expm1(math.log1p(-fpir) / max(1, searched))


@dataclass(frozen=True, slots=True)
class Match:
    """One member, above the threshold and ahead of everybody else. `margin` is None where there is nobody else.

    `false_positive_rate` is what the similarity stands for: how many strangers, searched for among as many, are
    as alike to somebody, but never less than can be said. `basis` names policy and calibration.
    """

    member_id: UUID
    similarity: float
    threshold: float
    margin: float | None
    searched: int
    false_positive_rate: float
    basis: str


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Two members are about as alike: `candidates`, the better first."""

    candidates: tuple[UUID, UUID]
    similarity: float
    threshold: float
    margin: float
    searched: int
    false_positive_rate: float
    basis: str


@dataclass(frozen=True, slots=True)
class Uncertain:
    """One member, likely, but below the threshold: worth a second factor."""

    member_id: UUID
    similarity: float
    threshold: float
    margin: float | None
    searched: int
    false_positive_rate: float
    basis: str


@dataclass(frozen=True, slots=True)
class NoMatch:
    """Nobody who is enrolled. `similarity` is to the most alike; it and its rate are None where nobody was searched."""

    similarity: float | None
    threshold: float
    searched: int
    false_positive_rate: float | None
    basis: str


Decision = Match | Ambiguous | Uncertain | NoMatch


def decide(ranking: Ranking, policy: MatchPolicy, calibration: Calibration) -> Decision:
    """Who it is under this policy. All similarities are plain cosines."""
    searched, basis = ranking.searched, policy.basis(calibration)
    threshold = policy.threshold(calibration, searched)
    best, other = ranking.best, ranking.runner_up
    if best is None:
        return NoMatch(None, threshold, searched, None, basis)
    rate = max(STATED_RATE_MIN, calibration.false_positive_rate(best.similarity, searched=searched))
    if best.similarity < policy.step_up_threshold(calibration, searched):
        return NoMatch(best.similarity, threshold, searched, rate, basis)
    margin = best.similarity - other.similarity if other else None
    if other is not None and margin is not None and margin < policy.margin_min:
        candidates = (best.member_id, other.member_id)
        return Ambiguous(candidates, best.similarity, threshold, margin, searched, rate, basis)
    verdict = Match if best.similarity >= threshold else Uncertain
    return verdict(best.member_id, best.similarity, threshold, margin, searched, rate, basis)


def policy_for(use: Use, settings: Settings) -> MatchPolicy:
    targets = {
        "gate": settings.gate_fpir_target,
        "pay_inside": settings.pay_inside_fpir_target,
        "pay_chain": settings.pay_chain_fpir_target,
        "door": settings.door_fpir_target,
        "verify": settings.verify_fmr_target,
        "watchlist": settings.watchlist_fpir_target,
    }
    if use == "watchlist":  # which of two bans it is changes nothing for whoever is stopped
        return MatchPolicy(use, settings.watchlist_fpir_target, margin_min=0.0, fmr_max=WATCHLIST_FMR_MAX)
    return MatchPolicy(use=use, fpir_target=targets[use], margin_min=settings.match_margin_min)
