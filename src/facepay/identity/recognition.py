"""From a capture to a sighting: the one way in which every device learns who stands before it."""

from __future__ import annotations

import asyncio
from asyncio import gather
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, Protocol
from uuid import UUID

from fastapi import Depends, Request
from sqlalchemy import select

from facepay.calibration.calibration import Calibration
from facepay.calibration.versions import ACTIVE_VERSION, CalibrationKeeper
from facepay.identity.assignment import assign
from facepay.identity.capture import Capture
from facepay.identity.edge import SignedFace, read_signed_face
from facepay.identity.edge_matches import Comparison, MayHold
from facepay.identity.narrowing import HomeRegions, Inside, Narrowing, with_phone_ending
from facepay.identity.policy import Ambiguous, Decision, Match, NoMatch, Uncertain, Use, decide, policy_for
from facepay.identity.sighting import (
    NarrowedBy,
    Outcome,
    Resemblance,
    Sighting,
    Unusable,
    WrongDigits,
    candidates_of,
    rivals_of,
    settle_compared,
    subject_of,
)
from facepay.identity.verification import verify_among
from facepay.kernel.auth import PresentationCheck, Principal
from facepay.kernel.database import Database, Prepared
from facepay.kernel.metrics import Metrics
from facepay.settings import Settings
from facepay.templates.evidence import Exhibit
from facepay.templates.gallery import Ranking
from facepay.templates.keeper import GalleryKeeper
from facepay.templates.templates import NEWEST_VERSION
from facepay.vision.evidence import Floats, FrameEvidence
from facepay.vision.liveness.depth import with_relief
from facepay.vision.pool import InferencePool, Starting
from facepay.vision.portraits import portrait

# Whoever stands about as near as the nearest may be the one that the nearest is merely like.
RIVALS_MAX = 4
RIVAL_AREA_SHARE_MIN = 0.5
# Enough for people to tell who it is: some 20 kB.
EVIDENCE_SIDE_PX_MAX, EVIDENCE_JPEG_QUALITY = 480, 80
_VERSIONS = Prepared(select(NEWEST_VERSION, ACTIVE_VERSION))  # of gallery and calibration


class LookOut(Protocol):
    async def __call__(self, capture: Capture, sighting: Sighting, device: Principal) -> Resemblance | None:
        """Whom of the watchlist the nearest faces look like."""


