"""Whether migrations leave the shop open, and the release before running: docs/migrations.md, by squawk's rules."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

# Up to here there are only databases without a shop in them.
BASELINE = "0038_reports"
POSTGRES_OLDEST = "15.0"
# What the code of a release may still use: allowed to a migration that says since when it doesn't.
CONTRACTIONS = frozenset(
    {
        "ban-drop-column",
        "ban-drop-default",
        "ban-drop-function",
        "ban-drop-schema",
        "ban-drop-table",
        "ban-drop-type",
    }
)
# `facepay migrate` sets the timeout. A constraint gives way to a wider one, and null to code that writes it.
ALLOWED = frozenset({"require-lock-timeout", "require-statement-timeout", "ban-drop-constraint", "ban-drop-not-null"})
ANOTHER = "Add another beside it, write both, copy, read the new one, and drop the old one in a later release."
INSTEAD = {
    "changing-column-type": ANOTHER,
    "renaming-column": ANOTHER,
    "renaming-object": ANOTHER,
    "renaming-table": ANOTHER,
    "adding-not-nullable-field": "Add a check `… is not null` as not valid, validate it in a later migration, and set"
    " it not null then.",
} | dict.fromkeys(
    CONTRACTIONS, 'Drop it in a release after the one that stopped using it, and name that: contracts = "1.3.0".'
)
RUNNING = re.compile(r"-- Running upgrade \S* -> (\S+)")


class CheckerMissing(Exception):
    """squawk isn't installed: `pip install facepay[dev]`."""


@dataclass(frozen=True, slots=True)
class Breach:
    """A statement of a migration that would stop the shop, or break the release that still runs."""

    revision: str
    statement: str
    reason: str
    instead: str

    def __str__(self) -> str:
        return f"{self.revision}.py: {self.statement}\n  {self.reason} {self.instead}".rstrip()


def breaches(config: Config, *, baseline: str, release: str) -> list[Breach]:
    """What migrations after `baseline` may not do, in their order. `release` is the one they are written for.

    Raises CheckerMissing.
    """
    scripts = ScriptDirectory.from_config(config)
    if scripts.get_current_head() == baseline:
        return []
    sql = _spelled_out(config, baseline)
    lines = sql.splitlines()
    found = []
    for finding in _squawk(sql):
        rule, first, last = finding["rule_name"], finding["line"], finding["line_end"]
        revision = _revision_at(lines, first)
        if rule.startswith("prefer-") or rule in ALLOWED:
            continue
        declared = getattr(scripts.get_revision(revision).module, "contracts", None)
        if rule in CONTRACTIONS and declared and _version(declared) < _version(release):
            continue
        statement = " ".join(" ".join(lines[first : last + 1]).split())
        instead = INSTEAD.get(rule) or finding.get("help") or ""
        found.append(Breach(revision, statement, finding["message"], instead))
    return found


def _spelled_out(config: Config, baseline: str) -> str:
    sql = StringIO()
    config.output_buffer = sql
    command.upgrade(config, f"{baseline}:head", sql=True)
    return sql.getvalue()


def _squawk(sql: str) -> list[dict[str, Any]]:
    beside = Path(sys.executable).with_name("squawk")
    program = str(beside) if beside.exists() else shutil.which("squawk")
    if program is None:
        raise CheckerMissing(CheckerMissing.__doc__)
    arguments = [program, "--pg-version", POSTGRES_OLDEST, "--reporter", "json"]
    # All in one text: what an earlier migration validated, a later one may build on.
    ran = subprocess.run(arguments, input=sql, capture_output=True, text=True, check=False)  # noqa: S603
    findings: list[dict[str, Any]] = json.loads(ran.stdout)
    return findings


def _revision_at(lines: list[str], number: int) -> str:
    started = (RUNNING.match(line) for line in reversed(lines[: number + 1]))
    return next((match[1] for match in started if match), "")


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))
