"""`facepay evaluate` on a few people from the installed packages, with real models."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from facepay.calibration.calibration import load_calibration
from facepay.cli import app
from facepay.evaluation.ablation import ablation, ablation_table
from facepay.evaluation.degradations import degradations
from facepay.evaluation.evaluate import Bench, Plan
from facepay.evaluation.folders import photos_in
from facepay.evaluation.observing import Observer
from facepay.evaluation.pictures import failures_of
from facepay.evaluation.references import both, each, fused
from facepay.evaluation.summary import summarise
from facepay.evaluation.trial import Trial, Variant, product_policies, run
from facepay.settings import Settings
from facepay.vision.engine import Engine
from facepay.vision.frames import FrameLimits, decode_frame
from tests.photos import people, stranger, variant

POLICIES = product_policies(Settings(_env_file=None))


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five people with three photos each; one whose second photo shows another; a stranger; a live one and a print."""
    root = tmp_path_factory.mktemp("faces")
    *five, sixth = people()
    for number, portrait in enumerate(five):
        _save(root / f"people/{number}", portrait, variant(portrait, quality=60), variant(portrait, scale=0.8))
    _save(root / "people/mislabelled", sixth, five[0])
    _save(root / "strangers/eileen", stranger())
    _save(root / "live", sixth)
    _save(root / "attack/print", five[1])
    return root


def _save(folder: Path, *photos: bytes) -> None:
    folder.mkdir(parents=True)
    for number, photo in enumerate(photos):
        (folder / f"{number}.jpg").write_bytes(photo)


@pytest.fixture(scope="module")
def bench(faces: Path, engine: Engine) -> Bench:
    paths = [photo.path for photo in photos_in(faces)]
    observer = Observer(engine)
    seen = dict(zip(paths, observer.observe(paths), strict=True))
    return Bench(observer, load_calibration(engine.pack), seen, lambda *_: None)


@pytest.fixture(scope="module")
def trial(faces: Path, bench: Bench) -> Trial:
    return bench.run(Variant(name="one photo", policies=POLICIES), photos_in(faces))


def test_members_are_found_and_a_wrong_label_is_shown_as_a_wrong_person(trial: Trial) -> None:
    gate = {
        search.photos[0].path.parent.name + "/" + search.photos[0].path.name: search.verdicts["gate"]
        for search in trial.searches
    }
    assert gate.pop("eileen/0.jpg") == "refused"
    assert gate.pop("mislabelled/1.jpg") == "wrong person"
    assert set(gate.values()) == {"right"}
    assert len(gate) == 10


def test_every_photo_counts_once_in_the_figures(trial: Trial) -> None:
    summary = summarise(trial, pack="here", groups={"side": {"people/0": "left", "people/mislabelled": "right"}})
    assert (summary.members, summary.templates, summary.mated_searches, summary.non_mated_searches) == (6, 6, 11, 12)
    assert summary.rank_one.value == pytest.approx(10 / 11)
    assert summary.uses["gate"].members["wrong person"].value == pytest.approx(1 / 11)
    assert summary.uses["gate"].strangers["let in"].value == 0
    assert summary.groups["side"]["left"].fnir.value == 0
    assert summary.groups["side"]["right"].fnir.value == 1
    assert trial.genuine.sum() == 11
    assert trial.impostor.sum() == 11 * 5 + 6


def test_the_picture_of_a_failure_shows_both_people(trial: Trial) -> None:
    (failure,) = failures_of(trial)
    assert failure.verdict == "wrong person"
    assert "people/0" in failure.caption
    height, width = decode_frame(failure.jpeg, limits=FrameLimits()).shape[:2]
    assert width > 2.9 * height  # searched for, the right one, the wrong one


def test_two_who_disagree_are_not_enrolled_as_one(faces: Path, bench: Bench) -> None:
    photos = [photo for photo in photos_in(faces) if "mislabelled" in photo.person or "people/1" in photo.person]
    last = photos[-1]
    photos.append(last)  # a third, so that both earlier ones are offered
    found = bench.run(Variant(name="two", policies=POLICIES, enrol=2), photos)
    assert [code for _, code in found.refused_photos] == ["faces_disagree"]
    assert found.templates == 3


@pytest.mark.parametrize(("grouping", "rows"), [(fused, 1), (each, 2), (both, 3)])
def test_references_differ_and_the_templates_behind_them_are_counted_alike(
    faces: Path, bench: Bench, grouping: object, rows: int
) -> None:
    photos = [photo for photo in photos_in(faces) if photo.person in {"people/1", "people/2"}]
    variant_ = Variant(name="", policies=POLICIES, enrol=2, references=grouping)  # type: ignore[arg-type]
    found = bench.run(variant_, photos)
    assert found.templates == 4
    assert all(search.verdicts["gate"] == "right" for search in found.searches)
    assert all(search.ranking and search.ranking.searched == 4 for search in found.searches)


