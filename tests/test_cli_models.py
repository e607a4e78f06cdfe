"""What a shop sees of the model packs, and the yes that some licences ask for."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from facepay.cli import app
from facepay.cli.models import require_licence
from facepay.settings import Settings
from facepay.vision.accuracy import PUBLISHED, measured_accuracy
from facepay.vision.packs import WHEEL_PACKS, PackError, find_pack

ASK = "from facepay.cli.models import *; require_licence(Settings(_env_file=None)); print('began')"


def facepay(*arguments: str, columns: int = 80) -> str:
    result = CliRunner(env={"COLUMNS": str(columns)}).invoke(app, list(arguments))
    assert result.exit_code == 0, result.output
    return result.output


def answer_at_a_terminal(answer: str) -> tuple[int, str]:
    environment = {name: value for name, value in os.environ.items() if name != "FACEPAY_ACCEPT_RESEARCH_LICENCE"}
    ours, theirs = pty.openpty()
    try:
        os.write(ours, f"{answer}\n".encode())
        done = subprocess.run(
            [sys.executable, "-c", ASK], stdin=theirs, env=environment, capture_output=True, text=True, timeout=60
        )
    finally:
        os.close(ours)
        os.close(theirs)
    return done.returncode, done.stdout


def test_the_packs_stand_side_by_side_with_what_a_shop_has_to_know() -> None:
    packs: dict[str, dict[str, Any]] = {pack["name"]: pack for pack in json.loads(facepay("models", "--json"))}
    research, commercial = packs["buffalo_sc"], packs["yunet_sface"]
    assert (research["licence"]["commercial"], commercial["licence"]["commercial"]) == (False, True)
    assert (research["embedding_dim"], commercial["embedding_dim"]) == (512, 128)
    for pack in (research, commercial):
        assert pack["calibration"]["people"] > 1_000
        assert 0 < pack["measured"]["fnmr_at_fmr_1e_4"] < pack["measured"]["fnmr_at_fmr_1e_5"] < 0.1
        assert [len(file["sha256"]) for file in pack["files"]] == [64] * len(pack["files"])
    assert research["published"]["east_asian"] < research["published"]["all_groups"]
    assert not packs["buffalo_l"]["licence"]["commercial"]


@pytest.mark.parametrize("columns", [80, 120])
def test_the_packs_fit_on_a_terminal(columns: int) -> None:
    lines = facepay("models", columns=columns).splitlines()
    row = next(line for line in lines if line.startswith("commercial use"))
    assert row.split()[2:] == ["no", "yes", "no"]
    assert all(len(line) <= columns for line in lines if not line.startswith("buffalo_l:"))


def test_every_pack_that_comes_along_was_measured_and_only_published_figures_are_quoted() -> None:
    assert measured_accuracy().keys() == {find_pack(name).label for name in WHEEL_PACKS}
    assert all(figures.source == "InsightFace" for figures in PUBLISHED.values())


def test_weights_for_research_run_after_a_yes_only() -> None:
    assert answer_at_a_terminal("n")[0] == 1
    code, output = answer_at_a_terminal("y")
    assert code == 0
    assert output.endswith("began\n")


def test_without_a_terminal_the_setting_is_the_yes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FACEPAY_ACCEPT_RESEARCH_LICENCE", raising=False)
    refused = CliRunner().invoke(app, ["serve"])
    assert refused.exit_code == 1
    assert "FACEPAY_ACCEPT_RESEARCH_LICENCE=true" in refused.output
    assert "FACEPAY_MODEL_PACK=yunet_sface" in refused.output
    require_licence(Settings(_env_file=None, accept_research_licence=True))


def test_a_pack_that_every_shop_may_use_asks_nothing() -> None:
    require_licence(Settings(_env_file=None, model_pack="yunet_sface"))


def test_a_pack_that_is_nowhere_is_refused_before_the_database_starts() -> None:
    with pytest.raises(PackError, match="No model pack"):
        require_licence(Settings(_env_file=None, model_pack="buffalo_zz"))
