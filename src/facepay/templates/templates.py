"""Templates at rest, each bound to a consent, and the version by which every process's gallery follows them.

A change takes the lock of the single `gallery_version` row until its transaction ends, so that versions are
committed in order, and who has read up to version N has missed nothing below it. A member's `template_key` row
says at which version their templates last changed, also after they are gone.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    BindParameter,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    LargeBinary,
    String,
    bindparam,
    case,
    delete,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified, Prepared
from facepay.kernel.hub import notify
from facepay.kernel.ids import new_id
from facepay.members.consents import Consent
from facepay.templates.protection import Floats, Protection
from facepay.vision.evidence import FaceQuality

TOPIC = "gallery"  # a trigger in the database names it too, and the members' version by its number
MEMBERS_GALLERY = 1
PORTION = 1000
# Of what a template that was enrolled weighs: what was learned may never outweigh a photo.
ADAPTED_WEIGHT = 0.5
Origin = Literal["enrolled", "adapted"]


class Template(Identified, Base):
    """`enrolled` from a photo, or `adapted`: learned since, and dropped without touching those that were enrolled."""

    __tablename__ = "template"
    __table_args__ = (CheckConstraint("origin in ('enrolled', 'adapted')", name="origin_known"),)

    member_id: Mapped[UUID] = mapped_column(ForeignKey("template_key.member_id"), index=True)
    consent_id: Mapped[UUID] = mapped_column(ForeignKey("consent.id"))
    pack: Mapped[str] = mapped_column(String(100))
    origin: Mapped[str] = mapped_column(String(8), server_default="enrolled")
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    quality: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime]


class TemplateKey(Base):
    """A member's sealing key, and null once they are gone: what copies there are of their templates stay sealed.

    `key_id` names the master key that it is wrapped by and that all of the member's templates are rotated under.
    """

    __tablename__ = "template_key"
    __table_args__ = (CheckConstraint("(wrapped_key is null) = (key_id is null)", name="key_named"),)

    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"), primary_key=True)
    wrapped_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    key_id: Mapped[str | None] = mapped_column(String(16), index=True)
    gallery_version: Mapped[int] = mapped_column(BigInteger, index=True)


class EnrolmentPhoto(Identified, Base):
    """A face as it was enrolled, kept where shop and member both said so, for a change of the model pack."""

    __tablename__ = "enrolment_photo"

    member_id: Mapped[UUID] = mapped_column(ForeignKey("template_key.member_id"), index=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]


class DecisionFrame(Identified, Base):
    """What a camera saw of a member who was recognised, kept for a while where the shop keeps evidence.

    `id` is the decision's.
    """

    __tablename__ = "decision_frame"

    member_id: Mapped[UUID] = mapped_column(ForeignKey("template_key.member_id"), index=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime] = mapped_column(index=True)


PICTURES = (EnrolmentPhoto, DecisionFrame)  # whatever is sealed as a photo, under its member's key


class GalleryVersion(Base):
    """One row for each gallery, counting its changes: the members' is the first."""

    __tablename__ = "gallery_version"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(BigInteger)


@dataclass(frozen=True, slots=True, repr=False)
class MemberKey:
    """A member's sealing key as it rests."""

    member_id: UUID
    key_id: str
    wrapped_key: bytes


async def lock_gallery(session: AsyncSession) -> None:
    """Wait for everybody else who changes templates, and make them wait until this transaction ends."""
    unchanged = {"version": GalleryVersion.version}
    await session.execute(
        insert(GalleryVersion)
        .values(id=MEMBERS_GALLERY, version=0)
        .on_conflict_do_update(index_elements=["id"], set_=unchanged)
    )


_COUNT = Prepared(
    insert(GalleryVersion)
    .values(id=bindparam("gallery"), version=1)
    .on_conflict_do_update(index_elements=["id"], set_={"version": GalleryVersion.version + 1})
    .returning(GalleryVersion.version)
)


async def next_version(session: AsyncSession, *, gallery: int = MEMBERS_GALLERY, topic: str = TOPIC) -> int:
    """Count the change, and wake every process that listens once it is committed."""
    [(version,)] = await _COUNT.rows(session, gallery=gallery)
    await notify(session, topic)
    return int(version)


async def replace_templates(
    session: AsyncSession,
    *,
    protection: Protection,
    member_id: UUID,
    consent_id: UUID,
    pack: str,
    faces: Sequence[tuple[Floats, FaceQuality]],
    now: datetime,
) -> list[Template]:
    """Keep these embeddings, rotated and sealed under a new key, instead of all that the member had."""
    key = MemberKey(member_id, protection.key_id, protection.new_key(member_id))
    await _keep_key(session, member_id=member_id, key_id=key.key_id, wrapped_key=key.wrapped_key)
    await _delete_sealed(session, member_id)
    templates = [
        sealed_template(embedding, quality, key=key, protection=protection, consent_id=consent_id, pack=pack, now=now)
        for embedding, quality in faces
    ]
    session.add_all(templates)
    await session.flush()
    return templates


