"""One to one: is whoever shows their face this member? Nobody else is compared, so nobody else can be recognised.

Or one of the few who are expected here now, which is no more than asking it of each of them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select

from facepay.calibration.calibration import Calibration
from facepay.identity.lookalikes import has_lookalikes
from facepay.identity.policy import Ambiguous, Match, NoMatch, Uncertain, decide, policy_for
from facepay.identity.sighting import Unusable, subject_of
from facepay.identity.watches import is_watched
from facepay.members.consents import Consent, in_force
from facepay.settings import Settings
from facepay.templates.keeper import GalleryKeeper
from facepay.templates.templates import Template
from facepay.vision.evidence import FrameEvidence

Verification = Match | Uncertain | NoMatch | Unusable


async def verify_member(
    evidences: Sequence[FrameEvidence],
    *,
    member_id: UUID,
    keeper: GalleryKeeper,
    calibration: Calibration,
    settings: Settings,
) -> Verification:
    """Whether the nearest face of these frames, all of one person, is this member's: only a Match says so.

    At most `verify_fmr_target` of strangers pass, however many templates the member has. A face that isn't theirs is
    none however poor the frames are, or guessing with poor ones would never end. The gallery has to be up to date, and
    consent be asked for again in the transaction that acts on it. No model runs.
    """
    verdict = await verify_among(
        evidences, member_ids=(member_id,), keeper=keeper, calibration=calibration, settings=settings
    )
    assert not isinstance(verdict, Ambiguous), "there is nobody to mix them up with"
    return verdict


async def verify_among(
    evidences: Sequence[FrameEvidence],
    *,
    member_ids: Collection[UUID],
    keeper: GalleryKeeper,
    calibration: Calibration,
    settings: Settings,
) -> Verification | Ambiguous:
    """The same of several, however many: of strangers, no more pass as any of them. NoMatch where there are none."""
    subject = subject_of(evidences, calibration)
    if isinstance(subject, Unusable):
        return subject
    compared = await keeper.search(subject.embedding, among=tuple(member_ids), top=2)
    return decide(compared, policy_for("verify", settings), calibration)


def face_alone_suffices(member_id: UUID, *, pack: str, now: datetime) -> ColumnElement[bool]:
    """As a column of another query: consent in force, templates of the pack that sees now, and neither on a watch nor
    too much like somebody else.
    """
    consent = select(Consent.id).where(Consent.member_id == member_id, in_force(now)).exists()
    template = select(Template.id).where(Template.member_id == member_id, Template.pack == pack).exists()
    return consent & template & ~is_watched(member_id) & ~has_lookalikes(member_id)
