"""The gallery on Milvus: a cluster for more members than one machine holds, or a file of Milvus Lite to try it.

Only rotated references leave this process, each under its owner's id, in a collection for one model pack and one key.

Milvus has no transactions, and workers write at once. So a row is never changed: it says what somebody's reference
was from a version on, and of an owner's rows the newest counts; where it has no reference, the owner is gone. Whatever
order writes arrive in, all end at the same gallery, and what comes late brings nobody back: a search asks for the
newest rows of those it found, and compares those. Rows that no longer count are deleted by whoever writes. The version
is counted up after all of that; where it isn't, because a writer was killed, the next one does the same again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from itertools import count, islice
from threading import Lock
from time import time
from typing import Self, TypeVar
from uuid import UUID

import numpy as np

from facepay.settings import Settings
from facepay.templates.gallery import Candidate, Floats, Ranking, Reference, references_of
from facepay.templates.milvus import GalleryUnavailable, MilvusAddress, MilvusCollection, Row, is_among
from facepay.templates.protection import Protection

PORTION = 1000  # owners in one request
SPARE = 8  # hits asked for beside those that are wanted: rows that no longer count are few
# The row that says somebody is gone stays as long as an older write of theirs may still be on its way.
LATE_SECONDS = 3600
TRIES = 3
PROGRESS = Row("progress", "", 0, 0)
REFERENCE = ("key", "reference")
Hit = tuple[Row, float]  # and its cosine
_Value = TypeVar("_Value")


def collection_of(pack: str, key_id: str) -> str:
    """References of two packs don't compare, nor do those that two keys rotated."""
    return re.sub(r"\W", "_", f"facepay_{pack}_{key_id}", flags=re.ASCII)


class RowsChanged(GalleryUnavailable):
    """Somebody was enrolled anew or erased between two questions of one search, again and again."""


