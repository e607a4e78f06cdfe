"""How alike different people look to a model pack: the tail of its impostor scores, measured once, shipped as numbers.

The tail above a high quantile follows a generalised Pareto distribution (Pickands 1975); its two parameters come
from probability-weighted moments (Hosking and Wallis, Technometrics 29:3, 1987). A fitted shape below zero would
claim that no two people are ever more alike than some cosine, which no sample can show: it is taken as zero.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Counts = npt.NDArray[np.int64]
Progress = Callable[[int, int], None]  # photos compared with all later ones, photos in all

# Higher up the fit is closer, with fewer scores to fit it to. On 7 million pairs of the default pack an
# exponential over the highest 1e-3 foretold 2.6 times the pairs seen above 0.40, over the highest 1e-4 1.2 times.
TAIL_FRACTION = 1e-4
TAIL_SCORES_MIN = 500
TAIL_FRACTION_MAX = 1e-2
BINS = 20_000  # of 0.0001 over cosines from -1 to 1
BLOCK = 512
SHIPPED = resources.files("facepay.identity") / "calibrations"


@dataclass(frozen=True, slots=True)
class Calibration:
    """P(cosine of two people >= s) = tail_fraction * (1 + shape * (s - tail_start) / scale) ** (-1 / shape),

    for s >= tail_start; with shape 0 its limit, an exponential. It was measured on `pairs` of photos of
    different people, out of `people`.
    """

    pack: str
    tail_start: float
    tail_fraction: float
    shape: float
    scale: float
    people: int
    pairs: int
    source: str
    version: str = "shipped"

    @property
    def label(self) -> str:
        """What decisions call it: the version, and a hash of the numbers, since facepay may ship others later."""
        numbers = json.dumps(asdict(self), sort_keys=True).encode()
        return f"{self.version}@{hashlib.sha256(numbers).hexdigest()[:8]}"

    def false_positive_rate(self, similarity: float, *, searched: int) -> float:
        """How many strangers come out as somebody among so many templates at this threshold: 1 - (1 - FMR) ** n."""
        return -math.expm1(searched * math.log1p(-self.fmr(similarity)))

    def fmr(self, similarity: float) -> float:
        """The false-match rate of one comparison at this threshold; below `tail_start`, that of `tail_start`."""
        excess = max(0.0, similarity - self.tail_start) / self.scale
        if self.shape == 0:
            return self.tail_fraction * math.exp(-excess)
        return float(self.tail_fraction * (1 + self.shape * excess) ** (-1 / self.shape))

    def similarity_at(self, fmr: float) -> float:
        """The smallest cosine at which two people are taken for one at most this often, from `tail_start` to 1."""
        ratio = max(1.0, self.tail_fraction / fmr)
        excess = math.log(ratio) if self.shape == 0 else (ratio**self.shape - 1) / self.shape
        return min(1.0, self.tail_start + self.scale * excess)

    def save(self, folder: Path) -> Path:
        """Write it as `<pack>.json`."""
        path = folder / f"{self.pack}.json"
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")
        return path


def load_calibration(pack: str, *, folder: Path | None = None) -> Calibration:
    """The calibration measured for this pack, or else the assumed one."""
    file = (folder or SHIPPED) / f"{pack}.json"
    return Calibration(**json.loads(file.read_text())) if file.is_file() else assumed(pack)


def assumed(pack: str) -> Calibration:
    """For a pack nobody has measured: a false-match rate of 1e-4 at 0.45, and a tenth of it every 0.09.

    Stricter than all packs looked at so far (1e-4 is at 0.28 with buffalo_sc, 1e-3 at 0.39 with SFace), so it
    refuses many; `calibrate` gives the pack its own.
    """
    return Calibration(pack, 0.45, TAIL_FRACTION, 0.0, 0.039, 0, 0, "assumed, not measured", "assumed")


def calibrate(
    embeddings: Floats,
    people: npt.NDArray[np.int64],
    *,
    pack: str,
    source: str,
    progress: Progress | None = None,
) -> Calibration:
    """Compare all photos of different people. `embeddings` is (n, dim) of norm 1, `people` (n,) says whose each is.

    Wrong labels make the tail: two names for one person are impostors at 0.6. Look at the highest first.
    Raises ValueError where the people are too few to tell the tail (some 320 are enough).
    """
    counts = _impostor_histogram(embeddings, people, progress)
    pairs = int(counts.sum())
    tail_scores = max(TAIL_SCORES_MIN, round(pairs * TAIL_FRACTION))
    if tail_scores > pairs * TAIL_FRACTION_MAX:
        raise ValueError(f"{pairs} pairs of photos say too little about the tail: compare more people")
    first = BINS - 1 - int(np.searchsorted(np.cumsum(counts[::-1]), tail_scores))
    tail, start = counts[first:], 2 * first / BINS - 1
    shape, scale = _pareto(tail)
    return Calibration(
        pack=pack,
        tail_start=round(start, 4),
        tail_fraction=round(int(tail.sum()) / pairs, 9),
        shape=round(shape, 4),
        scale=round(scale, 5),
        people=len(np.unique(people)),
        pairs=pairs,
        source=source,
    )


def _impostor_histogram(embeddings: Floats, people: npt.NDArray[np.int64], progress: Progress | None) -> Counts:
    """(BINS,) counts of cosines between photos of different people, each pair once."""
    counts = np.zeros(BINS, np.int64)
    for start in range(0, len(embeddings), BLOCK):
        rows = slice(start, start + BLOCK)
        similarities = embeddings[rows] @ embeddings[start:].T
        different = people[rows, None] != people[None, start:]
        later = np.arange(len(embeddings) - start)[None, :] > np.arange(len(similarities))[:, None]
        bins = ((similarities[different & later] + 1) * (BINS / 2)).astype(np.int64)
        counts += np.bincount(bins.clip(0, BINS - 1), minlength=BINS)
        if progress:
            progress(min(start + BLOCK, len(embeddings)), len(embeddings))
    return counts


def _pareto(tail: Counts) -> tuple[float, float]:
    """Shape (at least 0) and scale of the excesses in these bins, from their first two moments by rank."""
    total = int(tail.sum())
    excess = (np.arange(len(tail)) + 0.5) * (2 / BINS)
    below = np.cumsum(tail) - tail  # how many scores lie in lower bins
    ranks = tail * below + tail * (tail - 1) / 2  # the ranks in a bin, added up
    mean = float((tail * excess).sum() / total)
    spread = 2 * float((ranks * excess).sum() / total / (total - 1)) - mean  # the second L-moment
    shape = 2 - mean / spread
    return (0.0, mean) if shape <= 0 else (shape, (1 - shape) * mean)
