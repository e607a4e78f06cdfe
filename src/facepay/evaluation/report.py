"""The report as one self-contained HTML file: tables, figures, and pictures of what went wrong."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape

import numpy as np

from facepay.evaluation.figures import Curve, error_trade_off, receiver_operating, score_histogram
from facepay.evaluation.metrics import Searches, fnir, fpir
from facepay.evaluation.pictures import Failure, smile_failures_of
from facepay.evaluation.smiles import SmileTrial, receiver_operating_curve
from facepay.evaluation.summary import FPIR_TARGETS, Summary
from facepay.evaluation.tables import Table
from facepay.evaluation.trial import Trial

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<header><h1>{title}</h1><p>{subtitle}</p></header>
{warning}
{body}
<footer>Made by facepay on {made}.</footer>
</main>
</body>
</html>
"""
_STYLE = """
:root { --ink: #16202b; --soft: #5d6b7a; --line: #d9dfe6; --wash: #f4f6f8; --bad: #a3341c; }
* { box-sizing: border-box; margin: 0; }
body { background: var(--wash); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC", sans-serif; }
main { max-width: 1120px; margin: 32px auto; padding: 44px 48px; background: #fff; border: 1px solid var(--line);
  border-radius: 6px; }
h1 { font-size: 28px; line-height: 1.2; font-weight: 650; }
h2 { margin: 36px 0 4px; font-size: 19px; font-weight: 650; }
header p, .note, figcaption, footer { color: var(--soft); font-size: 13px; }
.note { max-width: 80ch; margin-bottom: 10px; }
.warning { margin-top: 18px; padding: 10px 14px; border-left: 4px solid var(--bad); background: var(--wash); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 14px; }
th, td { padding: 6px 20px 6px 0; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th { color: var(--soft); font-weight: 500; font-size: 13px; border-color: var(--ink); vertical-align: bottom;
  white-space: normal; }
th:first-child, td:first-child { text-align: left; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)); gap: 20px; }
.figures img { width: 100%; }
.failures { display: grid; grid-template-columns: repeat(auto-fill, minmax(240px, 1fr)); gap: 18px; }
.failures img { width: 100%; border-radius: 4px; }
.failures figcaption { overflow-wrap: anywhere; line-height: 1.35; }
.failures b { color: var(--bad); font-weight: 600; }
footer { margin-top: 36px; padding-top: 14px; border-top: 1px solid var(--line); }
@media (max-width: 700px) { main { margin: 0; padding: 22px 16px; border: 0; }
  .figures { grid-template-columns: 1fr; } }
@media print { body { background: none; } main { max-width: none; margin: 0; padding: 0; border: 0; }
  figure, tr { break-inside: avoid; } }
"""
_WARNING = (
    '<p class="warning">This file holds photographs of the people evaluated. Keep it where the photographs '
    "themselves may be kept, and no longer.</p>"
)


SEARCHED = "The photo searched for, then enrolled photos: the right member&#39;s, and the one it was most like."
LABELLED = "Photos labelled smiling that were found at rest, and photos at rest that were taken for a smile."


def figure(png: bytes, caption: str) -> str:
    words = escape(caption)
    return f'<figure><img src="{_data(png, "png")}" alt="{words}"><figcaption>{words}</figcaption></figure>'


def figures(each: Iterable[str]) -> str:
    return f'<div class="figures">{"".join(each)}</div>'


def section(table: Table) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in table.columns)
    rows = "\n".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in table.rows)
    return (
        f'<section><h2>{escape(table.title)}</h2><p class="note">{escape(table.note)}</p><div class="wide">'
        f"<table><thead><tr>{head}</tr></thead><tbody>\n{rows}\n</tbody></table></div></section>"
    )


def page(title: str, subtitle: str, sections: Sequence[str], *, made: datetime, holds_faces: bool = False) -> str:
    """A whole document, which loads nothing from elsewhere. `sections` are HTML already."""
    return _PAGE.format(
        title=escape(title),
        subtitle=escape(subtitle),
        style=_STYLE,
        warning=_WARNING if holds_faces else "",
        body="\n".join(sections),
        made=f"{made:%d %B %Y, %H:%M %Z}",
    )


def evaluation_page(
    trials: Sequence[Trial],
    summaries: Sequence[Summary],
    tables: Sequence[Table],
    failures: Sequence[Sequence[Failure]],
    smiles: Mapping[str, SmileTrial],
    *,
    folder: str,
    made: datetime,
) -> str:
    """What `facepay evaluate --html` writes; `failures` are each trial's, `smiles` by pack."""
    sections = [section(table) for table in tables]
    if trials:
        sections.insert(1, f"<section><h2>Scores and errors</h2>{figures(_drawn(trials, summaries))}</section>")
    pictures = [_pictures(trial.variant.name, SEARCHED, found) for trial, found in zip(trials, failures, strict=True)]
    if smiles:
        sections.append(f"<section><h2>Smiles told from rests</h2>{figures([_smile_curves(smiles)])}</section>")
    for pack, trial in smiles.items():
        pictures.append(_pictures(f"smiles, {pack}", LABELLED, smile_failures_of(trial.scores)))
    holds_faces = any(pictures)
    return page(
        "Recognition, evaluated", folder, [*sections, *filter(None, pictures)], made=made, holds_faces=holds_faces
    )


def _smile_curves(smiles: Mapping[str, SmileTrial]) -> str:
    curves = {
        f"{pack} (AUC {trial.summary.auc.value:.4f})": receiver_operating_curve(
            trial.scores.strength, trial.scores.smiles
        )
        for pack, trial in smiles.items()
    }
    return figure(receiver_operating(curves), "Receiver operating characteristic of a smile's strength")


def _drawn(trials: Sequence[Trial], summaries: Sequence[Summary]) -> list[str]:
    curves = [trade_off(trial.variant.name, trial.scores()) for trial in trials]
    drawn = [
        figure(
            error_trade_off(curves, false_positive="FPIR", false_negative="FNIR", targets=FPIR_TARGETS),
            "Detection error trade-off of searching the whole gallery",
        )
    ]
    for trial, summary in zip(trials, summaries, strict=True):
        thresholds: dict[str, float] = {use: found.threshold for use, found in summary.uses.items()}
        histogram = score_histogram(trial.impostor.sum(axis=0), trial.genuine.sum(axis=0), thresholds=thresholds)
        drawn.append(figure(histogram, f"Scores of all comparisons, {trial.variant.name}"))
    return drawn


def trade_off(name: str, searches: Searches) -> Curve:
    """FPIR and FNIR at a few hundred thresholds, those of the non-mated searches."""
    at = np.unique(np.quantile(searches.other, 1 - np.geomspace(1 / max(1, len(searches.other)), 1, 300)))
    return Curve(
        name,
        np.array([fpir(searches, threshold) for threshold in at]),
        np.array([fnir(searches, threshold) for threshold in at]),
    )


def _pictures(what: str, note: str, failures: Sequence[Failure]) -> str:
    """Nothing where nothing went wrong."""
    if not failures:
        return ""
    shown = "\n".join(
        f'<figure><img src="{_data(failure.jpeg, "jpeg")}" alt=""><figcaption><b>{escape(failure.verdict)}</b> '
        f"{escape(failure.caption)}</figcaption></figure>"
        for failure in failures
    )
    return (
        f"<section><h2>What went wrong: {escape(what)}</h2>"
        f'<p class="note">{note} Look before you believe it: collections hold wrong labels.</p>'
        f'<div class="failures">{shown}</div></section>'
    )


def _data(image: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"
