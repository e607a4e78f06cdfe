"""A payer shows their face, and so pays.

Frames are looked at outside of any transaction. Until then the intent is `processing`, which one short transaction
says, for 30 seconds at most: no second burst is looked at meanwhile, and a process that dies leaves nothing stuck.
All that follows from what was seen is one more transaction, which finds the intent as it is by then.
"""

from __future__ import annotations

import secrets
from asyncio import gather
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.families.purses import purse_of
from facepay.identity.policy import Match
from facepay.identity.recognition import RecogniserOf
from facepay.identity.sighting import Unusable
from facepay.identity.standing import Standing, standing_member
from facepay.identity.verification import Verification, verify_member
from facepay.kernel.auth import PresentationCheck, Principal
from facepay.kernel.clock import Clock, get_clock
from facepay.kernel.database import Db
from facepay.kernel.dependencies import made
from facepay.kernel.ids import new_id
from facepay.kernel.metrics import MetricsOf
from facepay.members.biometric_uses import Use, record_use
from facepay.online.attempts import PaymentAttempt
from facepay.online.burst import Burst
from facepay.online.intents import PaymentIntent, give_back, hold_intent, see_intent
from facepay.online.paying import Refusal, refuse, settle
from facepay.online.telling import PROCESSING, tell
from facepay.online.ways import require_way
from facepay.presentation.challenges import Challenge, draw_steps, issue
from facepay.presentation.examination import PresentationAttack, examine
from facepay.settings import Settings, SettingsOf
from facepay.vision.evidence import FrameEvidence
from facepay.vision.liveness.challenge import Action

LOOKED_AT_FOR = timedelta(seconds=30)
TURNS = (Action.TURN_LEFT, Action.TURN_RIGHT)
# What says nothing of who stands there: it's no attempt, and the same steps are asked for again. Frames seen before may
# be a film of the member, which no number of tries makes new, or the member, who sits as they did last time.
UNCOUNTED = frozenset(
    {
        "frame_seen_before",
        "challenge_unknown",
        "challenge_expired",
        "challenge_spent",
        "challenge_frames_missing",
        "challenge_face_lost",
        "challenge_not_straight",
        "replay_unmeasured",
        "liveness_unmeasured",
    }
)


@dataclass(frozen=True, slots=True)
class Examination:
    """The right to look at one burst for an intent. `began_at` is when all of it was there."""

    id: UUID
    intent_id: UUID
    member_id: UUID
    device_id: UUID
    store_id: UUID
    began_at: datetime


