"""The engine as a Ray Serve deployment: `facepay[ray]`, on the machines of the cluster only."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import ray
from ray import serve
from ray._private import ray_constants, services
from ray.exceptions import AuthenticationError
from ray.serve import context as serve_context
from ray.serve._private import replica
from ray.serve.config import BackpressureConfig, HTTPOptions
from ray.serve.schema import LoggingConfig
from starlette.requests import Request
from starlette.responses import Response

from facepay.kernel.errors import Problem
from facepay.vision.engine import InsightFaceEngine, load_engine
from facepay.vision.evidence import Floats, Wanted
from facepay.vision.frames import FrameLimits, Image
from facepay.vision.packs import find_pack
from facepay.vision.remote import DEFAULT_PORT, PATH
from facepay.vision.sessions import Provider
from facepay.vision.wire import (
    ANOTHER_ENGINE_STATUS,
    IDENTITY_HEADER,
    JSON_TYPE,
    PROBLEM_TYPE,
    EngineIdentity,
    evidence_to_json,
    refusal_to_json,
    wanted_from_query,
)

APPLICATION = "facepay-engine"
LOCAL_NODE = "127.0.0.1"
LISTENING = ("host", "port", "ssl_certfile", "ssl_keyfile")
BATCH_WAIT_SECONDS = 0.002
REACH_SECONDS = 5
GPU_THREADS = 8
"""Frames that one replica with a GPU decodes and detects side by side."""


@dataclass(frozen=True, slots=True)
class Models:
    """What each replica loads, as this process's settings name it; the files must be on every node."""

    pack: str
    liveness_model: Path | None = None
    expression_model: Path | None = None
    limits: FrameLimits = field(default_factory=FrameLimits)
    provider: Provider = "auto"

    def identity(self) -> EngineIdentity:
        return EngineIdentity.of(
            find_pack(self.pack),
            liveness_model=self.liveness_model,
            expression_model=self.expression_model,
            limits=self.limits,
        )


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of the cluster the engine takes. `cpus` and `gpus` are of each replica.

    `batch_max` frames' faces are embedded in one call, where a GPU makes that pay. `queue_max` frames may wait at each
    node before one more is refused.
    """

    replicas: int = 1
    cpus: int = 1
    gpus: float = 0.0
    batch_max: int | None = None
    queue_max: int = 32

    @property
    def threads(self) -> int:
        return max(self.cpus, GPU_THREADS) if self.gpus else self.cpus

    @property
    def together_max(self) -> int:
        return self.batch_max or (self.threads if self.gpus else 1)


@dataclass(frozen=True, slots=True)
class Tls:
    """Paths on every node, of PEM files."""

    certificate: Path
    key: Path


class ListensElsewhere(Exception):
    """Serve runs on the cluster with another host, port or TLS, which can't change as long as it does."""


class EngineReplica:
    """One copy of the models, behind as many threads as it has processors."""

    def __init__(self, models: Models, scale: Scale) -> None:
        _listen_within(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]
        self._engine = load_engine(
            models.pack,
            liveness_model=models.liveness_model,
            expression_model=models.expression_model,
            limits=models.limits,
            threads=1,
            provider=models.provider,
        )
        self._identity = models.identity()
        self._digest = self._identity.digest
        self._threads = ThreadPoolExecutor(scale.threads, thread_name_prefix="inference")
        self._loop: asyncio.AbstractEventLoop | None = None
        if scale.together_max > 1:
            self._embed = self._engine.recogniser.get_feat
            self._engine.recogniser.get_feat = self._embed_with_others  # type: ignore[method-assign]
            self._batched.set_max_batch_size(scale.together_max)  # type: ignore[attr-defined]

    async def __call__(self, request: Request) -> Response:
        if request.headers.get(IDENTITY_HEADER) != self._digest:
            return Response(self._identity.to_json(), ANOTHER_ENGINE_STATUS, media_type=JSON_TYPE)
        self._loop = asyncio.get_running_loop()
        wanted, frame = wanted_from_query(request.query_params), await request.body()
        return await self._loop.run_in_executor(self._threads, partial(_answer, self._engine, frame, wanted))

    def _embed_with_others(self, crops: list[Image]) -> Floats:
        """On a thread of ours: what other frames' threads bring within BATCH_WAIT_SECONDS goes into the same call."""
        assert self._loop
        return asyncio.run_coroutine_threadsafe(self._batched(crops), self._loop).result()

    @serve.batch(batch_wait_timeout_s=BATCH_WAIT_SECONDS)
    async def _batched(self, frames: list[list[Image]]) -> list[Floats]:
        embeddings = await asyncio.to_thread(self._embed, [crop for crops in frames for crop in crops])
        found, start = [], 0
        for crops in frames:
            found.append(embeddings[start : start + len(crops)])
            start += len(crops)
        return found