class MilvusGallery:
    """A `Gallery`. Whatever asks Milvus raises GalleryUnavailable where it doesn't answer in time.

    `rotate` is the secret rotation of `Protection`. `version` and `size` are those this process knows of: it looks
    for the newest whenever the database is ahead.
    """

    is_here = False

    def __init__(self, collection: MilvusCollection, rotate: Callable[[Floats], Floats]) -> None:
        self._collection = collection
        self._rotate = rotate
        self._writing = Lock()
        self._version = self._size = 0

    @classmethod
    def of(cls, settings: Settings, protection: Protection, *, pack: str, dimensions: int) -> Self:
        """The shop's, as it is set. Raises MilvusMissing."""
        collection = MilvusCollection(
            MilvusAddress.parse(settings.gallery),
            collection_of(pack, protection.key_id),
            dimensions=dimensions,
            token=settings.gallery_token.get_secret_value() if settings.gallery_token else "",
            timeout_seconds=settings.gallery_timeout_seconds,
        )
        return cls(collection, protection.rotate)

    @property
    def size(self) -> int:
        return self._size

    @property
    def version(self) -> int:
        return self._version

    def open(self) -> None:
        """See how far others are, so that nothing is loaded that is there."""
        with self._writing:
            self._read_progress()

    def close(self) -> None:
        self._collection.close()

    def turn(self) -> AbstractContextManager[bool]:
        """Everybody's: workers may be on different machines."""
        return nullcontext(True)

    def search(self, embedding: Floats, *, among: Collection[UUID] | None = None, top: int = 2) -> Ranking:
        probe = self._rotate(embedding)
        if among is not None:
            return self._settled(lambda: self._ranking_among(among, probe, top))
        if not self._size:
            return Ranking((), 0)
        return Ranking(_candidates(self._settled(lambda: self._most_alike(probe, top))), self._size)

    def references(self, member_ids: Collection[UUID]) -> dict[UUID, Reference]:
        return self._settled(lambda: self._references(member_ids))

    def replace(self, templates_of: Mapping[UUID, Sequence[Floats]], *, version: int) -> None:
        with self._writing:
            self._read_progress()
            if version <= self._version:
                return
            for owners in _portions(templates_of):
                self._write({owner: templates_of[owner] for owner in owners}, version)
            if not all(templates_of.values()):
                self._collection.delete(f"gone_at > 0 and gone_at < {int(time()) - LATE_SECONDS}")
            size = self._counted()
            self._read_progress()  # somebody with later news may have been faster
            if version > self._version:
                self._collection.put([Row(PROGRESS.key, PROGRESS.owner, version, 0)], total=size)
                self._version, self._size = version, size

    def _write(self, templates_of: Mapping[UUID, Sequence[Floats]], version: int) -> None:
        """Who is gone comes first, and is found no more from then on."""
        rows = [Row(f"{owner.hex}:{version}", owner.hex, version, len(each)) for owner, each in templates_of.items()]
        if gone := [row for row in rows if not row.templates]:
            self._collection.put(gone, gone_at=int(time()))
        if there := [row for row in rows if row.templates]:
            self._collection.put(there, references_of([each for each in templates_of.values() if each]))
        self._delete_older([owner.hex for owner in templates_of])

    def _delete_older(self, owners: Iterable[str]) -> None:
        """Also this process's own, where somebody with later news was faster."""
        rows = self._rows_of(owners)
        counting = {row.key for row in _newest_of(rows).values()}
        if older := [row.key for row in rows if row.key not in counting]:
            self._collection.delete(is_among("key", older))

    def _settled(self, look: Callable[[], _Value]) -> _Value:
        """What is asked for in several questions, once nothing changed between them. Raises RowsChanged."""
        for _ in range(TRIES):
            with suppress(RowsChanged):
                return look()
        raise RowsChanged("Templates changed during the search.")

    def _most_alike(self, probe: Floats, top: int) -> list[Hit]:
        """Whose row of those found has been replaced is compared by their newest, and ranks where that is as alike
        as the others: a search that overlaps with an enrolment doesn't lose anybody.
        """
        limit = top + SPARE
        while True:
            hits = self._collection.most_alike(probe, "templates > 0", limit)
            newest = self._there({UUID(row.owner) for row, _ in hits})
            missing = newest.keys() - {row.key for row, _ in hits}
            counting = [hit for hit in hits if hit[0].key in newest]
            counting += self._compared([newest[key] for key in missing], probe)
            if len(hits) < limit:
                return _best(counting, top)
            ranked = [hit for hit in counting if hit[1] >= hits[-1][1]]
            if len(ranked) >= top:
                return _best(ranked, top)
            limit *= 4

    def _ranking_among(self, members: Collection[UUID], probe: Floats, top: int) -> Ranking:
        rows = [*self._there(members).values()]
        return Ranking(_candidates(_best(self._compared(rows, probe), top)), sum(row.templates for row in rows))

    def _references(self, members: Collection[UUID]) -> dict[UUID, Reference]:
        there = self._there(members)
        found = [row for keys in _portions(there) for row in self._collection.select(is_among("key", keys), *REFERENCE)]
        if len(found) < len(there):
            raise RowsChanged("A template changed.")
        return {
            UUID(there[row["key"]].owner): Reference(
                np.array(row["reference"], np.float32), there[row["key"]].templates
            )
            for row in found
        }

    def _compared(self, rows: Sequence[Row], probe: Floats) -> list[Hit]:
        """All of these. Raises RowsChanged where one isn't there any more."""
        hits = [
            hit
            for portion in _portions(rows)
            for hit in self._collection.most_alike(probe, is_among("key", [row.key for row in portion]), len(portion))
        ]
        if len(hits) < len(rows):
            raise RowsChanged("A template changed.")
        return hits

    def _there(self, owners: Iterable[UUID]) -> dict[str, Row]:
        """By key: the rows that count of those who have a reference."""
        return {row.key: row for row in self._newest(owners).values() if row.templates}

    def _newest(self, owners: Iterable[UUID]) -> dict[UUID, Row]:
        """Asks in the same breath how far the collection is. Where it isn't as far as it was, it was dropped or put
        back to an earlier state: then whoever isn't there may well be a member.
        """
        known = self._version
        newest = _newest_of(self._rows_of([PROGRESS.owner, *(owner.hex for owner in owners)]))
        if (progress := newest.pop(PROGRESS.owner, PROGRESS).version) < known:
            self._version = progress
            raise GalleryUnavailable("The gallery on Milvus isn't as far as it was: it is filled anew.")
        return {UUID(owner): row for owner, row in newest.items()}

    def _rows_of(self, owners: Iterable[str]) -> list[Row]:
        """All that there are, whether they count or not."""
        return [
            Row(found["key"], found["owner"], found["version"], found["templates"])
            for portion in _portions(owners)
            for found in self._collection.select(is_among("owner", portion), "key", "owner", "version", "templates")
        ]

    def _counted(self) -> int:
        """Templates: of as many owners as have one at least, two at least, and so on."""
        total = 0
        for templates in count(1):
            owners = int(self._collection.select(f"templates >= {templates}", "count(*)")[0]["count(*)"])
            if not owners:
                break
            total += owners
        return total

    def _read_progress(self) -> None:
        """What other processes have done. The row may be counted back by somebody who was slow, and then the same is
        done again by whoever starts; here it never is.
        """
        for found in self._collection.select(is_among("key", [PROGRESS.key]), "version", "total"):
            if found["version"] >= self._version:
                self._version, self._size = found["version"], found["total"]


def _best(hits: Iterable[Hit], top: int) -> list[Hit]:
    return sorted(hits, key=lambda hit: -hit[1])[:top]


def _candidates(hits: Iterable[Hit]) -> tuple[Candidate, ...]:
    return tuple(Candidate(UUID(row.owner), cosine) for row, cosine in hits)


def _newest_of(rows: Iterable[Row]) -> dict[str, Row]:
    newest: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: row.version):
        newest[row.owner] = row
    return newest


def _portions(values: Iterable[_Value]) -> Iterator[list[_Value]]:
    remaining = iter(values)
    while portion := list(islice(remaining, PORTION)):
        yield portion
