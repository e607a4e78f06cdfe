"""A payer proves who they are, by face or by PIN, and so pays.

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
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.identity.policy import Match
from facepay.identity.recognition import RecogniserOf
from facepay.identity.sighting import Unusable
from facepay.identity.standing import standing_member
from facepay.identity.verification import Verification, verify_member
from facepay.kernel.auth import PresentationCheck, Principal
from facepay.kernel.clock import Clock, get_clock
from facepay.kernel.database import Db
from facepay.kernel.dependencies import made
from facepay.kernel.ids import new_id
from facepay.kernel.metrics import MetricsOf
from facepay.kernel.passwords import HasherOf
from facepay.members.biometric_uses import Use, record_use
from facepay.members.members import Member, MemberNotFound
from facepay.members.pins import count_wrong_answer, is_locked
from facepay.online.attempts import PaymentAttempt
from facepay.online.burst import Burst
from facepay.online.intents import PaymentIntent, hold_intent, release, require_state
from facepay.online.paying import refuse, settle
from facepay.online.telling import PROCESSING, tell
from facepay.online.ways import Way, require_way
from facepay.presentation.challenges import Challenge, draw_steps, issue
from facepay.presentation.examination import examine
from facepay.settings import Settings, SettingsOf
from facepay.vision.evidence import FrameEvidence
from facepay.vision.liveness.challenge import Action

LOOKED_AT_FOR = timedelta(seconds=30)
TURNS = (Action.TURN_LEFT, Action.TURN_RIGHT)
# What says nothing of who stands there: it's no attempt, and the same steps are asked for again.
UNCOUNTED = frozenset(
    {
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
    began_at: datetime


@dataclass(frozen=True, slots=True)
class Confirmer:
    """What a payer's answer is judged with."""

    database: Db
    recogniser: RecogniserOf
    settings: SettingsOf
    clock: Annotated[Clock, Depends(get_clock)]
    hasher: HasherOf
    metrics: MetricsOf

    async def ask(self, session: AsyncSession, *, intent_id: UUID) -> Challenge:
        """What the payer has to do before their camera: a turn to one side and a smile, in either order.

        The steps stay the same until an attempt at them has failed, or else whoever has a film of the member would ask
        on until it fits. Raises PaymentIntentUnexpectedState and WayNotOpen.
        """
        now = self.clock()
        intent = await hold_intent(session, intent_id=intent_id, now=now)
        await self._require_way(session, "face", intent, now)
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

    async def by_face(self, *, intent_id: UUID, burst: Burst) -> PaymentIntent:
        """The intent as it is then. Raises PaymentIntentUnexpectedState, WayNotOpen, Overloaded, and vision's problems
        with the frames.
        """
        examination = await self._begin(intent_id)
        try:
            evidences = await self._look(burst)
        except BaseException:
            await self._give_up(examination)
            raise
        verification = verify_member(
            evidences,
            member_id=examination.member_id,
            keeper=self.recogniser.keeper,
            calibration=self.recogniser.calibration,
            settings=self.settings,
        )
        async with self.database.begin() as session:
            return await self._judge(session, examination, burst, evidences, verification)

    async def _begin(self, intent_id: UUID) -> Examination:
        now = self.clock()
        async with self.database.begin() as session:
            intent = await hold_intent(session, intent_id=intent_id, now=now)
            await self._require_way(session, "face", intent, now)
            examination = Examination(new_id(), intent.id, intent.payer, now)
            intent.status = "processing"
            intent.examination_id, intent.examined_until = examination.id, now + LOOKED_AT_FOR
            await tell(session, intent, PROCESSING, now=now)
        return examination

    async def _look(self, burst: Burst) -> list[FrameEvidence]:
        analysed = self.recogniser.inference.analyse_burst(burst.frames, points=True, with_fingerprint=True)
        evidences, _ = await gather(analysed, self.recogniser.catch_up())
        return evidences

    async def _give_up(self, examination: Examination) -> None:
        async with self.database.begin() as session:
            intent = await hold_intent(session, intent_id=examination.intent_id, now=self.clock())
            if intent.examination_id == examination.id:
                release(intent)

    async def _judge(
        self,
        session: AsyncSession,
        examination: Examination,
        burst: Burst,
        evidences: Sequence[FrameEvidence],
        verification: Verification,
    ) -> PaymentIntent:
        now = self.clock()
        standing = await standing_member(session, member_id=examination.member_id, now=now, alone=True)
        intent = await hold_intent(session, intent_id=examination.intent_id, now=now)
        if intent.examination_id != examination.id:
            return intent  # canceled or expired meanwhile, or this took too long: what was seen is forgotten
        attack = await examine(
            session,
            device=_camera(intent, self.settings),
            evidences=evidences,
            challenge_id=burst.challenge_id,
            subject_id=intent.id,
            now=examination.began_at,
            settings=self.settings,
            calibration=self.recogniser.calibration,
        )
        attempt = _attempt(intent, "face", now, verification, pack=evidences[0].pack)
        if attack is not None:
            counts = attack.code not in UNCOUNTED
            await refuse(
                session, intent=intent, attempt=attempt, code=attack.code, message=attack.hint, counts=counts, now=now
            )
        elif standing is None or standing.is_watched or standing.has_lookalikes:
            await refuse(session, intent=intent, attempt=attempt, code="face_not_available", now=now)
        elif isinstance(verification, Unusable):
            words = verification.advice[0].message if verification.advice else None
            counts = verification.code == "faces_disagree"
            await refuse(
                session, intent=intent, attempt=attempt, code=verification.code, message=words, counts=counts, now=now
            )
        elif not isinstance(verification, Match):
            await refuse(session, intent=intent, attempt=attempt, code="face_not_verified", counts=True, now=now)
        else:
            intent.face_proven_at = now
            _note(session, intent, verification, now)
            await settle(
                session, intent=intent, member=standing.member, attempt=attempt, now=now, settings=self.settings
            )
        self.metrics.decisions.labels("online", attempt.code).inc()
        return intent

    async def by_pin(self, *, intent_id: UUID, pin: str) -> PaymentIntent:
        """The intent as it is then. The slow hash is compared before anything is locked, and counts for nothing where
        answers are locked by then. Raises PaymentIntentUnexpectedState and WayNotOpen.
        """
        async with self.database.begin() as session:
            now = self.clock()
            intent = await hold_intent(session, intent_id=intent_id, now=now)
            await self._require_way(session, "pin", intent, now)
            pin_hash = await session.scalar(select(Member.pin_hash).where(Member.id == intent.payer))
            member_id = intent.payer
        is_right = pin_hash is not None and await self.hasher.verify(pin_hash, pin)
        async with self.database.begin() as session:
            return await self._judge_pin(session, intent_id, member_id, pin_hash, is_right)

    async def _judge_pin(
        self, session: AsyncSession, intent_id: UUID, member_id: UUID, pin_hash: str | None, is_right: bool
    ) -> PaymentIntent:
        now = self.clock()
        member = await session.get(Member, member_id, with_for_update={"key_share": True}, populate_existing=True)
        if member is None:
            raise MemberNotFound("There is no member with this id.")
        intent = await hold_intent(session, intent_id=intent_id, now=now)
        if intent.ended_at is not None:
            return intent
        require_state(intent, "pay")
        attempt = _attempt(intent, "pin", now)
        if is_locked(member, now=now):
            await refuse(session, intent=intent, attempt=attempt, code="pin_locked", now=now)
        elif not is_right or member.pin_hash != pin_hash:
            count_wrong_answer(member, now=now)
            code = "pin_locked" if is_locked(member, now=now) else "wrong_pin"
            await refuse(session, intent=intent, attempt=attempt, code=code, counts=True, now=now)
        else:
            member.pin_failures, intent.pin_proven_at = 0, now
            await settle(session, intent=intent, member=member, attempt=attempt, now=now, settings=self.settings)
        self.metrics.decisions.labels("online", attempt.code).inc()
        return intent

    async def _require_way(self, session: AsyncSession, way: Way, intent: PaymentIntent, now: datetime) -> None:
        require_state(intent, "pay")
        pack = self.recogniser.keeper.pack
        await require_way(session, way, intent=intent, pack=pack, now=now, settings=self.settings)


