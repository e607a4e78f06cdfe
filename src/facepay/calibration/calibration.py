"""How often two people are taken for one, at any cosine: what was measured on a model pack's impostor scores.

`tail.py` fits it; here are the numbers, those that are shipped, and what they promise.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from importlib import resources
from pathlib import Path

SHIPPED = resources.files("facepay.calibration") / "shipped"
# The shipped calibration of the default pack comes from as many. A shop's people differ from those in photos from
# the press, but with fewer of them there is no telling difference from luck.
PEOPLE_TRUSTED_MIN = 2_000


@dataclass(frozen=True)
class Calibration:
    """P(cosine of two people >= s) = tail_fraction * (1 + shape * (s - tail_start) / scale) ** (-1 / shape),

    for s >= tail_start; with shape 0 its limit, an exponential. It was measured on `pairs` of photos of
    different people, out of `people`. All cosines lie `shift` above what was measured, where so few people
    say less than is known otherwise, and it never promises more than its `floor`.
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
    shift: float = 0.0
    floor: Calibration | None = None

    @cached_property
    def label(self) -> str:
        """What decisions call it: the version, and a hash of the numbers, since facepay may ship others later."""
        numbers = json.dumps(asdict(self), sort_keys=True).encode()
        return f"{self.version}@{hashlib.sha256(numbers).hexdigest()[:8]}"

    def false_positive_rate(self, similarity: float, *, searched: int) -> float:
        """How many strangers come out as somebody among so many templates at this threshold: 1 - (1 - FMR) ** n."""
        fmr = self.fmr(similarity)
        return 1.0 if fmr == 1 and searched else -math.expm1(searched * math.log1p(-fmr))

    def fmr(self, similarity: float) -> float:
        """The false-match rate of one comparison at this threshold.

        Below `tail_start`, where nothing is fitted, the tail's slope goes on up to 1: more than the true rate,
        whose slope falls towards the middle.
        """
        excess = (similarity - self.shift - self.tail_start) / self.scale
        if excess < 0 or self.shape == 0:
            own = self.tail_fraction * math.exp(min(-excess, 100.0))
        else:
            own = float(self.tail_fraction * (1 + self.shape * excess) ** (-1 / self.shape))
        return min(1.0, max(own, self.floor.fmr(similarity) if self.floor else 0.0))

    def similarity_at(self, fmr: float) -> float:
        """The smallest cosine at which two people are taken for one at most this often, from `tail_start` to 1."""
        ratio = max(1.0, self.tail_fraction / fmr)
        excess = math.log(ratio) if self.shape == 0 else (ratio**self.shape - 1) / self.shape
        own = min(1.0, self.tail_start + self.shift + self.scale * excess)
        return max(own, self.floor.similarity_at(fmr)) if self.floor else own

    def beside(self, shipped: Calibration) -> Calibration:
        """As it is used: few people may raise thresholds above those of the shipped numbers, never lower them.

        Numbers that are only assumed hold nobody back.
        """
        return replace(self, floor=shipped if self.people < PEOPLE_TRUSTED_MIN and shipped.people else None)

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

    Stricter than the packs looked at so far (1e-4 is at 0.28 with buffalo_sc, at 0.42 with yunet_sface), so it
    refuses many; `calibrate` gives the pack its own.
    """
    return Calibration(pack, 0.45, 1e-4, 0.0, 0.039, 0, 0, "assumed, not measured", "assumed")