@dataclass(frozen=True, slots=True)
class Recogniser:
    """Models, gallery and policy together. What it saw of a stranger ends with the call."""

    database: Database
    inference: InferencePool
    keeper: GalleryKeeper
    calibrations: CalibrationKeeper
    settings: Settings
    metrics: Metrics
    regions: HomeRegions
    may_hold: MayHold
    look_out: LookOut | None = None  # for whom the watchlist names, where there is one

    @property
    def calibration(self) -> Calibration:
        """The one that decides now."""
        return self.calibrations.current

    async def see(
        self,
        capture: Capture,
        *,
        device: Principal,
        use: Use,
        inside: Inside | None = None,
        points: bool = False,
        with_appearance: bool = False,
        entering: bool = False,
    ) -> Sighting:
        """Who is nearest, under the policy of `use`, or of paying inside where they are one of those `inside`.

        Whoever is `entering` is looked for on the watchlist too. With `points` each face also gets its 106 landmarks,
        where the pack has them, and the nearest its person's colours `with_appearance`. Raises vision's problems with
        the frames, Overloaded, and those of `read_signed_face`.
        """
        signed = self._signed(capture, device)
        if signed is None:
            seen = self.analyse(capture, device, points=points, with_appearance=with_appearance)
        else:
            seen = _known([signed.evidence])
        evidences, few = await gather(seen, self.catch_up(use, digits=capture.phone_suffix, inside=inside))
        if signed and signed.comparison:
            sighting = await self._judge_comparison(signed.evidence, signed.comparison, device, use, few)
        else:
            sighting = await self.judge(evidences, device=device, use=use, few=few)
        sighting = replace(sighting, challenge_id=capture.challenge_id, signed=signed)
        if entering and self.look_out is not None:
            sighting = replace(sighting, resemblance=await self.look_out(capture, sighting, device))
        return await self._with_exhibit(capture, sighting) if signed is None else sighting

    async def verify(
        self, capture: Capture, *, device: Principal, expected: Callable[[], Awaitable[Collection[UUID]]]
    ) -> Sighting:
        """Whether the nearest face is one of the members who are `expected`: nobody else is compared. Raises vision's
        problems with the frames and Overloaded.
        """
        evidences, members, _ = await gather(self.analyse(capture, device), expected(), self.catch_up())
        timings = self._timings(evidences)
        with self.metrics.stage("search", timings):
            outcome = await verify_among(
                evidences,
                member_ids=members,
                keeper=self.keeper,
                calibration=self.calibration,
                settings=self.settings,
            )
        sighting = Sighting(outcome, tuple(evidences), timings, self.calibration, challenge_id=capture.challenge_id)
        return await self._with_exhibit(capture, sighting)

    async def _with_exhibit(self, capture: Capture, sighting: Sighting) -> Sighting:
        """With the best view of the member who was recognised, and of nobody else, where such are kept."""
        if not self.settings.evidence_days or not isinstance(sighting.outcome, Match):
            return sighting
        number, _ = sighting.best_view
        jpeg = await asyncio.to_thread(
            portrait,
            capture.frames[number],
            sighting.evidences[number].faces,
            limits=self.inference.engine.limits,
            side_px_max=EVIDENCE_SIDE_PX_MAX,
            jpeg_quality=EVIDENCE_JPEG_QUALITY,
        )
        kept_for = timedelta(days=self.settings.evidence_days)
        return replace(sighting, exhibit=Exhibit(jpeg, self.keeper.protection, kept_for))

    def _signed(self, capture: Capture, device: Principal) -> SignedFace | None:
        if capture.signed_face is None:
            return None
        dimensions = self.inference.engine.embedding_dim
        return read_signed_face(capture.signed_face, device=device, pack=self.keeper.pack, dimensions=dimensions)

    async def judge(
        self, evidences: Sequence[FrameEvidence], *, device: Principal, use: Use, few: Narrowing | None = None
    ) -> Sighting:
        """Who these frames show, once the gallery is up to date. No model runs."""
        timings = self._timings(evidences)
        with self.metrics.stage("search", timings):
            subject = subject_of(evidences, self.calibration)
            if isinstance(subject, Unusable):
                return Sighting(subject, tuple(evidences), timings, self.calibration)
            faces = (subject.embedding, *subject.rivals)
            rankings = [await self.keeper.search(face, top=len(faces) + 1) for face in faces]
            outcome, narrowed_by = await self._identify(rankings, device, use, few)
        return Sighting(subject.settle(outcome), tuple(evidences), timings, self.calibration, narrowed_by)

    async def beside(self, sighting: Sighting, *, device: Principal, use: Use, inside: Inside) -> list[UUID | None]:
        """Who else stands there, about as near as the nearest face: the member that each of them is, or None."""
        others = rivals_of(sighting.evidences)
        few = await self.catch_up(use, inside=inside) if others else None

        async def member_of(face: Floats) -> UUID | None:
            outcome, _ = await self._identify([await self.keeper.search(face, top=2)], device, use, few)
            return outcome.member_id if isinstance(outcome, Match) else None

        return await gather(*(member_of(face) for face in others))

    async def analyse(
        self,
        capture: Capture,
        device: Principal,
        *,
        points: bool = False,
        with_appearance: bool = False,
        embed: int = RIVALS_MAX,
        area_share_min: float = RIVAL_AREA_SHARE_MIN,
    ) -> list[FrameEvidence]:
        """The frames, with all that the device's checks of presentations need."""
        required = device.presentation_checks
        evidences = await self.inference.analyse_burst(
            capture.frames,
            embed=embed,
            area_share_min=area_share_min,
            points=points or PresentationCheck.CHALLENGE in required,
            with_fingerprint=PresentationCheck.REPLAY in required,
            with_appearance=with_appearance,
        )
        if capture.depth is not None and PresentationCheck.DEPTH in required:
            limits = self.inference.engine.limits
            evidences[0] = await asyncio.to_thread(
                with_relief, evidences[0], capture.depth, limits=limits, camera=device.camera
            )
        return evidences

    async def catch_up(
        self, use: Use = "gate", *, digits: str | None = None, inside: Inside | None = None
    ) -> Narrowing | None:
        """Follow gallery and calibration while the models run, for the search after; and see whom to narrow to."""
        async with self.database.read() as session:
            [(newest, active)] = await _VERSIONS.rows(session, pack=self.calibrations.pack)
            await self.calibrations.use(session, active)
            few = None
            if digits is not None:
                few = await with_phone_ending(session, digits=digits, use=use)
            elif inside is not None:
                few = Narrowing.to("inside_store", "pay_inside", await inside(session))
        if newest > self.keeper.gallery.version:
            await self.keeper.follow(self.database)
        return few

    async def _judge_comparison(
        self, evidence: FrameEvidence, comparison: Comparison, device: Principal, use: Use, few: Narrowing | None
    ) -> Sighting:
        """Who the device found it to be; nobody, where it names somebody whom its gallery may not hold."""
        async with self.database.read() as session:
            allowed = await self.may_hold(session, device, comparison.member_ids)
        ranking = comparison.ranking if allowed else Ranking((), comparison.searched)
        outcome, narrowed_by = await self._identify([ranking], device, use, few)
        outcome = settle_compared(evidence.faces[0], outcome)
        return Sighting(outcome, (evidence,), self._timings([evidence]), self.calibration, narrowed_by)

    async def _identify(
        self, rankings: Sequence[Ranking], device: Principal, use: Use, few: Narrowing | None
    ) -> tuple[Outcome, NarrowedBy | None]:
        best = rankings[0].best
        if few is not None and few.name == "phone_last_four":
            return self._by_digits(rankings, few)
        if few is not None and best is not None and best.member_id in few.members:
            return self._decide(rankings, few.use, few), few.name
        outcome = self._decide(rankings, use)
        if device.region is not None and best is not None and not isinstance(outcome, Match | Ambiguous):
            async with self.database.read() as session:
                around = await self.regions.around(session, member_id=best.member_id, region=device.region, use=use)
            if around is not None:
                return self._decide(rankings, use, around), around.name
        return outcome, None

    def _by_digits(self, rankings: Sequence[Ranking], few: Narrowing) -> tuple[Outcome, NarrowedBy | None]:
        """Right digits lower the threshold, and no more: asked for again as a second factor, they would prove nothing
        new. Whoever is as alike as that to a member with other digits may be guessing theirs.
        """
        narrowed = self._decide(rankings, few.use, few)
        if not isinstance(narrowed, Match):
            return self._decide(rankings, few.use), None
        if narrowed.member_id in few.members:
            return narrowed, few.name
        return WrongDigits(narrowed.member_id), few.name

    def _decide(self, rankings: Sequence[Ranking], use: Use, few: Narrowing | None = None) -> Decision:
        """Who the first of these faces is; nobody where whoever it is most like is another of them."""
        ranking, policy = rankings[0], policy_for(use, self.settings)
        if few is not None:
            ranking = replace(ranking, searched=min(ranking.searched, few.templates_max))
        decision = decide(ranking, policy, self.calibration)
        if len(rankings) == 1 or isinstance(decision, NoMatch):
            return decision
        worth_a_claim = policy.step_up_threshold(self.calibration, ranking.searched)
        given, *_ = assign([each.candidates for each in rankings], similarity_min=worth_a_claim)
        if given in _named(decision):
            return decision
        return NoMatch(
            decision.similarity, decision.threshold, decision.searched, decision.false_positive_rate, decision.basis
        )

    def _timings(self, evidences: Sequence[FrameEvidence]) -> dict[str, float]:
        """Of all frames together: the work, which is more than the wait where frames ran side by side."""
        timings: dict[str, float] = {}
        for evidence in evidences:
            self.metrics.observe_stages(evidence.timings_ms, ended_ns=evidence.ended_ns)
            for stage, milliseconds in evidence.timings_ms.items():
                timings[stage] = round(timings.get(stage, 0.0) + milliseconds, 2)
        return timings


async def _known(evidences: list[FrameEvidence]) -> list[FrameEvidence]:
    return evidences


def _named(decision: Match | Ambiguous | Uncertain) -> tuple[UUID, ...]:
    return (decision.member_id,) if isinstance(decision, Match) else candidates_of(decision)


async def get_recogniser(request: Request) -> Recogniser:
    """Raises Starting until models and gallery are loaded."""
    recogniser: Recogniser | None = request.app.state.recogniser
    if recogniser is None:
        raise Starting
    return recogniser


RecogniserOf = Annotated[Recogniser, Depends(get_recogniser)]
