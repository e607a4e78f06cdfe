"""`facepay evaluate --smiles`: photos that somebody has labelled, and how well a smile is told from a face at rest."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from facepay.cli import app
from facepay.evaluation.folders import FolderError
from facepay.evaluation.smiles import area_under_curve, read_smiles, receiver_operating_curve
from tests.photos import people

SMILES = (0, 0, 1, 1, 0, 1)  # of the portraits in the installed packages
LABELS = "path,smile\n" + "".join(f"{number}/0.jpg,{smile}\n" for number, smile in enumerate(SMILES))


@pytest.fixture(scope="module")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("portraits")
    for number, portrait in enumerate(people()):
        (root / f"people/{number}").mkdir(parents=True)
        (root / f"people/{number}/0.jpg").write_bytes(portrait)
    (root / "smile.csv").write_text(LABELS)
    return root


def test_a_shop_sees_how_well_smiles_are_told_on_its_own_photos(portraits: Path, tmp_path: Path) -> None:
    figures, report = tmp_path / "figures.json", tmp_path / "report.html"
    wrong = portraits / "one-wrong.csv"
    wrong.write_text(LABELS.replace("0/0.jpg,0", "0/0.jpg,1"))
    arguments = ["evaluate", "--faces", str(portraits), "--smiles", str(wrong), "--json", str(figures)]
    told = CliRunner().invoke(app, [*arguments, "--html", str(report)])
    assert told.exit_code == 0, told.output
    assert "area under the ROC curve" in told.output
    (found,) = json.loads(figures.read_text())["smiles"].values()
    assert (found["photos"], found["people"], found["smiling"], found["no_face"]) == (6, 6, 4, 0)
    assert found["accuracy"]["value"] == pytest.approx(5 / 6)
    assert found["true_positives"]["0.5"]["value"] == pytest.approx(3 / 4)
    assert found["false_positives"]["0.5"]["value"] == 0
    page = report.read_text()
    assert "Receiver operating characteristic" in page
    assert "0/0.jpg, strength 0.2" in page  # the one whose label is wrong is shown
    assert "This file holds photographs" in page


def test_labels_that_say_nothing_are_refused(portraits: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    for text, reason in [
        ("photo,smile\n", "header"),
        ("path,smile\n0/0.jpg,yes\n", "'yes'"),
        ("path,smile\n9/0.jpg,1\n", "isn't there"),
        ("path,smile\n0/0.jpg,1\n1/0.jpg,1\n", "both kinds"),
    ]:
        labels.write_text(text)
        with pytest.raises(FolderError, match=reason):
            read_smiles(labels, portraits)
        told = CliRunner().invoke(app, ["evaluate", "--faces", str(portraits), "--smiles", str(labels)])
        assert told.exit_code == 2


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
@settings(max_examples=25)
def test_the_area_is_the_share_of_pairs_in_order_and_that_under_the_curve(scored: list[tuple[int, bool]]) -> None:
    strength = np.array([score / 5 for score, _ in scored])
    smiles = np.array([smile for _, smile in scored], np.int64)
    area = area_under_curve(strength, smiles, np.arange(len(scored)))
    if smiles.min() == smiles.max():
        assert area.trials == 0
        return
    pairs = np.subtract.outer(strength[smiles == 1], strength[smiles == 0])
    assert area.value == pytest.approx(((pairs > 0) + (pairs == 0) / 2).mean())
    false_positive, true_positive = receiver_operating_curve(strength, smiles)
    assert area.value == pytest.approx(np.trapezoid(true_positive, false_positive))
    assert area.low <= area.value <= area.high
