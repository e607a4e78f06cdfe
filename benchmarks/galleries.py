"""Does the calibrated threshold hold its target among ten thousand members, and among a million?

Draws a gallery of people who never lived, as alike as the real ones in `--faces` (see
`facepay.evaluation.synthetic`), and searches it for strangers and members. Beside the calibrated threshold of each
use stands the fixed 0.40 that others take. `--faces` (or FACEPAY_FACES) holds labelled photos as `facepay evaluate`
takes them.

    OPENBLAS_NUM_THREADS=2 python -m benchmarks.galleries --templates 10000 1000000
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from facepay.calibration.calibration import Calibration, load_calibration
from facepay.evaluation.ablation import FIXED_SIMILARITY
from facepay.evaluation.folders import photos_in, read_same_person
from facepay.evaluation.observing import Observer
from facepay.evaluation.synthetic import (
    LargeSearch,
    Population,
    fitted,
    impostor_rates,
    population_of,
    search_large,
)
from facepay.evaluation.tables import percent
from facepay.identity.policy import Use, policy_for
from facepay.settings import Settings
from facepay.vision.engine import load_engine

SAME_PERSON = Path(__file__).with_name("same_person.csv")
SEARCHED_FOR: tuple[Use, ...] = ("gate", "pay_chain", "door")
SHOWN_FMRS = (1e-4, 1e-5, 1e-6, 1e-7)
FIT_SHOWN_PEOPLE = 24_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, default=os.environ.get("FACEPAY_FACES"), help="the folder of photos")
    parser.add_argument("--pack", default=Settings().model_pack)
    parser.add_argument("--templates", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--strangers", type=int, default=20_000, help="strangers searched for")
    parser.add_argument("--members", type=int, default=2_000, help="members searched for")
    options = parser.parse_args()
    if options.faces is None:
        parser.error("give --faces or set FACEPAY_FACES")
    console = Console()
    with Progress(console=console) as bars:
        population, calibration = drawn_from(options.faces, options.pack, bars)
        console.print(_fit(population, calibration))
        for templates in options.templates:
            # A million times ten thousand cosines take minutes.
            strangers = options.strangers if templates <= 100_000 else max(1, options.strangers // 2)
            found = search_large(
                population,
                templates=templates,
                strangers=strangers,
                members=min(options.members, templates),
                progress=told(bars, f"{templates:,} templates"),
            )
            console.print(_outcome(found, calibration))


def drawn_from(faces: Path, pack: str, bars: Progress) -> tuple[Population, Calibration]:
    photos = photos_in(faces, same_person=read_same_person(SAME_PERSON))
    observer = Observer(load_engine(pack, threads=1), subject="central", workers=os.cpu_count() or 1)
    evidences = observer.observe([photo.path for photo in photos], progress=told(bars, "photos"))
    seen = [
        (photo.person, evidence.faces[0].embedding)
        for photo, evidence in zip(photos, evidences, strict=True)
        if evidence and evidence.faces
    ]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(name for name, _ in seen))}
    population = population_of(
        np.array([embedding for _, embedding in seen], np.float32), np.array([numbers[name] for name, _ in seen])
    )
    calibration = load_calibration(observer.pack)
    return fitted(population, calibration, progress=told(bars, "fitting")), calibration


def _fit(population: Population, calibration: Calibration) -> Table:
    table = Table(title=f"Impostor scores as drawn, {FIT_SHOWN_PEOPLE:,} people who are not those of the fit")
    for column in ("calibrated FMR", "cosine", "drawn", "drawn / calibrated"):
        table.add_column(column, justify="right")
    at = np.array([calibration.similarity_at(fmr) for fmr in SHOWN_FMRS])
    drawn = impostor_rates(population, at, people=FIT_SHOWN_PEOPLE, seed=7)
    for fmr, cosine, rate in zip(SHOWN_FMRS, at, drawn, strict=True):
        table.add_row(f"{fmr:.0e}", f"{cosine:.3f}", f"{rate:.2e}", f"{rate / fmr:.2f}")
    return table


def _outcome(found: LargeSearch, calibration: Calibration) -> Table:
    table = Table(
        title=f"{found.templates:,} templates, {len(found.strangers):,} strangers and {len(found.mated):,} members "
        "searched for (95 % intervals)"
    )
    for column in ("", "threshold", "target FPIR", "FPIR", "FNIR"):
        table.add_column(column, justify="right" if column else "left")
    for use in SEARCHED_FOR:
        policy = policy_for(use, Settings())
        threshold = policy.threshold(calibration, found.templates)
        table.add_row(
            use,
            f"{threshold:.3f}",
            f"{100 * policy.fpir_target:g} %",
            percent(found.fpir(threshold)),
            percent(found.fnir(threshold)),
        )
    fixed = (percent(found.fpir(FIXED_SIMILARITY)), percent(found.fnir(FIXED_SIMILARITY)))
    table.add_row("fixed", f"{FIXED_SIMILARITY:.3f}", "", *fixed)
    return table


def told(bars: Progress, step: str) -> Callable[[int, int], None]:
    task = bars.add_task(step)
    return lambda done, total: bars.update(task, completed=done, total=total)


if __name__ == "__main__":
    main()
