"""What a checkout takes at the least with the same libraries, models, frames and Postgres, in turns with the real one.

    python -m benchmarks.least [--seconds 6] [--rounds 3] [--save]

The least: FastAPI reads the form, the same pool of workers runs the same models, one statement knows the device by its
token, and another moves the money and keeps the answer under its Idempotency-Key, committed durably. Nobody is
identified; there are no limits, prices, points, stock, trails, events or logs, and no check of what came.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import psycopg
from fastapi import FastAPI, Form, Header, Request, UploadFile
from rich.console import Console

from benchmarks.busy_shop import BusyShop, busy_shop
from benchmarks.checkout import Row, measure, table
from benchmarks.load import Call, Plan, send
from benchmarks.saving import parser, save
from facepay.kernel.embedded import SUPERUSER, EmbeddedPostgres
from facepay.vision.engine import load_engine
from facepay.vision.pool import InferencePool
from tests.server import free_port, launch

DATABASE = "FACEPAY_LEAST_DATABASE"
TABLES = """
    create table device (token_hash bytea primary key, store text);
    create table wallet (id int primary key, balance bigint check (balance >= 0));
    create table entry (id bigserial primary key, wallet int references wallet, amount bigint, at timestamptz);
    create table answer (key text primary key, store text, body jsonb);
    insert into wallet values (1, 1000000000), (2, 0);
    create function pay(store text, key text, amount bigint) returns bigint language sql as $$
        insert into answer values (key, store, '{"code": "paid"}');
        insert into entry (wallet, amount, at) values (1, -amount, now()), (2, amount, now());
        update wallet set balance = balance - amount where id = 1;
        update wallet set balance = balance + amount where id = 2 returning balance;
    $$;
"""


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.inference = InferencePool(load_engine(), workers=os.cpu_count() or 1, queue_max=32)
    async with await psycopg.AsyncConnection.connect(os.environ[DATABASE], autocommit=True) as connection:
        app.state.connection = connection
        yield
    app.state.inference.close()


app = FastAPI(lifespan=_lifespan)


@app.get("/readyz")
async def readyz() -> None: ...


@app.post("/checkouts")
async def checkout(
    request: Request,
    frame: UploadFile,
    basket: Annotated[str, Form()],
    authorization: Annotated[str, Header()],
    idempotency_key: Annotated[str, Header()],
) -> dict[str, object]:
    state = request.app.state
    token_hash = hashlib.sha256(authorization.encode()).digest()
    known = await state.connection.execute("select store from device where token_hash = %s", [token_hash])
    (store,) = await known.fetchone()
    evidence = await state.inference.analyse(await frame.read())
    begun = time.perf_counter()
    await state.connection.execute("select pay(%s, %s, %s)", [store, idempotency_key, len(basket)])
    decided = (time.perf_counter() - begun) * 1000
    return {"code": "paid", "timings_ms": evidence.timings_ms | {"decide": decided}}


@contextmanager
def least_shop(shop: BusyShop) -> Iterator[tuple[int, list[Call]]]:
    """Its port, and the same kiosks' calls with the same frames."""
    with TemporaryDirectory(prefix="facepay-least-") as folder, EmbeddedPostgres(Path(folder) / "postgres") as postgres:
        address = postgres.url(role=SUPERUSER).replace("+psycopg", "")
        with psycopg.connect(address) as connection:
            connection.execute(TABLES)
            for kiosk in shop.devices["kiosk"]:
                known = hashlib.sha256(f"Bearer {kiosk['token']}".encode()).digest()
                connection.execute("insert into device values (%s, %s)", [known, kiosk["id"]])
        path = b"POST /checkouts HTTP/1.1"
        calls = [replace(call, head=path + call.head[call.head.index(b"\r\n") :]) for call in shop.checkout_calls()]
        port = free_port()
        served = ["uvicorn", "benchmarks.least:app", "--port", str(port), "--no-access-log", "--log-level", "error"]
        server = launch(served, port, {DATABASE: address})
        try:
            yield port, calls
        finally:
            server.terminate()
            server.wait(20)


def main() -> None:
    options = parser(__doc__, seconds=6, of="each turn")
    options.add_argument("--rounds", type=int, default=3, help="turns of each (default: %(default)d)")
    chosen = options.parse_args()
    rows: list[Row] = []
    with busy_shop() as shop, least_shop(shop) as least:
        shops = {"facepay": (shop.port, shop.checkout_calls()), "least": least}
        for port, calls in shops.values():
            send(Plan(port, calls, 2.0, callers=10))  # warms up
        for _ in range(chosen.rounds):
            rows += [{"case": name} | measure(*of, 1, chosen.seconds) for name, of in shops.items()]
    console = Console(width=130)
    for name in shops:
        console.print(name, table([row for row in rows if row["case"] == name]))
    if chosen.save:
        save("least", rows)


if __name__ == "__main__":
    main()
