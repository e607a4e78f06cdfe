"""A collection of Milvus, as the gallery on Milvus uses it: rows written and deleted, found by likeness and by field.

pymilvus is an extra (`facepay[milvus]`), and slow to import: only what asks Milvus does.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any, Self

import numpy as np
import structlog

from facepay.kernel.errors import Problem
from facepay.templates.protection import Floats

log = structlog.get_logger()
ADDRESS = re.compile(r"milvus(?P<tls>s?)://(?P<place>[^?#@\s]+)")
PORT = 19530
LITE_SUFFIX = ".db"
WRITE_SECONDS = 30.0
# Reads see whatever was written before they began, by whomever: who is erased is found no more.
CONSISTENCY = "Strong"


class GalleryUnavailable(Problem):
    """The gallery is on Milvus and doesn't answer: nobody can be recognised, and nothing has been done."""

    status = 503
    code = "gallery_unavailable"
    title = "Gallery is away"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"Retry-After": "2"})


class MilvusMissing(Exception):
    """pymilvus isn't installed."""


@dataclass(frozen=True, slots=True)
class MilvusAddress:
    """What pymilvus takes: a URL, or the path of a file of Milvus Lite."""

    uri: str

    @classmethod
    def parse(cls, address: str) -> Self:
        """`milvus://host:port`, `milvuss://host:port` for TLS, or `milvus://path/file.db`. Raises ValueError."""
        found = ADDRESS.fullmatch(address)
        if found is None:
            raise ValueError("a gallery's address is milvus://host:port, milvuss://host:port or milvus://path/file.db")
        place = found["place"]
        if place.endswith(LITE_SUFFIX):
            return cls(str(Path(place).absolute()))
        host = place.rstrip("/")
        port = "" if re.search(r":[0-9]{1,5}$", host) else f":{PORT}"
        return cls(f"{'https' if found['tls'] else 'http'}://{host}{port}")

    @property
    def is_file(self) -> bool:
        return self.uri.endswith(LITE_SUFFIX)


@dataclass(frozen=True, slots=True)
class Row:
    """Whose reference this was from a version on, and how many templates stand behind it: 0 where they are gone."""

    key: str
    owner: str
    version: int
    templates: int


class MilvusCollection:
    """Connects, and makes the collection where there is none, when it is first asked.

    Any number of threads may ask at once. What Milvus doesn't answer in time raises GalleryUnavailable.
    """

    def __init__(
        self, address: MilvusAddress, name: str, *, dimensions: int, token: str = "", timeout_seconds: float = 2.0
    ) -> None:
        """Raises MilvusMissing."""
        if find_spec("pymilvus") is None:
            raise MilvusMissing("A gallery on Milvus needs pymilvus: pip install 'facepay[milvus]'")
        self.dimensions = dimensions
        self._address = address
        self._name = name
        self._token = token
        self._timeout_seconds = timeout_seconds
        self._client: Any = None
        self._opening = Lock()

    def close(self) -> None:
        if self._client is None:
            return
        self._client.close()
        self._client = None
        if self._address.is_file:
            from milvus_lite.server_manager import server_manager_instance

            server_manager_instance.release_server(self._address.uri)

    def most_alike(self, probe: Floats, condition: str, limit: int) -> list[tuple[Row, float]]:
        """By cosine, among the rows of which the condition is true."""
        with self._asking() as client:
            found = client.search(
                self._name,
                data=[probe],
                filter=condition,
                limit=limit,
                output_fields=["key", "owner", "version", "templates"],
                consistency_level=CONSISTENCY,
                timeout=self._timeout_seconds,
            )
        return [(Row(**hit["entity"]), float(hit["distance"])) for hit in found[0]]

    def select(self, condition: str, *fields: str) -> list[dict[str, Any]]:
        with self._asking() as client:
            return list(
                client.query(
                    self._name,
                    filter=condition,
                    output_fields=list(fields),
                    consistency_level=CONSISTENCY,
                    timeout=self._timeout_seconds,
                )
            )

    def put(self, rows: Sequence[Row], references: Floats | None = None, *, total: int = 0, gone_at: int = 0) -> None:
        """Each instead of the one with its key. Those without a reference are as alike to everybody: cosine 0."""
        if references is None:
            references = np.zeros((len(rows), self.dimensions), np.float32)
        entities = [
            {
                "key": row.key,
                "owner": row.owner,
                "version": row.version,
                "templates": row.templates,
                "total": total,
                "gone_at": gone_at,
                "reference": reference,
            }
            for row, reference in zip(rows, references.astype(np.float32), strict=True)
        ]
        with self._asking() as client:
            client.upsert(self._name, entities, timeout=WRITE_SECONDS)

    def delete(self, condition: str) -> None:
        with self._asking() as client:
            client.delete(self._name, filter=condition, timeout=WRITE_SECONDS)

    @contextmanager
    def _asking(self) -> Iterator[Any]:
        # Its handlers of forks, for children that go on without another program, kill the programs that we start.
        os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
        from grpc import RpcError
        from pymilvus import MilvusException

        try:
            yield self._opened()
        except (MilvusException, RpcError) as error:
            log.warning("gallery_unavailable", error=type(error).__name__)
            self._client = None  # one that lost its server doesn't find it again
            raise GalleryUnavailable("The gallery doesn't answer.") from error

    def _opened(self) -> Any:
        from pymilvus import MilvusClient

        with self._opening:
            if self._client is None:
                logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # a page for each refusal, which we log too
                client = MilvusClient(
                    self._address.uri, token=self._token, timeout=self._timeout_seconds, dedicated=True
                )
                _make_collection(client, self._name, self.dimensions)
                self._client = client
            return self._client


def is_among(field: str, values: Iterable[str]) -> str:
    """A condition. The values are ours: no quotes in them."""
    quoted = ", ".join(f'"{value}"' for value in values)
    return f"{field} in [{quoted}]"


def _make_collection(client: Any, name: str, dimensions: int) -> None:
    """Where there is none, or somebody was stopped halfway. Searched exactly: graphs and cells lose faces
    (docs/performance.md).
    """
    from pymilvus import DataType, MilvusException

    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("key", DataType.VARCHAR, is_primary=True, max_length=64)
    schema.add_field("owner", DataType.VARCHAR, max_length=32)
    for field in ("version", "templates", "total", "gone_at"):
        schema.add_field(field, DataType.INT64)
    schema.add_field("reference", DataType.FLOAT_VECTOR, dim=dimensions)
    indexes = client.prepare_index_params()
    indexes.add_index("reference", index_type="FLAT", metric_type="IP")
    for field in ("owner", "templates", "gone_at"):
        indexes.add_index(field, index_type="INVERTED")
    if not client.has_collection(name, timeout=WRITE_SECONDS):
        try:
            client.create_collection(name, schema=schema, consistency_level=CONSISTENCY, timeout=WRITE_SECONDS)
        except MilvusException:  # another worker was faster, or it failed
            if not client.has_collection(name, timeout=WRITE_SECONDS):
                raise
    if not client.list_indexes(name):
        client.create_index(name, indexes, timeout=WRITE_SECONDS, sync=False)
    client.load_collection(name, timeout=WRITE_SECONDS)
