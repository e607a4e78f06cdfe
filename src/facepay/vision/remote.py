"""The engine on other machines: frames go to Ray Serve over HTTP, evidence comes back.

This process doesn't join the Ray cluster: a process that has ends itself a minute after the cluster's head is gone,
needs a Ray node on its own machine, and runs whatever the cluster sends it.
"""

from __future__ import annotations

import itertools
import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Self, Unpack

import httpx
import stamina

from facepay.kernel.errors import Overloaded
from facepay.vision.away import EngineMismatch, EngineUnavailable
from facepay.vision.evidence import FrameEvidence, Wanted
from facepay.vision.frames import FrameLimits
from facepay.vision.wire import (
    ANOTHER_ENGINE_STATUS,
    IDENTITY_HEADER,
    PROBLEM_TYPE,
    EngineIdentity,
    evidence_from_json,
    refusal_from_json,
    wanted_to_query,
)

DEFAULT_PORT = 8100
PATH = "/engine"
ADDRESS = re.compile(r"(?P<scheme>rays?)://(?P<hosts>[^/?#@]*)/?")
HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\s\[\]]+)(:[0-9]{1,5})?")
ATTEMPTS_MAX = 5
CONNECT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class EngineAddress:
    """Where Ray Serve listens: one or several of a cluster's nodes, or a balancer before them."""

    urls: tuple[str, ...]

    @classmethod
    def parse(cls, address: str) -> Self:
        """`ray://host:port,host:port`, or `rays://` for TLS; port 8100 and 127.0.0.1 where none is said.

        Raises ValueError for anything else.
        """
        found = ADDRESS.fullmatch(address)
        hosts = (found["hosts"] or f"127.0.0.1:{DEFAULT_PORT}").split(",") if found else []
        if found is None or not all(HOST.fullmatch(host) for host in hosts):
            raise ValueError("an engine's address is ray://host:port, with several hosts apart by commas")
        scheme = "https" if found["scheme"] == "rays" else "http"
        named = (host if re.search(r":[0-9]+$", host) else f"{host}:{DEFAULT_PORT}" for host in hosts)
        return cls(tuple(f"{scheme}://{host}{PATH}" for host in named))


class _Failed(Exception):
    """One attempt, and another may do better."""


class RemoteEngine:
    """An `Engine` that asks the nodes of a Ray cluster in turn. Any number of threads may share one.

    Looking at a frame changes nothing, so what a node or a replica leaves unanswered is asked again of another:
    at most ATTEMPTS_MAX times, each waiting `timeout_seconds` at most, and none begun when twice that has passed.
    Nothing is asked of Ray before the first frame.
    `authority` signs their certificates (PEM); where none is given, whom the system trusts does.
    """

    def __init__(
        self,
        address: EngineAddress,
        identity: EngineIdentity,
        *,
        timeout_seconds: float,
        authority: Path | None = None,
    ) -> None:
        self.pack = identity.pack
        self.embedding_dim = identity.embedding_dim
        self.limits = FrameLimits(bytes_max=identity.bytes_max, megapixels_max=identity.megapixels_max)
        self.has_points = identity.has_points
        self.has_passive_model = identity.has_passive_model
        self._identity, self._timeout_seconds = identity, timeout_seconds
        self._urls = itertools.cycle(address.urls)
        self._http = httpx.Client(
            headers={IDENTITY_HEADER: identity.digest},
            timeout=httpx.Timeout(timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds)),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=256),
            verify=ssl.create_default_context(cafile=authority),
            trust_env=False,  # frames go to the engine and through no proxy
        )

    def analyse(self, frame: bytes, **wanted: Unpack[Wanted]) -> FrameEvidence:
        """As `Engine.analyse`. Raises Overloaded, EngineUnavailable and EngineMismatch too."""
        query = wanted_to_query(wanted)
        attempts = stamina.retry_context(
            on=_Failed,
            attempts=ATTEMPTS_MAX,
            timeout=2 * self._timeout_seconds,
            wait_initial=0.05,
            wait_max=0.4,
            wait_jitter=0.05,
        )
        try:
            for attempt in attempts:
                with attempt:
                    return self._ask(frame, query)
        except _Failed as failed:
            raise EngineUnavailable("No machine that recognises faces answers.") from failed
        raise AssertionError("stamina ends in an answer or an error")

    def close(self) -> None:
        self._http.close()

    def _ask(self, frame: bytes, query: dict[str, str]) -> FrameEvidence:
        try:
            answer = self._http.post(next(self._urls), params=query, content=frame)
        except httpx.TransportError as error:
            raise _Failed(f"{type(error).__name__}: {error}") from error
        try:
            if answer.status_code == httpx.codes.OK:
                return evidence_from_json(answer.content)
            if answer.headers.get("content-type") == PROBLEM_TYPE:
                raise refusal_from_json(answer.content)
            if answer.status_code == ANOTHER_ENGINE_STATUS:
                raise EngineMismatch(self._identity.differences(answer.content))
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise _Failed("an answer that is none") from error
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise Overloaded("Every machine that recognises faces is busy and the queue is full.")
        raise _Failed(f"status {answer.status_code}")
