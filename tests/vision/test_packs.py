from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from facepay.vision import packs
from facepay.vision.packs import PackError, available_packs, find_pack


def copy_default_pack(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for file in find_pack().files:
        shutil.copy(file.path, folder)
    return folder


def test_the_default_pack_is_the_pinned_one() -> None:
    pack = find_pack()
    assert pack.name == "buffalo_sc"
    assert pack.label == "buffalo_sc@9cc6e4a7"
    assert {file.path.name: file.sha256 for file in pack.files} == packs.PINNED_SHA256
    assert "non-commercial" in pack.licence


def test_a_pinned_model_with_another_hash_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = copy_default_pack(tmp_path / "model")
    monkeypatch.setattr(packs, "_wheel_folder", lambda: folder)
    assert find_pack().detector.path.parent == folder
    recogniser = folder / "w600k_mbf.onnx"
    content = bytearray(recogniser.read_bytes())
    content[-1] ^= 1
    recogniser.write_bytes(content)
    with pytest.raises(PackError, match=r"w600k_mbf\.onnx is not the pinned one"):
        find_pack()
    recogniser.unlink()
    with pytest.raises(PackError, match="missing"):
        find_pack()


def test_a_pack_is_found_by_path_and_its_models_by_their_shapes(tmp_path: Path) -> None:
    folder = copy_default_pack(tmp_path / "mine")
    (folder / "w600k_mbf.onnx").rename(folder / "anything.onnx")
    pack = find_pack(folder)
    assert pack.label == "mine@9cc6e4a7"
    assert pack.recogniser.path.name == "anything.onnx"
    assert pack.detector.path.name == "scrfd_500m_bnkps.onnx"
    assert pack.landmarks is not None
    assert pack.landmarks.path.name == "2d106det.onnx"


def test_a_pack_is_found_by_name_where_insightface_keeps_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "INSIGHTFACE_MODELS", tmp_path)
    copy_default_pack(tmp_path / "buffalo_x")
    assert find_pack("buffalo_x").label == "buffalo_x@9cc6e4a7"
    assert [pack.name for pack in available_packs()] == ["buffalo_sc", "buffalo_x"]


def test_a_pack_that_is_nowhere_or_incomplete_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="No model pack 'buffalo_zz'"):
        find_pack("buffalo_zz")
    (copy_default_pack(tmp_path / "half") / "scrfd_500m_bnkps.onnx").unlink()
    with pytest.raises(PackError, match="has no detector"):
        find_pack(tmp_path / "half")
    (tmp_path / "half" / "broken.onnx").write_bytes(b"not a model")
    with pytest.raises(PackError, match=r"broken\.onnx"):
        find_pack(tmp_path / "half")
