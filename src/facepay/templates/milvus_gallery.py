"""The gallery on Milvus: a cluster for more members than one machine holds, or a file of Milvus Lite to try it.

Only rotated references leave this process, each under its owner's id, in a collection for one model pack and one key.

Milvus has no transactions, and workers write at once. So a row is never changed: it says what somebody's reference
was at a version, and of an owner's rows the newest counts; where it has no vector, the owner is gone. Whatever order
writes arrive in, all end at the same gallery, and what comes late brings nobody back: a search asks for the newest
rows of those it found. Rows that no longer count are deleted by whoever wrote last. The version itself is counted up
after all of that; where it isn't, because a writer was killed, the next one does the same again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from threading import Lock
from time import time
from typing import Any, Self, TypeVar
from uuid import UUID

import numpy as np
import structlog

from facepay.kernel.errors import Problem
from facepay.templates.gallery import Candidate, Floats, Ranking, Reference, references_of

log = structlog.get_logger()
ADDRESS = re.compile(r"milvus(?P<tls>s?)://(?P<place>[^?#@\s]+)")
PORT = 19530
PORTION = 1000  # owners in one request
SPARE = 8  # hits asked for beside those that are wanted: rows that no longer count are few
WRITE_SECONDS = 30.0
# A row that says somebody is gone is kept as long as an older write of theirs may still be on its way.
LATE_SECONDS = 3600
PROGRESS = "progress"
_Value = TypeVar("_Value")


class GalleryUnavailable(Problem):
    """The gallery is on Milvus and doesn't answer: nobody can be recognised, and nothing has been done."""

    status = 503
    code = "gallery_unavailable"
    title = "Gallery is away"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"Retry-After": "2"})


@dataclass(frozen=True, slots=True)
class MilvusAddress:
    """What pymilvus takes: a URL, or the path of a Milvus Lite file."""

    uri: str

    @classmethod
    def parse(cls, address: str) -> Self:
        """`milvus://host:port`, `milvuss://host:port` for TLS, or `milvus://file.db`. Raises ValueError for others."""
        found = ADDRESS.fullmatch(address)
        if found is None:
            raise ValueError("a gallery's address is milvus://host:port, milvuss://host:port or milvus://path/file.db")
        place = found["place"]
        if place.endswith(".db"):
            return cls(str(Path(place).absolute()))
        host = place.rstrip("/")
        port = "" if re.search(r":[0-9]{1,5}$", host) else f":{PORT}"
        return cls(f"{'https' if found['tls'] else 'http'}://{host}{port}")


def collection_of(pack: str, key_id: str) -> str:
    """References of two packs don't compare, nor do those that two keys rotated."""
    return re.sub(r"\W", "_", f"facepay_{pack}_{key_id}", flags=re.ASCII)


@dataclass(frozen=True, slots=True)
class _Row:
    key: str
    owner: str
    version: int
    templates: int


