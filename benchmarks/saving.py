"""Figures that are kept beside the docs (`--save`): what was measured, where, when and by which command."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FIGURES = Path(__file__).parents[1] / "docs" / "figures"


def parser(doc: str | None, *, seconds: float, of: str) -> argparse.ArgumentParser:
    """For a benchmark that measures for `--seconds` (`of` says what) and may `--save`."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--seconds", type=float, default=seconds, help=f"of {of} (default: %(default)g)")
    made.add_argument("--save", action="store_true", help="keep the figures for the docs, in docs/figures")
    return made


def save(
    name: str, rows: Sequence[Mapping[str, Any]], *, machine: str | None = None, command: str | None = None
) -> Path:
    """As docs/figures/<name>.json."""
    FIGURES.mkdir(exist_ok=True)
    path = FIGURES / f"{name}.json"
    command = command or " ".join(["python -m", f"benchmarks.{Path(sys.argv[0]).stem}", *sys.argv[1:]])
    kept = {"machine": machine or this_machine(), "date": f"{datetime.now(UTC):%Y-%m-%d}", "command": command}
    path.write_text(json.dumps({**kept, "rows": [*rows]}, indent=1, default=float) + "\n", encoding="utf-8")
    return path


def this_machine() -> str:
    """Cores and processor."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = (line.partition(": ")[2] for line in cpuinfo.read_text().splitlines() if line.startswith("model name"))
        model = next(found, model)
    return f"{os.cpu_count()} cores, {model}"
