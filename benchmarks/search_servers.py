"""Ways to search that are servers of their own: pgvector in the embedded Postgres, and Milvus Lite."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import psycopg
from pymilvus import DataType, MilvusClient

from benchmarks.search_methods import Build, Floats, Rows, Search, portions
from facepay.kernel.embedded import SUPERUSER, EmbeddedPostgres

PORTION = 2_000
MAINTENANCE = "2GB"
BY_COSINE = "select id from template order by face <#> %s::halfvec limit 2"
BY_SIGNS = """
    select id from (
        select id, face from template order by binary_quantize(face)::bit(512) <~> binary_quantize(%s::halfvec) limit %s
    ) likely order by face <#> %s::halfvec limit 2
"""


def pgvector_hnsw(breadth: int, *, signs: bool = False) -> Build:
    """One over halfvec, or over its sign bits with `breadth` candidates compared by halfvec."""
    index = "(binary_quantize(face)::bit(512)) bit_hamming_ops" if signs else "face halfvec_ip_ops"

    def build(templates: Floats, folder: Path) -> Search:
        postgres = EmbeddedPostgres(folder, durable=False)
        postgres.start()
        connection = psycopg.connect(postgres.url(role=SUPERUSER), autocommit=True)
        connection.execute("create extension vector")
        connection.execute("create table template (id integer, face halfvec(512))")
        connection.execute("alter table template alter column face set storage plain")
        _copy(connection, templates)
        connection.execute(f"set maintenance_work_mem = '{MAINTENANCE}'")
        connection.execute(f"create index on template using hnsw ({index})")
        connection.execute(f"set hnsw.ef_search = {breadth}")
        connection.execute("set enable_seqscan = off")

        def found(probe: Floats) -> Rows:
            text = _text(probe)
            query, values = (BY_SIGNS, (text, breadth, text)) if signs else (BY_COSINE, (text,))
            return np.array([row for (row,) in connection.execute(query, values, prepare=True)], np.int64)

        return found

    return build


def _copy(connection: psycopg.Connection, templates: Floats) -> None:
    with connection.cursor().copy("copy template from stdin") as copy:
        for start, block in portions(templates, PORTION):
            copy.write("".join(f"{start + row}\t{_text(template)}\n" for row, template in enumerate(block)))


def _text(vector: Floats) -> str:
    return "[" + ",".join(f"{component:.5f}" for component in vector.tolist()) + "]"


def milvus_lite(index_type: str, built: dict[str, int], searched: dict[str, int]) -> Build:
    def build(templates: Floats, folder: Path) -> Search:
        client = MilvusClient(str(folder / "milvus.db"))
        schema = MilvusClient.create_schema()
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("face", DataType.FLOAT_VECTOR, dim=templates.shape[1])
        indexes = client.prepare_index_params()
        indexes.add_index("face", index_type=index_type, metric_type="IP", params=built)
        client.create_collection("template", schema=schema, consistency_level="Strong")
        for start, block in portions(templates, PORTION):
            client.insert("template", [{"id": start + row, "face": face} for row, face in enumerate(block)])
        client.flush("template")
        client.create_index("template", indexes)
        client.load_collection("template")

        def found(probe: Floats) -> Rows:
            hits = client.search("template", [probe], limit=2, search_params={"params": searched})
            return np.array([hit["id"] for hit in hits[0]], np.int64)

        return found

    return build


SERVERS: dict[str, Build] = {
    "pgvector HNSW halfvec, ef 200": pgvector_hnsw(200),
    "pgvector HNSW bits, 800": pgvector_hnsw(800, signs=True),
    "Milvus Lite FLAT": milvus_lite("FLAT", {}, {}),
    "Milvus Lite HNSW, ef 256": milvus_lite("HNSW", {"M": 16, "efConstruction": 64}, {"ef": 256}),
}
