"""Looking out for banned people, before any transaction: in a gallery of their own, under a policy of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select

from facepay.calibration.calibration import Calibration
from facepay.identity.capture import Capture
from facepay.identity.policy import STATED_RATE_MIN, Match, decide, policy_for
from facepay.identity.recognition import EVIDENCE_JPEG_QUALITY, EVIDENCE_SIDE_PX_MAX
from facepay.identity.sighting import Resemblance, Sighting, Unusable, subject_of
from facepay.kernel.auth import Principal
from facepay.kernel.clock import Clock
from facepay.kernel.database import Database
from facepay.settings import Settings
from facepay.templates.gallery import Candidate
from facepay.templates.keeper import GalleryKeeper
from facepay.templates.templates import newest_of
from facepay.vision.evidence import FaceEvidence, Floats
from facepay.vision.frames import FrameLimits
from facepay.vision.portraits import portrait
from facepay.watchlist.bans import Ban, applies_in, in_force
from facepay.watchlist.gallery import GALLERY


@dataclass(frozen=True, slots=True)
class Likeness:
    """Two galleries: `banned`, and `members`, in which a face may be known better."""

    banned: GalleryKeeper
    members: GalleryKeeper
    settings: Settings

    async def of(self, face: Floats, bans: Collection[UUID], calibration: Calibration) -> Match | None:
        """The most alike of these bans, where this (dim,) face is alike enough and no member's."""
        ranking = await self.banned.search(face, among=bans, top=1)
        decision = decide(ranking, policy_for("watchlist", self.settings), calibration)
        if not isinstance(decision, Match) or await self._is_known_better(face, decision, calibration):
            return None
        return decision

    async def _is_known_better(self, face: Floats, match: Match, calibration: Calibration) -> bool:
        """Whether it is a member who merely looks like the banned person: nearer to their own template by the margin.
        Not where the two templates are one person's, or enrolling would be a way round a ban.
        """
        member = (await self.members.search(face, top=1)).best
        if member is None or member.similarity < match.similarity + self.settings.match_margin_min:
            return False
        return await self._between(member, match.member_id) < calibration.similarity_at(STATED_RATE_MIN)

    async def _between(self, member: Candidate, ban_id: UUID) -> float:
        """How alike the two are, outside of either's rotation; as alike as can be, where one is gone meanwhile."""
        enrolled = (await self.members.references([member.member_id])).get(member.member_id)
        banned = (await self.banned.references([ban_id])).get(ban_id)
        if enrolled is None or banned is None:
            return 1.0
        plain = self.members.protection.rotate_back(enrolled.vector)
        return float(plain @ self.banned.protection.rotate_back(banned.vector))


@dataclass(frozen=True, slots=True)
class Lookout:
    database: Database
    likeness: Likeness
    limits: FrameLimits
    clock: Clock

    async def __call__(self, capture: Capture, sighting: Sighting, device: Principal) -> Resemblance | None:
        """The nearest face, or one that stands about as near, that looks most like somebody banned in this store.

        A face that a device has kept to itself can't be looked for. Raises GalleryLocked.
        """
        if sighting.signed is not None and sighting.signed.comparison is not None:
            return None
        subject = subject_of(sighting.evidences, sighting.calibration)
        bans = () if isinstance(subject, Unusable) else await self._bans_in(device.store)
        if isinstance(subject, Unusable) or not bans:
            return None
        found = [
            (match, face)
            for face in (subject.embedding, *subject.rivals)
            if (match := await self.likeness.of(face, bans, sighting.calibration))
        ]
        if not found:
            return None
        match, face = max(found, key=lambda each: each[0].similarity)
        jpeg = await asyncio.to_thread(self._picture, capture, sighting, face) if capture.frames else None
        return Resemblance(match, face, jpeg, self.likeness.banned.protection)

    async def _bans_in(self, store_id: UUID) -> Collection[UUID]:
        """Those in force, once the gallery is up to date."""
        bans = select(newest_of(GALLERY), func.array_agg(Ban.id)).where(in_force(self.clock()), applies_in(store_id))
        async with self.database.read() as session:
            newest, found = (await session.execute(bans)).one()
        if newest > self.likeness.banned.gallery.version:
            await self.likeness.banned.follow(self.database)
        return found or ()

    def _picture(self, capture: Capture, sighting: Sighting, face: Floats) -> bytes:
        """The frame's part that shows this face, with the others painted over."""
        number, shown = _view_of(sighting, face)
        others = [each for each in sighting.evidences[number].faces if each is not shown]
        return portrait(
            capture.frames[number],
            [shown, *others],
            limits=self.limits,
            side_px_max=EVIDENCE_SIDE_PX_MAX,
            jpeg_quality=EVIDENCE_JPEG_QUALITY,
        )


def _view_of(sighting: Sighting, face: Floats) -> tuple[int, FaceEvidence]:
    """The number of a frame, and the face in it that is this one."""
    views = [
        (float(each.embedding @ face), number, each)
        for number, evidence in enumerate(sighting.evidences)
        for each in evidence.faces
        if each.embedding is not None
    ]
    _, number, shown = max(views, key=lambda view: view[0])
    return number, shown
