"""Keeps a process's gallery at the database's version, so that who withdrew never matches again.

`catch_up` is what correctness rests on: one small query before each search. The listener only makes it prompt.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from operator import attrgetter
from time import monotonic
from typing import Protocol, TypeVar
from uuid import UUID

import numpy as np
import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.database import Database
from facepay.kernel.hub import Hub
from facepay.templates.gallery import Gallery, Ranking, Reference
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
# Searching so many takes some tenths of a millisecond, little longer than a thread takes to wake.
SEARCHED_ON_THE_LOOP_MAX = 5_000

TURN_SECONDS = 0.1
TOLD_EVERY_SECONDS = 10

Progress = Callable[[int, int], None]  # templates loaded, templates in all
Found = TypeVar("Found")


class ChangesAfter(Protocol):
    def __call__(self, session: AsyncSession, *, version: int, pack: str) -> AsyncGenerator[Sequence[Change]]:
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
        self._applying = asyncio.Lock()

    async def search(self, embedding: Floats, *, among: Collection[UUID] | None = None, top: int = 2) -> Ranking:
        """The gallery's search, off the event loop where it would hold that up."""
        return await self._ask(among, lambda: self.gallery.search(embedding, among=among, top=top))

    async def references(self, member_ids: Collection[UUID]) -> Mapping[UUID, Reference]:
        """The gallery's, likewise."""
        return await self._ask(member_ids, lambda: self.gallery.references(member_ids))

    async def _ask(self, among: Collection[UUID] | None, look: Callable[[], Found]) -> Found:
        searched = self.gallery.size if among is None else len(among)
        if self.gallery.is_here and searched <= SEARCHED_ON_THE_LOOP_MAX:
            return look()
        return await asyncio.to_thread(look)

    async def load(self, database: Database, *, progress: Progress | None = None) -> None:
        """Fill the gallery at start; where several share it, one does and the others wait. Raises GalleryLocked."""
        while True:
            with self.gallery.turn() as ours:
                if ours:
                    return await self.follow(database, progress=progress)
            await asyncio.sleep(TURN_SECONDS)

    async def catch_up(self, session: AsyncSession, *, progress: Progress | None = None) -> None:
        """Apply what was committed since; one indexed row to read where nothing was. Raises GalleryLocked."""
        newest = await newest_version(session, gallery=self.kept.gallery)
        if newest > self.gallery.version:
            async with self._applying:
                if newest > self.gallery.version:  # unless somebody has while we waited
                    await self._apply_changes(session, newest, progress)

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

    async def follow(self, database: Database, *, progress: Progress | None = None) -> None:
        """`catch_up` in a transaction of its own."""
        async with database.begin() as session:
            await self.catch_up(session, progress=progress)

    async def _apply_changes(self, session: AsyncSession, newest: int, progress: Progress | None) -> None:
        """Version by version, so that what was done stays done: a version that is applied is never applied again.

        Another worker may have been faster, and then the rest isn't read. A change of nobody's templates counts a
        version too, so the newest is what was read, before the changes were.
        """
        loaded, total = 0, await count_templates(session, pack=self.pack) if progress else 0
        changes = self.kept.changes_after(session, version=self.gallery.version, pack=self.pack)
        async with aclosing(changes), aclosing(_whole_versions(changes)) as portions:
            async for portion in portions:
                await asyncio.to_thread(self._apply, portion)
                loaded += sum(change.sealed is not None for change in portion)
                if progress:
                    progress(loaded, total)
                if self.gallery.version >= newest:
                    break
        if self.gallery.version < newest:
            await asyncio.to_thread(self.gallery.replace, {}, version=newest)

    def _apply(self, changes: Sequence[Change]) -> None:
        version = changes[-1].version
        if version <= self.gallery.version:
            return
        templates_of: dict[UUID, list[Floats]] = {change.owner_id: [] for change in changes}
        for change in changes:
            if change.sealed is not None:
                templates_of[change.owner_id].extend(unsealed(change, self.protection))
        self.gallery.replace(templates_of, version=version)


async def _whole_versions(portions: AsyncIterator[Sequence[Change]]) -> AsyncGenerator[Sequence[Change]]:
    """The same changes, cut between two versions only: whoever changed at the last one may have more to come."""
    last: list[Change] = []
    async for portion in portions:
        changes = [*last, *portion]
        cut = bisect_left(changes, changes[-1].version, key=attrgetter("version"))
        if cut:
            yield changes[:cut]
        last = changes[cut:]
    if last:
        yield last


def progress_in_log() -> Progress:
    """A line every ten seconds: a million templates take a minute or two."""
    told_at = monotonic()

    def tell(loaded: int, total: int) -> None:
        nonlocal told_at
        if monotonic() - told_at >= TOLD_EVERY_SECONDS:
            told_at = monotonic()
            log.info("gallery_loading", templates=loaded, of=total)

    return tell


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
