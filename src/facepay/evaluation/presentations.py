"""Errors of detecting presentation attacks, in the terms of ISO/IEC 30107-3, on labelled captures.

What one photo can show is examined: the passive model where the settings name one, and the depth map where
`<name>.depth.png` lies beside the photo. A challenge or a replay takes more than one capture.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np

from facepay.evaluation.folders import DEPTH_SUFFIX, Presentation
from facepay.evaluation.metrics import Estimate, share_of_people
from facepay.evaluation.tables import Table, percent
from facepay.kernel.errors import Problem
from facepay.vision.evidence import FrameEvidence
from facepay.vision.frames import FrameLimits
from facepay.vision.liveness.depth import ReliefPolicy, fault_of, with_relief

Check = Literal["passive", "depth"]


@dataclass(frozen=True, slots=True)
class PresentationSummary:
    """One check: APCER of each species (attacks taken for a person), BPCER (people taken for an attack).

    A capture without a face is no response: nobody comes in by it, so it counts as refused on both sides.
    """

    check: Check
    apcer: dict[str, Estimate]
    bpcer: Estimate
    no_response: int


def examine_all(
    presentations: Sequence[Presentation], evidences: Sequence[FrameEvidence | None], *, live_score_min: float
) -> list[PresentationSummary]:
    """A summary for each check that could be made on any of these captures."""
    accepted: dict[Check, dict[str | None, list[bool]]] = {}
    missed: dict[Check, int] = defaultdict(int)
    passive = any(face.live_score is not None for evidence in evidences if evidence for face in evidence.faces[:1])
    for presentation, evidence in zip(presentations, evidences, strict=True):
        for check, accepts in _examined(presentation, evidence, live_score_min if passive else None):
            accepted.setdefault(check, defaultdict(list))[presentation.species].append(bool(accepts))
            missed[check] += accepts is None
    return [
        PresentationSummary(
            check=check,
            apcer={species: _share(found) for species, found in sorted(by_species.items(), key=str) if species},
            bpcer=_share([not accepts for accepts in by_species[None]]),
            no_response=missed[check],
        )
        for check, by_species in accepted.items()
    ]


def presentation_table(summaries: Sequence[PresentationSummary]) -> Table:
    rows: list[tuple[str, ...]] = []
    for summary in summaries:
        rows += [(f"{summary.check}: {species}", percent(rate), "") for species, rate in summary.apcer.items()]
        rows.append((f"{summary.check}: live", "", percent(summary.bpcer)))
    return Table(
        "Presentation attacks",
        "APCER: attacks taken for a person, by species; BPCER: people taken for an attack (ISO/IEC 30107-3). "
        "Only what one photo can show.",
        ("", "APCER", "BPCER"),
        rows,
    )


def _examined(
    presentation: Presentation, evidence: FrameEvidence | None, live_score_min: float | None
) -> Iterator[tuple[Check, bool | None]]:
    """Whether each check that can be made takes it for a person; None where there is no face to see."""
    face = evidence.faces[0] if evidence and evidence.faces else None
    depth = presentation.path.with_suffix(DEPTH_SUFFIX)
    if depth.is_file():
        yield "depth", _has_relief(cast(FrameEvidence, evidence), depth.read_bytes()) if face else None
    if live_score_min is not None:
        score = face.live_score if face else None
        yield "passive", None if score is None else score >= live_score_min


def _has_relief(evidence: FrameEvidence, png: bytes) -> bool:
    try:
        relief = with_relief(evidence, png, limits=FrameLimits()).faces[0].relief
    except Problem:
        return False
    return relief is not None and fault_of(relief, policy=ReliefPolicy()) is None


def _share(failed: Sequence[bool]) -> Estimate:
    return share_of_people(np.array(failed, bool), np.arange(len(failed)))