def _listen_within(node: str) -> None:
    """A replica unpickles what comes to a port that Serve opens on all addresses: let it be on the node's own only."""
    address = f"[{node}]:0" if ":" in node else f"{node}:0"
    add_port: Callable[[object, str], int] = replica.add_port_to_grpc_server  # type: ignore[attr-defined]
    replica.add_port_to_grpc_server = lambda server, _: add_port(server, address)  # type: ignore[attr-defined]


def _answer(engine: InsightFaceEngine, frame: bytes, wanted: Wanted) -> Response:
    try:
        evidence = engine.analyse(frame, **wanted)
    except Problem as refusal:
        return Response(refusal_to_json(refusal), refusal.status, media_type=PROBLEM_TYPE)
    return Response(evidence_to_json(evidence), media_type=JSON_TYPE)


def deploy(
    models: Models,
    scale: Scale,
    *,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    tls: Tls | None = None,
) -> None:
    """Put the engine on the cluster that this process has joined, or change it there without a gap.

    Every node of the cluster then listens on `host` and `port`. Raises ListensElsewhere, before anything is changed.
    """
    files = {"ssl_certfile": str(tls.certificate), "ssl_keyfile": str(tls.key)} if tls else {}
    listening = HTTPOptions(host=host, port=port, **files)
    serve.start(proxy_location="EveryNode", http_options=listening)
    client = serve_context._get_global_client()
    assert client
    running = client.http_config  # Serve itself only warns, and goes on where it was
    if any(getattr(running, each) != getattr(listening, each) for each in LISTENING):
        raise ListensElsewhere(f"{running.host}:{running.port}")
    deployment = serve.deployment(
        name="engine",
        num_replicas=scale.replicas,
        max_ongoing_requests=max(2 * scale.threads, scale.together_max),
        max_queued_requests=scale.queue_max,
        ray_actor_options={"num_cpus": scale.cpus, "num_gpus": scale.gpus},
        backpressure_config=BackpressureConfig(status_code=429, retry_after_s=1),
        logging_config=LoggingConfig(enable_access_log=False),
        health_check_period_s=2,
        graceful_shutdown_timeout_s=10,
    )
    serve.run(deployment(EngineReplica).bind(models, scale), name=APPLICATION, route_prefix=PATH)


def withdraw() -> None:
    """Take the engine off the cluster, once what is at work is answered. Where that was all, Serve ends too: as long as
    it runs, it listens where it was first told to.
    """
    if APPLICATION in serve.status().applications:
        serve.delete(APPLICATION)
    if not serve.status().applications:
        serve.shutdown()  # type: ignore[no-untyped-call]


def join(address: str | None) -> None:
    """Join the Ray cluster at this address in any of Ray's forms; start one of this machine's own where it is None,
    which ends with this process. Raises ConnectionError where there is none, or it lets nobody in without its token.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray reports on its users unless told otherwise
    if address is None:
        keep_to_this_machine()
        ray.init("local", _node_ip_address=LOCAL_NODE, include_dashboard=False, log_to_driver=False)
        return
    os.environ.setdefault("RAY_gcs_server_port_wait_time_s", "1")  # one try of a second, where Ray makes 20
    try:
        if not address.startswith("ray://"):
            _reach(services.canonicalize_bootstrap_address_or_die(address))
        ray.init(address, log_to_driver=False)
    except AuthenticationError as error:
        raise ConnectionError(str(error)) from error


def _reach(head: str) -> None:
    """Say at once that nobody listens there, which Ray finds out in 41 s. Raises ConnectionError."""
    host, port = head.rsplit(":", 1)
    try:
        socket.create_connection((host.strip("[]"), int(port)), REACH_SECONDS).close()
    except OSError as error:
        raise ConnectionError(f"{head}: {error}") from error


def keep_to_this_machine() -> None:
    """Let the Ray that this process starts listen on LOCAL_NODE and nowhere else.

    Ray takes 127.0.0.1 for the machine's outward address, and with any other listens on all of them, except where it
    knows no clusters, as on macOS: so it's told that it is there.
    """
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    ray_constants.ENABLE_RAY_CLUSTER = False  # which was read from there when Ray was imported
    # Else Ray makes a token by itself and leaves it in the user's home.
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