def sealed_template(
    embedding: Floats,
    quality: FaceQuality,
    *,
    key: MemberKey,
    protection: Protection,
    consent_id: UUID,
    pack: str,
    now: datetime,
    origin: Origin = "enrolled",
) -> Template:
    """A row to be added: the embedding rotated and sealed under the member's key. Raises GalleryLocked."""
    theirs, template_id = protection.under(key.key_id), new_id()
    return Template(
        id=template_id,
        member_id=key.member_id,
        consent_id=consent_id,
        pack=pack,
        origin=origin,
        sealed=theirs.seal_template(
            theirs.rotate(embedding), wrapped_key=key.wrapped_key, owner_id=key.member_id, template_id=template_id
        ),
        quality=asdict(quality),
        created_at=now,
    )


async def remove_templates(session: AsyncSession, *, member_id: UUID) -> None:
    """Delete the member's templates and pictures and destroy their key. Nothing happens where there is none.

    The caller holds the member's row lock, as for replace_templates: locks are taken in this order, member,
    gallery, templates.
    """
    if await session.scalar(select(TemplateKey.wrapped_key).where(TemplateKey.member_id == member_id)):
        await _keep_key(session, member_id=member_id, key_id=None, wrapped_key=None)
        await _delete_sealed(session, member_id)


_DELETE_SEALED = Prepared(
    select(literal(1)).add_cte(
        *(delete(table).where(table.member_id == bindparam("member_id")).cte() for table in (Template, *PICTURES))
    )
)


async def _delete_sealed(session: AsyncSession, member_id: UUID) -> None:
    """Everything under the member's key."""
    await _DELETE_SEALED.rows(session, member_id=member_id)


async def _keep_key(session: AsyncSession, *, member_id: UUID, key_id: str | None, wrapped_key: bytes | None) -> None:
    values = {"key_id": key_id, "wrapped_key": wrapped_key, "gallery_version": await next_version(session)}
    await session.execute(
        insert(TemplateKey)
        .values(member_id=member_id, **values)
        .on_conflict_do_update(index_elements=["member_id"], set_=values)
    )


async def templates_of(session: AsyncSession, *, member_id: UUID) -> Sequence[Template]:
    """The member's templates, in the order they were made: of every pack, the adapted ones too."""
    found = await session.scalars(select(Template).where(Template.member_id == member_id).order_by(Template.id))
    return found.all()


async def count_templates(session: AsyncSession, *, pack: str) -> int:
    return await session.scalar(select(func.count()).select_from(Template).where(Template.pack == pack)) or 0


def newest_of(gallery: int | BindParameter[int]) -> ColumnElement[int]:
    """A column of other queries, too: 0 before the first face."""
    return func.coalesce(select(GalleryVersion.version).where(GalleryVersion.id == gallery).scalar_subquery(), 0)


NEWEST_VERSION = newest_of(MEMBERS_GALLERY)


_NEWEST = Prepared(select(newest_of(bindparam("gallery", type_=BigInteger))))


async def newest_version(session: AsyncSession, *, gallery: int = MEMBERS_GALLERY) -> int:
    """The version of the last committed change."""
    [(newest,)] = await _NEWEST.rows(session, gallery=gallery)
    return int(newest)


@dataclass(frozen=True, slots=True, repr=False)
class Change:
    """Somebody's templates changed at `version`: a row for each template, or one without (`sealed` is None)."""

    version: int
    owner_id: UUID
    template_id: UUID | None
    wrapped_key: bytes | None
    key_id: str | None
    sealed: bytes | None
    weight: float | None


async def changes_after(session: AsyncSession, *, version: int, pack: str) -> AsyncGenerator[Sequence[Change]]:
    """What changed after `version` and is so now, oldest first, in portions; one statement, one moment.

    Only templates of `pack` whose member's consent stands count as being there.
    """
    consented = select(Consent.id).where(Consent.member_id == Template.member_id, Consent.withdrawn_at.is_(None))
    query = (
        select(
            TemplateKey.gallery_version,
            TemplateKey.member_id,
            Template.id,
            TemplateKey.wrapped_key,
            TemplateKey.key_id,
            Template.sealed,
            Template.quality["embedding_norm"].as_float()
            * case((Template.origin == "adapted", ADAPTED_WEIGHT), else_=1.0),
        )
        .outerjoin(
            Template, (Template.member_id == TemplateKey.member_id) & (Template.pack == pack) & consented.exists()
        )
        .where(TemplateKey.gallery_version > version)
        .order_by(TemplateKey.gallery_version, TemplateKey.member_id, Template.id)
        .execution_options(yield_per=PORTION)
    )
    result = await session.stream(query)
    try:
        async for rows in result.partitions():
            yield [Change(*row) for row in rows]
    finally:
        await result.close()
