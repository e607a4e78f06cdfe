"""Keeps a process's gallery at the database's version, so that who withdrew never matches again.

`catch_up` is what correctness rests on: one small query before each search. The listener only makes it prompt.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import numpy as np
import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.database import Database
from facepay.kernel.hub import Hub
from facepay.templates.gallery import Gallery, Ranking
from facepay.templates.protection import Floats, Protection, TemplateUnreadable
from facepay.templates.templates import (
    MEMBERS_GALLERY,
    TOPIC,
    Change,
    changes_after,
    count_templates,
    newest_version,
)

log = structlog.get_logger()
RETRY_SECONDS = 1.0
# Searching so many takes a tenth of a millisecond, no longer than a thread takes to wake; 20,000 took ten.
SEARCHED_ON_THE_LOOP_MAX = 5_000

Progress = Callable[[int, int], None]  # templates loaded, templates in all


class ChangesAfter(Protocol):
    def __call__(self, session: AsyncSession, *, version: int, pack: str) -> AsyncIterator[Sequence[Change]]:
        """What changed after `version` and is so now, oldest first and whole owners at once."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a keeper follows: the number of the gallery's version, what wakes its listeners, and its changes."""

    gallery: int
    topic: str
    changes_after: ChangesAfter


MEMBERS = Kept(MEMBERS_GALLERY, TOPIC, changes_after)


class GalleryKeeper:
    """Brings a gallery up to date with the templates of one pack."""

    def __init__(self, *, gallery: Gallery, protection: Protection, pack: str, kept: Kept = MEMBERS) -> None:
        self.gallery = gallery
        self.protection = protection
        self.pack = pack
        self.kept = kept

    async def search(self, embedding: Floats, *, top: int = 2) -> Ranking:
        """The gallery's search over everybody, off the event loop where it would hold that up."""
        if self.gallery.size <= SEARCHED_ON_THE_LOOP_MAX:
            return self.gallery.search(embedding, top=top)
        return await asyncio.to_thread(self.gallery.search, embedding, top=top)

    async def load(self, database: Database, *, progress: Progress | None = None) -> None:
        """Fill the gallery at start. Raises GalleryLocked."""
        async with database.begin() as session:
            total = await count_templates(session, pack=self.pack) if progress else 0
            await self._apply_changes(session, progress, total)

    async def is_behind(self, session: AsyncSession) -> bool:
        """Whether templates have changed since; one indexed row to read."""
        return await newest_version(session, gallery=self.kept.gallery) > self.gallery.version

    async def catch_up(self, session: AsyncSession) -> None:
        """Apply what was committed since; one indexed row to read where nothing was. Raises GalleryLocked."""
        if await self.is_behind(session):
            await self._apply_changes(session)

    async def listen(self, database: Database, hub: Hub) -> None:
        """Catch up whenever some process changes a template, until cancelled."""
        async with hub.subscribe(self.kept.topic) as changes:
            while True:
                try:
                    await self.follow(database)
                except Exception as error:
                    # Decisions catch up for themselves, so the listener has nothing better to do than to try again.
                    log.warning("gallery_not_followed", error=type(error).__name__)
                    await asyncio.sleep(RETRY_SECONDS)
                else:
                    await changes.wait()

    async def follow(self, database: Database) -> None:
        """`catch_up` in a transaction of its own."""
        async with database.begin() as session:
            await self.catch_up(session)

    async def _apply_changes(self, session: AsyncSession, progress: Progress | None = None, total: int = 0) -> None:
        """Whole members at once: a version that is applied is never applied again.

        Off the event loop, since unsealing a thousand templates takes 90 ms. A change of nobody's templates counts
        a version too, so the newest is read, and read first.
        """
        version, newest = self.gallery.version, await newest_version(session, gallery=self.kept.gallery)
        templates_of: dict[UUID, list[Floats]] = {}
        loaded = 0
        async for changes in self.kept.changes_after(session, version=version, pack=self.pack):
            loaded += await asyncio.to_thread(self._unseal_into, templates_of, changes)
            newest = max(newest, changes[-1].version)
            if progress:
                progress(loaded, total)
        await asyncio.to_thread(self.gallery.replace, templates_of, version=newest)

    def _unseal_into(self, templates_of: dict[UUID, list[Floats]], changes: Sequence[Change]) -> int:
        """Add what these changes say of their members; returns how many templates they hold."""
        for change in changes:
            templates = templates_of.setdefault(change.owner_id, [])
            if change.sealed is not None:
                templates.extend(unsealed(change, self.protection))
        return sum(change.sealed is not None for change in changes)


def unsealed(change: Change, protection: Protection) -> list[Floats]:
    """The template under the master key in force, as long as it counts; or nothing, and a line in the log, where
    it was tampered with. Raises GalleryLocked.
    """
    assert change.sealed is not None
    assert change.template_id is not None
    assert change.wrapped_key is not None
    assert change.key_id is not None
    theirs = protection.under(change.key_id)
    try:
        template = theirs.unseal_template(
            change.sealed,
            wrapped_key=change.wrapped_key,
            owner_id=change.owner_id,
            template_id=change.template_id,
        )
    except TemplateUnreadable:
        log.error("template_unreadable", template_id=str(change.template_id))
        return []
    return [protection.rotate_from(theirs, template) * np.float32(change.weight or 1)]
