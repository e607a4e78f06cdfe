"""A new master key renews every template, without a new photo (ISO/IEC 24745)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.templates.protection import Protection
from facepay.templates.templates import PORTION, Template, TemplateKey, next_version

Progress = Callable[[int, int], None]  # members renewed, members in all


async def renew(session: AsyncSession, *, old: Protection, new: Protection, progress: Progress | None = None) -> int:
    """Rotate and seal all templates afresh under the new master key; returns how many.

    One transaction, all or nothing; enrolments wait for it. Processes that still have the old key refuse
    everybody (GalleryLocked) from the commit on, until they are started with the new one. Raises
    TemplateUnreadable, naming the template, where one was tampered with: withdraw that face first.
    """
    version = await next_version(session)
    members = await session.scalar(
        select(func.count()).select_from(TemplateKey).where(TemplateKey.wrapped_key.is_not(None))
    )
    done, templates, last = 0, 0, UUID(int=0)
    while keys := await _keys_after(session, last):
        templates += await _renew_portion(session, keys, version, old, new)
        done, last = done + len(keys), keys[-1].member_id
        session.expunge_all()
        if progress:
            progress(done, members or 0)
    return templates


async def _keys_after(session: AsyncSession, member_id: UUID) -> Sequence[TemplateKey]:
    found = await session.scalars(
        select(TemplateKey)
        .where(TemplateKey.wrapped_key.is_not(None), TemplateKey.member_id > member_id)
        .order_by(TemplateKey.member_id)
        .limit(PORTION)
    )
    return found.all()


async def _renew_portion(
    session: AsyncSession, keys: Sequence[TemplateKey], version: int, old: Protection, new: Protection
) -> int:
    old_keys = {key.member_id: key.wrapped_key or b"" for key in keys}
    new_keys = {member_id: new.new_member_key(member_id) for member_id in old_keys}
    for key in keys:
        key.wrapped_key, key.gallery_version = new_keys[key.member_id], version
    templates = (await session.scalars(select(Template).where(Template.member_id.in_(old_keys)))).all()
    for template in templates:
        owner, place = template.member_id, template.id
        plain = old.unseal_template(template.sealed, wrapped_key=old_keys[owner], member_id=owner, template_id=place)
        template.sealed = new.seal_template(
            new.rotate(old.rotate_back(plain)), wrapped_key=new_keys[owner], member_id=owner, template_id=place
        )
        template.key_id = new.key_id
    await session.flush()
    return len(templates)