@dataclass(frozen=True, slots=True)
class ByFace:
    """Challenges for a payer, and what their frames come to."""

    database: Db
    recogniser: RecogniserOf
    settings: SettingsOf
    clock: Annotated[Clock, Depends(get_clock)]
    metrics: MetricsOf

    async def ask(self, session: AsyncSession, *, intent_id: UUID) -> Challenge:
        """What the payer has to do before their camera: a turn to one side and a smile, in either order.

        The steps stay the same until an attempt at them has failed, or else whoever has a film of the member would ask
        on until it fits. Raises PaymentIntentUnexpectedState and WayNotOpen.
        """
        now = self.clock()
        intent = await self._hold(session, intent_id, now)
        if intent.challenge_steps is None:
            intent.challenge_steps = list(draw_for_payer(expressions=self.recogniser.inference.engine.has_points))
        return await issue(
            session,
            device_id=intent.device_id,
            steps=[Action(step) for step in intent.challenge_steps],
            now=now,
            lasts=timedelta(seconds=self.settings.challenge_seconds),
            subject_id=intent.id,
        )

    async def confirm(self, *, intent_id: UUID, burst: Burst) -> PaymentIntent:
        """The intent as it is then. Raises PaymentIntentUnexpectedState, WayNotOpen, Overloaded, and vision's problems
        with the frames.
        """
        examination = await self._begin(intent_id)
        try:
            evidences = await self._look(burst)
            verification = await verify_member(
                evidences,
                member_id=examination.member_id,
                keeper=self.recogniser.keeper,
                calibration=self.recogniser.calibration,
                settings=self.settings,
            )
            async with self.database.begin() as session:
                return await self._judge(session, examination, burst, evidences, verification)
        except BaseException:
            await self._give_up(examination)
            raise

    async def _begin(self, intent_id: UUID) -> Examination:
        now = self.clock()
        async with self.database.begin() as session:
            intent = await self._hold(session, intent_id, now)
            examination = Examination(new_id(), intent.id, intent.payer, intent.device_id, intent.store_id, now)
            intent.status = "processing"
            intent.examination_id, intent.examined_until = examination.id, now + LOOKED_AT_FOR
            await tell(session, intent, PROCESSING, now=now)
        return examination

    async def _hold(self, session: AsyncSession, intent_id: UUID, now: datetime) -> PaymentIntent:
        intent = await hold_intent(session, intent_id=intent_id, now=now)
        pack = self.recogniser.keeper.pack
        await require_way(session, "face", intent=intent, pack=pack, now=now, settings=self.settings)
        return intent

    async def _look(self, burst: Burst) -> list[FrameEvidence]:
        analysed = self.recogniser.inference.analyse_burst(burst.frames, points=True, with_fingerprint=True)
        evidences, _ = await gather(analysed, self.recogniser.catch_up())
        return evidences

    async def _give_up(self, examination: Examination) -> None:
        now = self.clock()
        async with self.database.begin() as session:
            intent = await hold_intent(session, intent_id=examination.intent_id, now=now)
            if intent.examination_id == examination.id:
                await give_back(session, intent, now)

    async def _judge(
        self,
        session: AsyncSession,
        examination: Examination,
        burst: Burst,
        evidences: Sequence[FrameEvidence],
        verification: Verification,
    ) -> PaymentIntent:
        now = self.clock()
        seen = await see_intent(session, intent_id=examination.intent_id, now=now)
        if seen.examination_id != examination.id:
            return seen  # canceled or expired meanwhile, or this took too long: what was seen is forgotten
        # Before the member is locked, as at a gate: whoever shows the same frames there waits for this.
        attack = await examine(
            session,
            device=_camera(examination, self.settings),
            evidences=evidences,
            challenge_id=burst.challenge_id,
            subject_id=examination.intent_id,
            now=examination.began_at,
            settings=self.settings,
            calibration=self.recogniser.calibration,
        )
        standing = await standing_member(session, member_id=examination.member_id, now=now, alone=True)
        purse = await purse_of(session, member=standing.member) if standing else None
        intent = await hold_intent(session, intent_id=examination.intent_id, now=now)
        if intent.examination_id != examination.id:
            return intent
        attempt = _attempt(intent, verification, pack=evidences[0].pack, now=now)
        proof = _prove(attack, standing, verification)
        if isinstance(proof, Refusal):
            await refuse(session, intent=intent, attempt=attempt, refusal=proof, now=now)
        else:
            assert purse is not None, "somebody stood there"
            intent.face_proven_at = now
            _note(session, intent, verification, now)
            await settle(session, intent=intent, purse=purse, attempt=attempt, now=now, settings=self.settings)
        self.metrics.decided("online", intent.status, attempt.code)
        return intent


ByFaceOf = Annotated[ByFace, Depends(made(ByFace))]


def draw_for_payer(*, expressions: bool) -> Sequence[Action]:
    """Where the models see no smile, turns only."""
    if not expressions:
        return draw_steps(expressions=False)
    turn = secrets.choice(TURNS)
    return secrets.choice(((turn, Action.SMILE), (Action.SMILE, turn)))


def _prove(
    attack: PresentationAttack | None, standing: Standing | None, verification: Verification
) -> Standing | Refusal:
    """Whoever is to pay stood there, and may be known by their face; or why that can't be said."""
    if attack is not None:
        return Refusal(attack.code, attack.hint, counts=attack.code not in UNCOUNTED)
    if standing is None or standing.is_watched or standing.has_lookalikes:
        return Refusal("face_not_available")
    if isinstance(verification, Unusable):
        words = verification.advice[0].message if verification.advice else None
        return Refusal(verification.code, words, counts=verification.code == "faces_disagree")
    return standing if isinstance(verification, Match) else Refusal("face_not_verified", counts=True)


def _camera(examination: Examination, settings: Settings) -> Principal:
    """The web shop as a device with a camera, which is the payer's own, and trusted the less for it."""
    checks = {PresentationCheck.REPLAY, PresentationCheck.CHALLENGE}
    if settings.liveness_model is not None:
        checks.add(PresentationCheck.PASSIVE)
    return Principal(
        "device",
        examination.device_id,
        "a payer's camera",
        "webshop",
        frozenset(),
        examination.store_id,
        presentation_checks=frozenset(checks),
    )


def _attempt(intent: PaymentIntent, verification: Verification, *, pack: str, now: datetime) -> PaymentAttempt:
    compared = None if isinstance(verification, Unusable) else verification
    return PaymentAttempt(
        intent_id=intent.id,
        way="face",
        similarity=compared.similarity if compared else None,
        threshold=compared.threshold if compared else None,
        basis=compared.basis if compared else None,
        pack=pack,
        created_at=now,
    )


def _note(session: AsyncSession, intent: PaymentIntent, verification: Verification, now: datetime) -> None:
    record_use(
        session,
        member_id=intent.payer,
        use=Use.VERIFIED,
        actor=f"device:{intent.device_id}",
        reference_id=intent.id,
        similarity=verification.similarity if isinstance(verification, Match) else None,
        now=now,
    )