class MilvusGallery:
    """A `Gallery`. Whatever asks Milvus raises GalleryUnavailable where it doesn't answer in time.

    `version` and `size` are those that this process knows of: both are read anew whenever the database is ahead.
    """

    on_the_loop_max = -1  # a search waits for another machine, however few there are

    def __init__(
        self,
        address: MilvusAddress,
        rotate: Callable[[Floats], Floats],
        *,
        collection: str,
        dimensions: int,
        token: str = "",
        timeout_seconds: float = 2.0,
    ) -> None:
        self._address = address
        self._rotate = rotate
        self._collection = collection
        self._dimensions = dimensions
        self._token = token
        self._timeout_seconds = timeout_seconds
        self._client: Any = None
        self._opening, self._writing = Lock(), Lock()
        self._version = self._size = 0

    @property
    def size(self) -> int:
        return self._size

    @property
    def version(self) -> int:
        return self._version

    def open(self) -> None:
        """Make the collection where there is none, and see how far it is."""
        with self._writing:
            self._read_progress()

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
            if self._address.uri.endswith(".db"):
                from milvus_lite.server_manager import server_manager_instance

                server_manager_instance.release_server(self._address.uri)

    def search(self, embedding: Floats, *, among: Collection[UUID] | None = None, top: int = 2) -> Ranking:
        probe = self._rotate(embedding)
        if among is None:
            return Ranking(tuple(self._most_alike(probe, top)), self._size) if self._size else Ranking((), 0)
        rows = [row for row in self._newest(among).values() if row.templates]
        if not rows:
            return Ranking((), 0)
        return Ranking(tuple(self._most_alike_of(rows, probe, top)), sum(row.templates for row in rows))

    def references(self, member_ids: Collection[UUID]) -> dict[UUID, Reference]:
        there = {row.key: row for row in self._newest(member_ids).values() if row.templates}
        found: dict[UUID, Reference] = {}
        for keys in _portions(there):
            for answer in self._query(_among("key", keys), "key", "reference"):
                row = there[answer["key"]]
                found[UUID(row.owner)] = Reference(np.array(answer["reference"], np.float32), row.templates)
        return found

    def replace(self, templates_of: Mapping[UUID, Sequence[Floats]], *, version: int) -> None:
        with self._writing:
            self._read_progress()
            if version <= self._version:
                return
            for owners in _portions(templates_of):
                self._write({owner: templates_of[owner] for owner in owners}, version)
            if not all(templates_of.values()):
                self._delete(f"gone_at > 0 and gone_at < {int(time()) - LATE_SECONDS}")
            self._size = self._counted()
            self._upsert([self._row(PROGRESS, "", version, total=self._size)])
            self._version = version

    def _write(self, templates_of: Mapping[UUID, Sequence[Floats]], version: int) -> None:
        """Who is gone comes first, and from then on counts as gone."""
        gone = [owner for owner, templates in templates_of.items() if not templates]
        there = {owner: templates for owner, templates in templates_of.items() if templates}
        if gone:
            self._upsert(
                [self._row(f"{owner.hex}:{version}", owner.hex, version, gone_at=int(time())) for owner in gone]
            )
        if there:
            references = references_of(list(there.values()))
            self._upsert(
                [
                    self._row(
                        f"{owner.hex}:{version}", owner.hex, version, templates=len(templates), reference=reference
                    )
                    for (owner, templates), reference in zip(there.items(), references, strict=True)
                ]
            )
        self._delete_older_rows(templates_of)

    def _delete_older_rows(self, owners: Iterable[UUID]) -> None:
        """Also this process's own, where somebody with later news was faster."""
        rows = self._rows_of(owners)
        newest = _newest_of(rows)
        if older := [row.key for row in rows if row.key != newest[row.owner].key]:
            with self._asking() as client:
                client.delete(self._collection, ids=older, timeout=WRITE_SECONDS)

    def _most_alike(self, probe: Floats, top: int) -> list[Candidate]:
        limit = top + SPARE
        while True:
            hits = self._hits(probe, "templates > 0", limit)
            newest = self._newest({UUID(row.owner) for row, _ in hits})
            counting = [
                Candidate(UUID(row.owner), cosine) for row, cosine in hits if newest.get(UUID(row.owner)) == row
            ]
            if len(counting) >= top or len(hits) < limit:
                return counting[:top]
            limit *= 4

    def _most_alike_of(self, rows: Sequence[_Row], probe: Floats, top: int) -> list[Candidate]:
        wanted = min(top, len(rows))
        hits = self._hits(probe, _among("key", [row.key for row in rows]), wanted)
        if len(hits) < wanted:
            raise GalleryUnavailable("Somebody's template changed during the search.")
        return [Candidate(UUID(row.owner), cosine) for row, cosine in hits]

    def _hits(self, probe: Floats, condition: str, limit: int) -> list[tuple[_Row, float]]:
        with self._asking() as client:
            found = client.search(
                self._collection,
                data=[probe],
                filter=condition,
                limit=limit,
                output_fields=["key", "owner", "version", "templates"],
                consistency_level="Strong",
                timeout=self._timeout_seconds,
            )
        return [(_Row(**hit["entity"]), float(hit["distance"])) for hit in found[0]]

    def _newest(self, owners: Collection[UUID]) -> dict[UUID, _Row]:
        return {UUID(owner): row for owner, row in _newest_of(self._rows_of(owners)).items()}

    def _rows_of(self, owners: Iterable[UUID]) -> list[_Row]:
        """All that there are, whether they count or not."""
        fields = ("key", "owner", "version", "templates")
        return [
            _Row(*(answer[name] for name in fields))
            for portion in _portions(owners)
            for answer in self._query(_among("owner", [owner.hex for owner in portion]), *fields)
        ]

    def _counted(self) -> int:
        """Templates: of as many owners as have one, two, three of them at least."""
        total = 0
        for templates in count(1):
            owners = int(self._query(f"templates >= {templates}", "count(*)")[0]["count(*)"])
            if not owners:
                return total
            total += owners
        raise AssertionError

    def _read_progress(self) -> None:
        """What other processes have done since. A version is never counted back here, though its row may be, by
        somebody who was slow: at worst the same is done again.
        """
        for answer in self._query(_among("key", [PROGRESS]), "version", "total"):
            if answer["version"] >= self._version:
                self._version, self._size = answer["version"], answer["total"]

    def _row(
        self,
        key: str,
        owner: str,
        version: int,
        *,
        templates: int = 0,
        total: int = 0,
        gone_at: int = 0,
        reference: Floats | None = None,
    ) -> dict[str, Any]:
        """Without a reference it is as alike to everybody: a zero vector."""
        return {
            "key": key,
            "owner": owner,
            "version": version,
            "templates": templates,
            "total": total,
            "gone_at": gone_at,
            "reference": np.zeros(self._dimensions, np.float32) if reference is None else np.float32(reference),
        }

    def _query(self, condition: str, *fields: str) -> list[dict[str, Any]]:
        with self._asking() as client:
            return list(
                client.query(
                    self._collection,
                    filter=condition,
                    output_fields=list(fields),
                    consistency_level="Strong",
                    timeout=self._timeout_seconds,
                )
            )

    def _upsert(self, rows: list[dict[str, Any]]) -> None:
        with self._asking() as client:
            client.upsert(self._collection, rows, timeout=WRITE_SECONDS)

    def _delete(self, condition: str) -> None:
        with self._asking() as client:
            client.delete(self._collection, filter=condition, timeout=WRITE_SECONDS)

    @contextmanager
    def _asking(self) -> Iterator[Any]:
        from grpc import RpcError
        from pymilvus import MilvusException

        try:
            yield self._opened()
        except (MilvusException, RpcError) as error:
            log.warning("gallery_unavailable", error=type(error).__name__)
            raise GalleryUnavailable("The gallery doesn't answer.") from error

    def _opened(self) -> Any:
        with self._opening:
            if self._client is None:
                client = _connected(self._address.uri, self._token, self._timeout_seconds)
                _make_collection(client, self._collection, self._dimensions)
                self._client = client
            return self._client