def test_a_burst_is_one_search(faces: Path, bench: Bench) -> None:
    found = bench.run(Variant(name="", policies=POLICIES, burst=2), photos_in(faces))
    assert sum(search.expected for search in found.searches) == 6
    assert [len(search.photos) for search in found.searches if search.person == "people/3"] == [2]


def test_poor_copies_are_never_somebody_else(faces: Path, bench: Bench, engine: Engine) -> None:
    photos = [photo for photo in photos_in(faces) if photo.person == "people/3" or photo.stranger][1:]
    searched = photos[1:]
    for name, alter in degradations().items():
        seen = Observer(engine).observe([photo.path for photo in searched], alter=alter)
        copies = dict(zip(searched, seen, strict=True))
        found = run(
            Variant(name=name, policies=POLICIES),
            photos,
            bench.evidence_of,
            bench.calibration,
            copy_of=copies.__getitem__,
        )
        assert not {"wrong person", "let in"} & {search.verdicts["gate"] for search in found.searches}, name


def test_each_row_of_the_ablation_searches_for_the_same_photos(faces: Path, bench: Bench) -> None:
    photos = [photo for photo in photos_in(faces) if photo.person in {"people/1", "people/2"}]
    photos += photos[:1]  # four of the first, so that one is left beside three
    trials = [bench.run(variant_, sorted(photos, key=lambda photo: photo.person)) for variant_ in ablation(POLICIES)]
    assert len({tuple(search.photos for search in trial.searches) for trial in trials}) == 1
    table = ablation_table("", "", trials)
    assert [row[1] for row in table.rows[:2]] == ["0.400", f"{trials[1].searches[0].decisions['gate'].threshold:.3f}"]
    assert {len(row) for row in table.rows} == {len(table.columns)}


def test_a_photo_is_looked_at_once_however_often_it_is_asked_for(faces: Path, engine: Engine) -> None:
    observer = Observer(engine)
    path = photos_in(faces)[0].path
    first, again = observer.observe([path, path])
    assert first is again
    assert first
    assert first.faces


def test_a_file_that_is_no_picture_is_a_failure_to_acquire(faces: Path, engine: Engine, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    assert Observer(engine).observe([broken]) == [None]


def test_the_command_writes_figures_for_machines_and_a_report_for_people(tmp_path: Path) -> None:
    figures, report, faces = tmp_path / "figures.json", tmp_path / "report.html", tmp_path / "faces"
    _save(faces / "people/0", people()[0], variant(people()[0], quality=60))
    _save(faces / "people/mislabelled", people()[5], people()[0])
    _save(faces / "strangers/eileen", stranger())
    arguments = ["evaluate", "--faces", str(faces), "--set", "gate_fpir_target=1e-9"]
    result = CliRunner().invoke(app, [*arguments, "--json", str(figures), "--html", str(report)])
    assert result.exit_code == 0, result.output
    usual, strict = json.loads(figures.read_text())["summaries"]
    assert strict["uses"]["gate"]["threshold"] > usual["uses"]["gate"]["threshold"]
    assert set(usual["timings_ms"]) >= {"decode", "detect", "embed", "total"}
    page = report.read_text()
    assert page.count("data:image/png") == 3
    assert "holds photographs" in page
    assert "http" not in page.split("</style>")[1]
    assert report.stat().st_mode & 0o077 == 0


def test_without_matplotlib_a_report_is_refused_before_the_work(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facepay.evaluation.figures.find_spec", lambda name: None)
    result = CliRunner().invoke(app, ["evaluate", "--faces", str(faces), "--html", str(tmp_path / "report.html")])
    assert result.exit_code == 2
    assert "pip install 'facepay[report]'" in result.output


def test_a_setting_that_there_is_not_is_named(faces: Path) -> None:
    result = CliRunner().invoke(app, ["evaluate", "--faces", str(faces), "--set", "gate_fprr=1"])
    assert result.exit_code == 2
    assert "gate_fprr" in result.output


def test_variants_are_named_by_what_differs() -> None:
    settings = Settings(_env_file=None)
    plan = Plan(photos=[], settings={"as set": settings}, packs=["a"], enrol=[1, 3], burst=[1])
    assert [each_.name for each_ in plan.variants("a")] == ["1 enrolled", "3 enrolled"]


def test_degradations_do_what_they_say() -> None:
    portrait = people()[0]
    image = decode_frame(portrait, limits=FrameLimits()).astype(float)
    copies = {name: decode_frame(alter(portrait), limits=FrameLimits()) for name, alter in degradations().items()}
    assert np.abs(copies["as it is"] - image).mean() < 3
    assert copies["half brightness"].mean() == pytest.approx(image.mean() / 2, rel=0.02)
    assert copies["half size"].shape[0] == image.shape[0] // 2
    assert np.abs(copies["noisy"] - image).mean() > 6
