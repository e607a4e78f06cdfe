"""Optimised networks come from the cache only where they are whole and ours; a frame that is alone gets all cores."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from facepay.vision.engine import load_engine
from facepay.vision.evidence import Floats
from facepay.vision.optimised import GRAPH, WEIGHTS, optimised
from facepay.vision.packs import find_pack
from facepay.vision.recognition import FaceRecogniser
from facepay.vision.rewriting import for_one_face
from facepay.vision.sessions import Elastic, Load, ProviderError, Sessions, chosen, open_session
from tests.photos import camera_frame, people

CROPS = list(np.random.default_rng(7).integers(0, 256, (1, 112, 112, 3), dtype=np.uint8))
MODEL = find_pack().recogniser


def kept(cache: Path) -> Path:
    return optimised(MODEL, "for_one_face", cache=cache).parent


def embedded(graph: Path | bytes) -> Floats:
    return FaceRecogniser(open_session(graph, threads=1)).get_feat(CROPS)


@pytest.fixture(scope="module")
def expected() -> Floats:
    return embedded(for_one_face(MODEL.path))


def test_a_kept_network_embeds_as_the_one_it_was_made_of(tmp_path: Path, expected: Floats) -> None:
    made = kept(tmp_path / "networks")
    before = (made / GRAPH).stat().st_mtime_ns
    assert kept(tmp_path / "networks") == made
    assert (made / GRAPH).stat().st_mtime_ns == before
    assert np.allclose(embedded(made / GRAPH), expected, atol=1e-4)
    assert [path.name for path in (tmp_path / "networks").iterdir()] == [made.name]


def test_a_network_that_is_damaged_or_that_others_could_write_is_made_anew(tmp_path: Path, expected: Floats) -> None:
    made = kept(tmp_path)
    weights = bytearray((made / WEIGHTS).read_bytes())
    weights[len(weights) // 2] ^= 1
    (made / WEIGHTS).write_bytes(weights)
    assert np.allclose(embedded(kept(tmp_path) / GRAPH), expected, atol=1e-4)
    assert (made / WEIGHTS).read_bytes() != bytes(weights)
    (made / GRAPH).unlink()
    assert np.allclose(embedded(kept(tmp_path) / GRAPH), expected, atol=1e-4)
    (made / WEIGHTS).chmod(0o666)
    kept(tmp_path)
    assert (made / WEIGHTS).stat().st_mode & 0o777 == 0o600


def test_workers_that_start_at_once_share_one_network(tmp_path: Path, expected: Floats) -> None:
    with ThreadPoolExecutor(4) as threads:
        made = set(threads.map(kept, [tmp_path] * 4))
    assert list(tmp_path.iterdir()) == list(made)
    assert np.allclose(embedded(made.pop() / GRAPH), expected, atol=1e-4)


def test_a_home_that_can_not_be_written_only_takes_longer(tmp_path: Path, expected: Floats) -> None:
    (tmp_path / "file").touch()
    sessions = Sessions("cpu", threads=1, cache=tmp_path / "file" / "networks")
    found = FaceRecogniser(sessions.open(MODEL, "for_one_face")).get_feat(CROPS)
    assert np.allclose(found, expected, atol=1e-4)


def test_a_start_from_the_cache_imports_neither_onnx_nor_insightface() -> None:
    load = "from facepay.vision.engine import load_engine; load_engine(threads=1); import sys; print(*sys.modules)"
    load_engine(threads=1)  # leaves its networks there
    modules = subprocess.run([sys.executable, "-c", load], check=True, capture_output=True, text=True).stdout.split()
    assert "onnxruntime" in modules
    assert not {"onnx", "insightface", "scipy", "skimage"} & set(modules)


def test_a_frame_alone_has_all_cores_and_several_have_one_each() -> None:
    class Named:
        def __init__(self, name: str) -> None:
            self.name = name

        def run(self, output_names: object, input_feed: object) -> str:
            return self.name

    load = Load()
    session = Elastic(Named("wide"), Named("narrow"), load)  # type: ignore[arg-type]
    with load.frame():
        assert session.run(None, {}) == "wide"  # type: ignore[comparison-overlap]
        with load.frame():
            assert session.run(None, {}) == "narrow"  # type: ignore[comparison-overlap]
        assert session.run(None, {}) == "wide"  # type: ignore[comparison-overlap]


def test_who_runs_the_networks_must_be_there() -> None:
    assert chosen("auto") == chosen("cpu") == "cpu"
    with pytest.raises(ProviderError):
        chosen("cuda")


def test_embeddings_on_openvino_are_interchangeable_with_the_processors() -> None:
    pytest.importorskip("openvino", reason="facepay[openvino] is an extra")
    frame = camera_frame(people())
    ours, theirs = (load_engine(provider=provider).analyse(frame, embed=6).faces for provider in ("cpu", "openvino"))
    for one, other in zip(ours, theirs, strict=True):
        assert one.embedding is not None
        assert other.embedding is not None
        assert one.embedding @ other.embedding >= 0.9995
        assert np.array_equal(one.landmarks, other.landmarks)