def _connected(uri: str, token: str, timeout_seconds: float) -> Any:
    from pymilvus import MilvusClient

    return MilvusClient(uri, token=token, timeout=timeout_seconds, dedicated=True)


def _make_collection(client: Any, name: str, dimensions: int) -> None:
    """Where there is none. Searched exactly: graphs and cells lose faces (docs/performance.md)."""
    from pymilvus import DataType, MilvusException

    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("key", DataType.VARCHAR, is_primary=True, max_length=64)
    schema.add_field("owner", DataType.VARCHAR, max_length=32)
    schema.add_field("version", DataType.INT64)
    schema.add_field("templates", DataType.INT16)
    schema.add_field("total", DataType.INT64)
    schema.add_field("gone_at", DataType.INT64)
    schema.add_field("reference", DataType.FLOAT_VECTOR, dim=dimensions)
    indexes = client.prepare_index_params()
    indexes.add_index("reference", index_type="FLAT", metric_type="IP")
    for field in ("owner", "templates", "gone_at"):
        indexes.add_index(field, index_type="INVERTED")
    if not client.has_collection(name, timeout=WRITE_SECONDS):
        try:
            client.create_collection(
                name, schema=schema, index_params=indexes, consistency_level="Strong", timeout=WRITE_SECONDS
            )
        except MilvusException:  # another worker was faster, or it failed
            if not client.has_collection(name, timeout=WRITE_SECONDS):
                raise
    client.load_collection(name, timeout=WRITE_SECONDS)


def _newest_of(rows: Iterable[_Row]) -> dict[str, _Row]:
    newest: dict[str, _Row] = {}
    for row in rows:
        if row.owner not in newest or newest[row.owner].version < row.version:
            newest[row.owner] = row
    return newest


def _among(field: str, values: Iterable[str]) -> str:
    quoted = ", ".join(f'"{value}"' for value in values)
    return f"{field} in [{quoted}]"


def _portions(values: Iterable[_Value]) -> Iterator[list[_Value]]:
    remaining = iter(values)
    while portion := list(islice(remaining, PORTION)):
        yield portion
