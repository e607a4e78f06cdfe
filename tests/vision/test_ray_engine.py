"""The engine on two Ray nodes keeps the contract, outlives one of them, and says so when both are gone."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

import psutil
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
    return RemoteEngine(EngineAddress.parse(f"ray://127.0.0.1:{port}"), expected, timeout_seconds=10)


class Nodes:
    """The process of `tests.vision.ray_nodes`, and the engine that asks its nodes.

    Whatever state Ray is in, nothing here waits longer than it says, and `end` leaves none of its processes.
    """

    def __init__(self, port: int, folder: Path) -> None:
        self.port = port
        self.engine = engine_at(port, identity())
        self._said, self._complaints = folder / "said", folder / "complaints"
        (folder / "ray").mkdir()
        # Not into pipes: whoever else holds one's end could keep a reader waiting for ever.
        with self._said.open("w") as said, self._complaints.open("w") as complaints:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.vision.ray_nodes", str(port)],
                env=os.environ | {"RAY_TMPDIR": str(folder)},
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=complaints,
                start_new_session=True,
            )

    def wait_for(self, word: str, *, seconds_max: float) -> None:
        deadline = time.monotonic() + seconds_max
        while word not in self._said.read_text().split():
            if self._process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"Ray's nodes were not {word} within {seconds_max} s, but stood here:\n{self._standing()}")
            time.sleep(0.02)

    def kill_second(self) -> None:
        assert self._process.stdin
        self._process.stdin.write(b"kill\n")
        self._process.stdin.flush()
        self.wait_for("killed", seconds_max=30)

    def listen_on(self) -> set[str]:
        """The addresses of all its processes' listening sockets."""
        found = [socket for each in session_of(self._process.pid) for socket in each.net_connections("tcp")]
        return {each.laddr.ip.removeprefix("::ffff:") for each in found if each.status == psutil.CONN_LISTEN}

    def end(self) -> None:
        """Kill all of the session, which Ray's workers share though they have groups of their own."""
        deadline = time.monotonic() + 20
        while left := session_of(self._process.pid):
            assert time.monotonic() < deadline, f"not to be killed: {left}"
            for each in left:
                with suppress(psutil.NoSuchProcess):
                    each.kill()
            self._process.poll()
            time.sleep(0.02)

    def _standing(self) -> str:
        """The end of what it wrote, with all its threads' stacks where it still lives."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGABRT)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=5)
        return self._complaints.read_text()[-6000:]


def session_of(leader: int) -> list[psutil.Process]:
    """Its processes that live."""
    found = []
    for each in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, ProcessLookupError, PermissionError):
            if os.getsid(each.pid) == leader and each.status() != psutil.STATUS_ZOMBIE:
                found.append(each)
    return found


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    with TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:  # short: it holds sockets
        nodes = Nodes(free_port(), Path(folder))
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
    nodes.wait_for("ready", seconds_max=150)
    with subtests.test("a deployment elsewhere is refused as long as Serve listens here"):
        nodes.wait_for(f"127.0.0.1:{nodes.port}", seconds_max=30)
    with subtests.test("nobody outside this machine reaches it"):
        assert nodes.listen_on() == {"127.0.0.1"}
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

    threads = ThreadPoolExecutor(8)
    try:
        asked = threads.map(ask, range(FRAMES_UNDER_LOAD), timeout=60)
        assert answered.wait(30)
        nodes.kill_second()
        assert list(asked) == list(range(FRAMES_UNDER_LOAD))
    finally:
        threads.shutdown(cancel_futures=True)


def assert_is_missed(nodes: Nodes) -> None:
    nodes.end()
    with pytest.raises(EngineUnavailable) as away:
        nodes.engine.analyse(people()[0])
    assert (away.value.status, away.value.code) == (503, "engine_unavailable")
    assert "Retry-After" in away.value.headers