ConfirmerOf = Annotated[Confirmer, Depends(made(Confirmer))]


def draw_for_payer(*, expressions: bool) -> Sequence[Action]:
    """Where the models see no smile, turns only."""
    if not expressions:
        return draw_steps(expressions=False)
    turn = secrets.choice(TURNS)
    return secrets.choice(((turn, Action.SMILE), (Action.SMILE, turn)))


def _camera(intent: PaymentIntent, settings: Settings) -> Principal:
    """The web shop as a device with a camera, which is the payer's own, and trusted the less for it."""
    checks = {PresentationCheck.REPLAY, PresentationCheck.CHALLENGE}
    if settings.liveness_model is not None:
        checks.add(PresentationCheck.PASSIVE)
    return Principal(
        "device",
        intent.device_id,
        "a payer's camera",
        "webshop",
        frozenset(),
        intent.store_id,
        presentation_checks=frozenset(checks),
    )


def _attempt(
    intent: PaymentIntent,
    way: Way,
    now: datetime,
    verification: Verification | None = None,
    pack: str | None = None,
) -> PaymentAttempt:
    compared = None if isinstance(verification, Unusable) else verification
    return PaymentAttempt(
        intent_id=intent.id,
        way=way,
        similarity=compared.similarity if compared else None,
        threshold=compared.threshold if compared else None,
        basis=compared.basis if compared else None,
        pack=pack,
        created_at=now,
    )


def _note(session: AsyncSession, intent: PaymentIntent, match: Match, now: datetime) -> None:
    record_use(
        session,
        member_id=match.member_id,
        use=Use.VERIFIED,
        actor=f"device:{intent.device_id}",
        reference_id=intent.id,
        similarity=match.similarity,
        now=now,
    )
