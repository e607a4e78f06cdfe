"""Several people in one picture, each looked at as if they were alone: who sits at a table."""

from __future__ import annotations

from asyncio import gather
from collections.abc import Sequence
from dataclasses import replace

from facepay.identity.assignment import assign
from facepay.identity.capture import Capture
from facepay.identity.policy import Ambiguous, Decision, Match, NoMatch, Uncertain, Use, decide, policy_for
from facepay.identity.recognition import Recogniser
from facepay.identity.sighting import Sighting, Subject, Unusable, candidates_of, subject_of
from facepay.kernel.auth import Principal
from facepay.presentation.examination import SWAP_FMR
from facepay.templates.gallery import Ranking
from facepay.vision.attention import AREA_SHARE_MIN, Track, follow
from facepay.vision.evidence import FrameEvidence

# Each costs 10 ms a frame.
COMPANY_MAX = 20
# So many members of a face can be somebody else's before it has nobody left to be.
CANDIDATES_MAX = 8


async def see_company(recogniser: Recogniser, capture: Capture, *, device: Principal, use: Use) -> list[Sighting]:
    """One sighting for each person of a frame or a burst, the nearest first; each member is at most one of them.

    The challenge is the nearest's alone, since nobody asked the others; so is the depth map. Raises vision's problems
    with the frames, and Overloaded.
    """
    evidences, _ = await gather(
        recogniser.analyse(capture, device, embed=COMPANY_MAX, area_share_min=AREA_SHARE_MIN), recogniser.catch_up(use)
    )
    for evidence in evidences:
        recogniser.metrics.observe_stages(evidence.timings_ms, ended_ns=evidence.ended_ns)
    calibration = recogniser.calibration
    tracks = follow(evidences, same_person_cosine_min=calibration.similarity_at(SWAP_FMR))
    views = [_alone(track, evidences) for track in sorted(tracks, key=lambda each: -each.last.area)]
    subjects = [subject_of(view, calibration) for view in views]
    known = [subject for subject in subjects if isinstance(subject, Subject)]
    top = min(len(known) + 1, CANDIDATES_MAX)
    rankings = [await recogniser.keeper.search(subject.embedding, top=top) for subject in known]
    decisions = iter(_decide(recogniser, rankings, use))
    return [
        Sighting(
            outcome=subject if isinstance(subject, Unusable) else subject.settle(next(decisions)),
            evidences=view,
            timings_ms={},
            calibration=calibration,
            challenge_id=None if index else capture.challenge_id,
        )
        for index, (subject, view) in enumerate(zip(subjects, views, strict=True))
    ]


def _alone(track: Track, evidences: Sequence[FrameEvidence]) -> tuple[FrameEvidence, ...]:
    return tuple(replace(evidences[number], faces=(face,)) for number, face in track.views)


def _decide(recogniser: Recogniser, rankings: Sequence[Ranking], use: Use) -> list[Decision]:
    """Nobody is whom another is more likely to be."""
    if not rankings:
        return []
    policy, calibration = policy_for(use, recogniser.settings), recogniser.calibration
    worth_a_claim = policy.step_up_threshold(calibration, rankings[0].searched)
    given = assign([ranking.candidates for ranking in rankings], similarity_min=worth_a_claim)
    decisions = [decide(ranking, policy, calibration) for ranking in rankings]
    return [
        decision if isinstance(decision, NoMatch) or member_id in _named(decision) else _nobody(decision)
        for decision, member_id in zip(decisions, given, strict=True)
    ]


def _named(decision: Match | Ambiguous | Uncertain) -> tuple[object, ...]:
    return (decision.member_id,) if isinstance(decision, Match) else candidates_of(decision)


def _nobody(decision: Match | Ambiguous | Uncertain) -> NoMatch:
    return NoMatch(
        decision.similarity, decision.threshold, decision.searched, decision.false_positive_rate, decision.basis
    )
