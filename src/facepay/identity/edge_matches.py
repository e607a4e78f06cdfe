"""A device that holds its store's gallery sends whom it recognised, signed: neither a frame nor an embedding.

The claims are those of a signed face (edge.py) with the device's comparison in the place of the embedding:

    member_id, similarity                           the most alike, by cosine
    runner_up_member_id, runner_up_similarity       the next, unless there is nobody else
    searched                                        templates behind all that was compared with
    generation, gallery_version                     of the gallery that was compared with

What is sure enough is decided here, by the policy and the calibration that decide on frames.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints, model_validator
from sqlalchemy import BigInteger, ForeignKey, String, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.auth import Principal
from facepay.kernel.database import Base
from facepay.kernel.errors import Forbidden
from facepay.templates.gallery import Candidate, Ranking
from facepay.templates.templates import TemplateKey

# How long a device that is cut off may go on recognising whoever was erased meanwhile.
HELD_FOR = timedelta(hours=1)
# Cosines may be off by so much in float32, and no member is more alike than that.
COSINE_MAX = 1 + 1e-3

Cosine = Annotated[float, Field(ge=-COSINE_MAX, le=COSINE_MAX, allow_inf_nan=False)]
# Whether a device's gallery may hold all of these members: known to the stores, which know who is inside.
MayHold = Callable[[AsyncSession, Principal, frozenset[UUID]], Awaitable[bool]]


class EdgeMatchingNotAllowed(Forbidden):
    """The device may not say itself who somebody is."""

    code = "edge_matching_not_allowed"
    title = "Not allowed to recognise"


class GallerySync(Base):
    """What a device was given of the gallery on one day, and how far its copy goes. It says nothing of any member.

    `references_sent` counts members, each as often as they were sent.
    """

    __tablename__ = "gallery_sync"

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    generation: Mapped[str] = mapped_column(String(32))
    version: Mapped[int] = mapped_column(BigInteger)
    references_sent: Mapped[int] = mapped_column(BigInteger)
    synced_at: Mapped[datetime]


class Comparison(BaseModel):
    """Whom a device found most alike, and in which gallery."""

    member_id: UUID
    similarity: Cosine
    runner_up_member_id: UUID | None = None
    runner_up_similarity: Cosine | None = None
    searched: Annotated[int, Field(ge=1, le=10**9)]
    generation: Annotated[str, StringConstraints(max_length=32)]
    gallery_version: Annotated[int, Field(ge=1, le=2**62)]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if (self.runner_up_member_id is None) != (self.runner_up_similarity is None):
            raise ValueError("a runner-up is a member and a similarity")
        if self.runner_up_similarity is not None and self.runner_up_similarity > self.similarity:
            raise ValueError("the runner-up is more alike")
        if self.runner_up_member_id == self.member_id:
            raise ValueError("the runner-up is another member")
        return self

    @property
    def member_ids(self) -> frozenset[UUID]:
        return frozenset({self.member_id, self.runner_up_member_id or self.member_id})

    @property
    def ranking(self) -> Ranking:
        candidates = [Candidate(self.member_id, self.similarity)]
        if self.runner_up_member_id is not None and self.runner_up_similarity is not None:
            candidates.append(Candidate(self.runner_up_member_id, self.runner_up_similarity))
        return Ranking(tuple(candidates), self.searched)


async def is_stale(session: AsyncSession, *, comparison: Comparison, device_id: UUID, now: datetime) -> bool:
    """Whether the gallery that was compared with is another one than the device has now, is too old, or is older
    than a change of the templates of whoever is named. Part of the decision's transaction.
    """
    copy = await session.scalar(
        select(GallerySync).where(GallerySync.device_id == device_id).order_by(GallerySync.synced_at.desc()).limit(1)
    )
    if copy is None or copy.generation != comparison.generation or copy.version < comparison.gallery_version:
        return True
    if now - copy.synced_at > HELD_FOR:
        return True
    changed = await session.scalar(
        select(func.max(TemplateKey.gallery_version)).where(TemplateKey.member_id.in_(comparison.member_ids))
    )
    return changed is None or changed > comparison.gallery_version
