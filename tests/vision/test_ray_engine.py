"""The engine on two Ray nodes keeps the contract, outlives one of them, and says so when both are gone."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event

import pytest

from facepay.vision.away import EngineMismatch, EngineUnavailable
from facepay.vision.engine import Engine
from facepay.vision.packs import find_pack
from facepay.vision.remote import EngineAddress, RemoteEngine
from facepay.vision.wire import EngineIdentity
from tests.photos import people
from tests.server import free_port
from tests.vision.engine_contract import LIMITS, EngineContract, assert_alike

pytestmark = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="facepay[ray] isn't installed")

FRAMES_UNDER_LOAD = 60


def identity() -> EngineIdentity:
    return EngineIdentity.of(find_pack(), liveness_model=None, expression_model=None, limits=LIMITS)


def engine_at(port: int, expected: EngineIdentity, *, timeout_seconds: float = 20) -> RemoteEngine:
    return RemoteEngine(EngineAddress.parse(f"ray://127.0.0.1:{port}"), expected, timeout_seconds=timeout_seconds)


class Nodes:
    """The process of `tests.vision.ray_nodes`, and the engine that asks its nodes."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.engine = engine_at(port, identity())
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.vision.ray_nodes", str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def wait_for(self, word: str) -> None:
        assert self._process.stdout
        assert any(line.strip() == word for line in self._process.stdout), f"it ended before it was {word}"

    def kill(self, name: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{name}\n")
        self._process.stdin.flush()
        self.wait_for("killed")

    def end(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    nodes = Nodes(free_port())
    try:
        with pytest.raises(EngineUnavailable):  # a shop that opens before its cluster is up
            nodes.engine.analyse(people()[0])
        nodes.wait_for("ready")
        yield nodes
    finally:
        nodes.end()
        nodes.engine.close()


class TestRayEngine(EngineContract):
    @pytest.fixture
    def tried(self, nodes: Nodes) -> Engine:
        return nodes.engine

    def test_an_engine_with_other_models_is_refused_by_name_of_what_differs(self, nodes: Nodes) -> None:
        other = engine_at(nodes.port, replace(identity(), pack="yunet_sface@0ba9fbfa", models="0" * 16))
        with pytest.raises(EngineMismatch) as refused:
            other.analyse(people()[0])
        assert refused.value.measured == {"differences": ["models", "pack"]}
        other.close()

    def test_a_node_that_dies_under_load_loses_no_frame(self, nodes: Nodes, embedded: Engine) -> None:
        expected = [embedded.analyse(portrait) for portrait in people()]
        answered, engine = Event(), engine_at(nodes.port, identity(), timeout_seconds=3)

        def ask(number: int) -> int:
            assert_alike(engine.analyse(people()[number % 6]), expected[number % 6])
            if number >= FRAMES_UNDER_LOAD // 4:
                answered.set()
            return number

        with ThreadPoolExecutor(8) as threads:
            asked = threads.map(ask, range(FRAMES_UNDER_LOAD))
            assert answered.wait(60)
            nodes.kill("node")
            assert list(asked) == list(range(FRAMES_UNDER_LOAD))
        engine.close()

    def test_nobody_left_is_a_problem_with_a_code(self, nodes: Nodes) -> None:
        nodes.end()
        with pytest.raises(EngineUnavailable) as away:
            nodes.engine.analyse(people()[0])
        assert (away.value.status, away.value.code) == (503, "engine_unavailable")
        assert "Retry-After" in away.value.headers
