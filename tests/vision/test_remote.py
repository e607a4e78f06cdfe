"""Frames go to other machines: what those do wrong, and what the shop makes of it. Ray itself: test_ray_engine.py."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from ssl import SSLContext
from threading import Thread
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import numpy as np
import pytest
import stamina

from facepay.kernel.errors import Overloaded
from facepay.vision.away import EngineMismatch, EngineUnavailable
from facepay.vision.engine import Engine
from facepay.vision.evidence import Wanted
from facepay.vision.frames import FrameLimits
from facepay.vision.packs import find_pack
from facepay.vision.remote import ATTEMPTS_MAX, EngineAddress, RemoteEngine
from facepay.vision.wire import (
    JSON_TYPE,
    PROBLEM_TYPE,
    EngineIdentity,
    evidence_from_json,
    evidence_to_json,
    wanted_from_query,
)
from tests.certificates import certificate_for, server_with
from tests.photos import camera_frame, people
from tests.server import free_port
from tests.shop import Shop
from tests.vision.engine_contract import assert_alike

Answer = tuple[int, str, bytes]
IDENTITY = EngineIdentity.of(find_pack(), liveness_model=None, expression_model=None, limits=FrameLimits())


@contextmanager
def node(
    answer: Callable[[bytes, Wanted], Answer], port: int = 0, *, tls: SSLContext | None = None
) -> Iterator[tuple[str, list[int]]]:
    """A machine that answers each frame so: its address, and the sizes of the frames that came."""
    asked: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            frame = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append(len(frame))
            query = dict(parse_qsl(urlsplit(self.path).query))
            status, content_type, body = answer(frame, wanted_from_query(query))
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", asked
        server.shutdown()


def engine_at(*hosts: str, scheme: str = "ray", authority: Path | None = None) -> RemoteEngine:
    address = EngineAddress.parse(f"{scheme}://{','.join(hosts)}")
    return RemoteEngine(address, IDENTITY, timeout_seconds=5, authority=authority)


def seen_by(engine: Engine) -> Callable[[bytes, Wanted], Answer]:
    return lambda frame, wanted: (200, JSON_TYPE, evidence_to_json(engine.analyse(frame, **wanted)))


@pytest.fixture
def without_pauses() -> Iterator[None]:
    """Between the attempts, of which there are as many."""
    with stamina.set_testing(True, attempts=100, cap=True):
        yield


@pytest.mark.parametrize("frame", [camera_frame(people()), camera_frame([])], ids=["a crowd", "nobody"])
def test_evidence_crosses_the_wire_to_the_last_bit(engine: Engine, frame: bytes) -> None:
    sent = engine.analyse(frame, embed=3, points=True, with_fingerprint=True, with_appearance=True)
    came = evidence_from_json(evidence_to_json(sent))
    assert_alike(came, sent)
    assert (came.timings_ms, came.ended_ns) == (sent.timings_ms, sent.ended_ns)
    for one, other in zip(came.faces, sent.faces, strict=True):
        assert one.quality == other.quality
        assert one.embedding is None or np.array_equal(one.embedding, other.embedding)  # type: ignore[arg-type]


@pytest.mark.usefixtures("without_pauses")
@pytest.mark.parametrize(
    "answer",
    [
        (200, JSON_TYPE, b"[]"),
        (200, JSON_TYPE, b'{"is": "Path"}'),
        (200, JSON_TYPE, b'{"is": "FrameEvidence", "width": 3}'),
        (200, JSON_TYPE, b'{"floats": "AAAA", "shape": [1]}'),
        (200, JSON_TYPE, b"\x80\x04N."),  # a pickle
        (422, PROBLEM_TYPE, b'{"code": "wallet_empty"}'),
        (422, PROBLEM_TYPE, b"null"),
        (409, JSON_TYPE, b"[]"),
        (500, "text/plain", b"Internal Server Error"),
        (503, "text/plain", b"no replicas"),
    ],
    ids=lambda answer: f"{answer[0]} {answer[2][:24]!r}",
)
def test_a_machine_that_answers_nonsense_is_asked_a_few_times_and_then_is_away(answer: Answer) -> None:
    with node(lambda *_: answer) as (host, asked), closing(engine_at(host)) as engine:
        with pytest.raises(EngineUnavailable) as away:
            engine.analyse(b"frame")
        assert len(asked) == ATTEMPTS_MAX
    assert (away.value.status, away.value.code) == (503, "engine_unavailable")


def test_a_busy_cluster_is_not_asked_again() -> None:
    with node(lambda *_: (429, "text/plain", b"")) as (host, asked), closing(engine_at(host)) as engine:
        with pytest.raises(Overloaded):
            engine.analyse(b"frame")
        assert asked == [len(b"frame")]


def test_another_engine_is_not_asked_again_and_what_differs_is_named() -> None:
    theirs = json.dumps(json.loads(IDENTITY.to_json()) | {"facepay": "0.0.9", "has_passive_model": True}).encode()
    with node(lambda *_: (409, JSON_TYPE, theirs)) as (host, asked), closing(engine_at(host)) as engine:
        with pytest.raises(EngineMismatch) as other:
            engine.analyse(b"frame")
        assert len(asked) == 1
    assert other.value.measured == {"differences": ["facepay", "has_passive_model"]}


def test_a_machine_that_is_away_leaves_its_frames_to_the_next(engine: Engine) -> None:
    with node(seen_by(engine)) as (host, asked), closing(engine_at(f"127.0.0.1:{free_port()}", host)) as remote:
        for portrait in people()[:3]:
            assert_alike(remote.analyse(portrait), engine.analyse(portrait))
        assert len(asked) == 3


@pytest.mark.usefixtures("without_pauses")
def test_over_tls_frames_go_to_whom_the_own_authority_signed_for_and_to_nobody_else(
    engine: Engine, tmp_path: Path
) -> None:
    authority, key = certificate_for("127.0.0.1", tmp_path)
    with node(seen_by(engine), tls=server_with(authority, key)) as (host, asked):
        with closing(engine_at(host, scheme="rays", authority=authority)) as remote:
            assert_alike(remote.analyse(people()[0]), engine.analyse(people()[0]))
        assert len(asked) == 1
        for untrusting in (
            engine_at(host, scheme="rays"),
            engine_at(host.replace("127.0.0.1", "localhost"), scheme="rays", authority=authority),
        ):
            with closing(untrusting), pytest.raises(EngineUnavailable):
                untrusting.analyse(people()[0])
        assert len(asked) == 1


@pytest.mark.parametrize(
    ("address", "urls"),
    [
        ("ray://", ["http://127.0.0.1:8100/engine"]),
        ("ray://head", ["http://head:8100/engine"]),
        ("rays://a:1,b/", ["https://a:1/engine", "https://b:8100/engine"]),
        ("ray://[::1]:9", ["http://[::1]:9/engine"]),
    ],
)
def test_an_address_names_one_or_several_nodes(address: str, urls: list[str]) -> None:
    assert [*EngineAddress.parse(address).urls] == urls


@pytest.mark.parametrize(
    "address", ["onnx", "http://head", "ray://a,", "ray://a/b", "ray://u:p@a", "ray://a:b", "ray:a"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="an engine's address"):
        EngineAddress.parse(address)


@pytest.mark.anyio
@pytest.mark.usefixtures("without_pauses")
async def test_a_gate_whose_cluster_is_away_says_so_and_opens_when_it_is_back(
    open_shop: Callable[..., Awaitable[Shop]],
) -> None:
    shop = await open_shop()
    member = await shop.add_member(0)
    pool, port, key = shop.app.state.inference, free_port(), uuid4().hex
    engine, pool.engine = pool.engine, engine_at(f"127.0.0.1:{port}")
    with closing(pool.engine):
        refused = await shop.at_gate(0, key=key)
        assert (refused.status_code, refused.json()["code"]) == (503, "engine_unavailable")
        assert refused.headers["Retry-After"] == "2"
        assert (await shop.client.get("/livez")).status_code == 200
        with node(seen_by(engine), port):
            opened = await shop.at_gate(0, key=key)
    assert (opened.status_code, opened.json()["member"]["id"]) == (200, member)
