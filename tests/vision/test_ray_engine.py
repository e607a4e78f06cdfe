"""The engine on two Ray nodes keeps the contract, outlives one of them, and says so when both are gone."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from threading import Event

import pytest

from facepay.vision.away import EngineMismatch, EngineUnavailable
from facepay.vision.engine import load_engine
from facepay.vision.evidence import FrameEvidence
from facepay.vision.packs import find_pack
from facepay.vision.remote import EngineAddress, RemoteEngine
from facepay.vision.wire import EngineIdentity
from tests.photos import people
from tests.server import free_port
from tests.vision.engine_contract import LIMITS, assert_alike, assert_keeps_the_contract

pytestmark = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="facepay[ray] isn't installed")

FRAMES_UNDER_LOAD = 40


def identity() -> EngineIdentity:
    return EngineIdentity.of(find_pack(), liveness_model=None, expression_model=None, limits=LIMITS)


def engine_at(port: int, expected: EngineIdentity) -> RemoteEngine:
    return RemoteEngine(EngineAddress.parse(f"ray://127.0.0.1:{port}"), expected, timeout_seconds=20)


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


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    nodes = Nodes(free_port())
    try:
        yield nodes
    finally:
        nodes.end()
        nodes.engine.close()


def test_an_engine_on_two_ray_nodes_keeps_the_contract_and_outlives_one_of_them(
    nodes: Nodes, subtests: pytest.Subtests
) -> None:
    """One test, since the cluster takes longer to start than all that is asked of it."""
    embedded = load_engine(limits=LIMITS, threads=1)
    with subtests.test("a shop that opens before its cluster is up"), pytest.raises(EngineUnavailable):
        nodes.engine.analyse(people()[0])
    nodes.wait_for("ready")
    assert_keeps_the_contract(nodes.engine, embedded, subtests)
    with subtests.test("an engine with other models is refused by name of what differs"):
        assert_refuses_others(nodes)
    with subtests.test("a node that dies under load loses no frame"):
        assert_outlives_a_node(nodes, [embedded.analyse(portrait) for portrait in people()])
    with subtests.test("nobody left is a problem with a code"):
        assert_is_missed(nodes)


def assert_refuses_others(nodes: Nodes) -> None:
    other = engine_at(nodes.port, replace(identity(), pack="yunet_sface@0ba9fbfa", models="0" * 16))
    with closing(other), pytest.raises(EngineMismatch) as refused:
        other.analyse(people()[0])
    assert refused.value.measured == {"differences": ["models", "pack"]}


def assert_outlives_a_node(nodes: Nodes, expected: list[FrameEvidence]) -> None:
    answered = Event()

    def ask(number: int) -> int:
        assert_alike(nodes.engine.analyse(people()[number % 6]), expected[number % 6])
        if number >= FRAMES_UNDER_LOAD // 4:
            answered.set()
        return number

    with ThreadPoolExecutor(8) as threads:
        asked = threads.map(ask, range(FRAMES_UNDER_LOAD))
        assert answered.wait(60)
        nodes.kill("node")
        assert list(asked) == list(range(FRAMES_UNDER_LOAD))


def assert_is_missed(nodes: Nodes) -> None:
    nodes.end()
    with pytest.raises(EngineUnavailable) as away:
        nodes.engine.analyse(people()[0])
    assert (away.value.status, away.value.code) == (503, "engine_unavailable")
    assert "Retry-After" in away.value.headers
