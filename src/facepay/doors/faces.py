"""A face at a door: who it is among all members, or whether it is the one who was named before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.access.holders import Holder
from facepay.doors.attempts import Again, Proof, Stopped
from facepay.doors.places import Case
from facepay.identity import edge
from facepay.identity.policy import Match, NoMatch, Uncertain
from facepay.identity.sighting import Advice, Sighting, Unusable, code_of
from facepay.identity.standing import standing_member
from facepay.identity.verification import Verification, verify_member
from facepay.members.biometric_uses import Use, record_use
from facepay.presentation.examination import examine
from facepay.settings import Settings
from facepay.templates.keeper import GalleryKeeper
from facepay.watchlist import hits as watchlist


@dataclass(frozen=True, slots=True)
class FaceShown:
    """Frames that were looked at. Called with the case, it says whose face it is there."""

    sighting: Sighting
    keeper: GalleryKeeper
    settings: Settings

    async def __call__(self, session: AsyncSession, case: Case) -> Proof | Again | Stopped:
        """Whoever other factors have named before is compared with that member alone."""
        sighting = self.sighting
        if isinstance(sighting.outcome, Unusable):
            return Again(sighting.outcome.code, sighting.outcome.advice)
        if stopped := await self._stops(session, case):
            return stopped
        giving = case.giving
        holder_id = giving.holder_id if giving else None
        named = case.holders[holder_id].member_id if holder_id else None
        compared = await self._compared(named) if named else None
        if isinstance(compared, Match):
            return await self._of_member(session, case, compared, alone=False)
        if isinstance(sighting.outcome, Match):
            alone = sighting.outcome.member_id != named
            return await self._of_member(session, case, sighting.outcome, alone=alone)
        fault = code_of(sighting.outcome)
        if isinstance(compared, NoMatch | Uncertain):
            # How little the face is theirs, whoever was named, is of them, and in the log.
            measured = _measured(compared, sighting)
            return Proof("face", holder_id, fault=fault, measured=measured, checks=case.liveness)
        return Proof("face", fault=fault, checks=case.liveness)

    async def _stops(self, session: AsyncSession, case: Case) -> Stopped | None:
        """No person but a picture, or one whom the shop has banned: looked for before anybody is recognised."""
        sighting, device, now = self.sighting, case.place.device, case.place.now
        signed = sighting.signed
        if signed and (code := await edge.spend(session, signed=signed, device_id=device.id, now=now)):
            return Stopped("face", code)
        attack = await examine(
            session,
            device=replace(device, presentation_checks=case.liveness),
            evidences=sighting.evidences,
            challenge_id=sighting.challenge_id,
            now=now,
            settings=self.settings,
            calibration=sighting.calibration,
        )
        if attack:
            return Stopped("face", attack.code, (Advice(attack.code, attack.hint),))
        if case.place.direction == "exit":
            return None
        banned = await watchlist.check(session, sighting=sighting, device=device, now=now, settings=self.settings)
        return Stopped("face", banned.code, (Advice(banned.code, banned.words),)) if banned else None

    async def _compared(self, member_id: UUID) -> Verification | None:
        sighting = self.sighting
        if sighting.signed is not None and sighting.signed.comparison is not None:
            return None  # the device compared it with everybody, and kept the face
        return await verify_member(
            sighting.evidences,
            member_id=member_id,
            keeper=self.keeper,
            calibration=sighting.calibration,
            settings=self.settings,
        )

    async def _of_member(self, session: AsyncSession, case: Case, match: Match, *, alone: bool) -> Proof:
        """`alone` is a face that nothing else has named the member of: it mustn't be one that is mistaken easily."""
        now = case.place.now
        found = await standing_member(session, member_id=match.member_id, now=now, alone=False)
        if found is None:
            return Proof("face", fault="unknown_face", checks=case.liveness)
        record_use(
            session,
            member_id=match.member_id,
            use=Use.RECOGNISED if alone else Use.VERIFIED,
            actor=f"device:{case.place.device.id}",
            reference_id=case.attempt.id,
            similarity=match.similarity,
            now=now,
        )
        holder_id = await session.scalar(select(Holder.id).where(Holder.member_id == match.member_id))
        fault = None if holder_id else "no_holder"
        if alone and (found.has_lookalikes or found.is_watched):
            fault = "lookalike" if found.has_lookalikes else "watched_member"
        measured = _measured(match, self.sighting)
        return Proof("face", holder_id, fault=fault, measured=measured, checks=case.liveness)


def _measured(match: Match | NoMatch | Uncertain, sighting: Sighting) -> Mapping[str, Any]:
    return {
        "similarity": _rounded(match.similarity),
        "threshold": round(match.threshold, 4),
        "margin": None if isinstance(match, NoMatch) else _rounded(match.margin),
        "false_positive_rate": match.false_positive_rate,
        "searched": match.searched,
        "basis": match.basis,
        "pack": sighting.evidences[0].pack,
    }


def _rounded(similarity: float | None) -> float | None:
    return None if similarity is None else round(similarity, 4)
