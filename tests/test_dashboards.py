"""What operators look at and are woken by speaks of figures that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from facepay.kernel.metrics import Metrics

DEPLOY = Path(__file__).parents[1] / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana" / "facepay.json").read_text())
RULES = [
    rule
    for group in yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
METRICS: list[Any] = list(Metrics().registry._collector_to_names)
SCRAPED = {"job", "instance", "le"}  # labels that Prometheus adds, and histograms have


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in RULES)
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


def exposed() -> dict[str, set[str]]:
    """Every name under which a figure is read, and its labels."""
    known: dict[str, set[str]] = {}
    for metric in METRICS:
        for suffix in ("", "_total", "_bucket", "_count", "_sum"):
            known[metric._name + suffix] = set(metric._labelnames)
    return known


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_every_figure_asked_for_exists_with_the_labels_it_is_asked_by(expression: str) -> None:
    known = exposed()
    named = set(re.findall(r"\bfacepay_\w+", expression))
    assert named or expression.startswith("up{")
    assert named <= known.keys()
    for name, selector in re.findall(r"\b(facepay_\w+)\{([^}]*)\}", expression):
        assert set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector)) <= known[name] | SCRAPED
    grouped = {label for labels in re.findall(r"\bby \(([^)]*)\)", expression) for label in labels.split(", ")}
    assert grouped <= set().union(*(known[name] for name in named), SCRAPED)


def test_no_figure_is_left_out_of_the_dashboard() -> None:
    shown = {
        name
        for panel in DASHBOARD["panels"]
        for each in panel.get("targets", ())
        for name in re.findall(r"facepay_\w+", each["expr"])
    }
    assert [metric._name for metric in METRICS if not any(name.startswith(metric._name) for name in shown)] == []


def test_every_alert_says_what_to_do_and_how_urgent_it_is() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(names) == len(set(names))
    for rule in RULES:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"].keys() == {"summary", "action"}


def test_panels_have_places_and_numbers_of_their_own() -> None:
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(numbers) == len(set(numbers))
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place: dict[str, Any] = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells
