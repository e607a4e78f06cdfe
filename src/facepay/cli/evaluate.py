"""How well it recognises, on a shop's own photographs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from facepay.cli.running import console, printed
from facepay.settings import Settings

if TYPE_CHECKING:
    from rich.progress import TaskID

    from facepay.evaluation.evaluate import Findings, Plan
    from facepay.evaluation.observing import Subject

Folder = Annotated[Path, typer.Option(exists=True, file_okay=False, help="The folder of photos.", show_default=False)]


def evaluate(
    faces: Folder,
    pack: Annotated[list[str] | None, typer.Option(help="Model pack; another with each --pack.")] = None,
    enrol: Annotated[list[int] | None, typer.Option(min=1, max=5, help="Photos enrolled of each person.")] = None,
    burst: Annotated[list[int] | None, typer.Option(min=1, max=10, help="Frames of a search.")] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE,…", help="Settings to hold against yours."),
    ] = None,
    central: Annotated[
        bool, typer.Option("--central", help="Labels mean the face in the middle, not the nearest.")
    ] = False,
    folds: Annotated[
        int, typer.Option(min=0, max=10, help="Calibrate on some people and test on others, in so many folds.")
    ] = 0,
    ablation: Annotated[bool, typer.Option("--ablation", help="What each part of the matching is worth.")] = False,
    degrade: Annotated[bool, typer.Option("--degrade", help="Search with poor copies of the photos too.")] = False,
    same_person: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A CSV of people with two names.")
    ] = None,
    groups: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A CSV that says who is in which group.")
    ] = None,
    smiles: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A CSV that says who smiles in which photo.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", dir_okay=False, help="All figures.")] = None,
    html_file: Annotated[
        Path | None, typer.Option("--html", dir_okay=False, help="One report with figures and failures. Holds faces.")
    ] = None,
) -> None:
    """Run a labelled folder through engine, quality, enrolment, gallery and policy, and report the errors.

    A folder of several photos is a person, a folder of one a stranger, and so is everybody below `strangers/`:
    never enrolled, only searched for. Where any folder is called `people` or `strangers`, others are left out.
    `live/` and `attack/<species>/` hold presentations, with depth maps as `<name>.depth.png`.

    `--same-person` is a CSV of `name,other name` for people with two, `--groups` one with a header `person,…` and
    a column for each label, say `person,sex,age`: errors are then shown by group. A person is named by the
    folder's path. `--smiles` is one of `path,smile`, 1 or 0: how well smiles are told from faces at rest. Nothing is
    kept but the files asked for; rates are those of ISO/IEC 19795-1 and 30107-3.
    """
    from facepay.calibration.impostors import TooFewPeople
    from facepay.evaluation.figures import FiguresUnavailable, require_figures
    from facepay.evaluation.folders import FolderError

    try:
        if html_file:
            require_figures()
        plan = _plan(
            faces,
            packs=pack or [Settings().model_pack],
            enrol=enrol or [1],
            burst=burst or [1],
            settings=setting or [],
            subject="central" if central else "nearest",
            folds=folds,
            ablate=ablation,
            degrade=degrade,
            same_person=same_person,
            groups=groups,
            smiles=smiles,
        )
        findings = _evaluated(plan)
    except (FolderError, FiguresUnavailable, TooFewPeople) as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(2) from error
    for table in findings.tables:
        console.print(printed(table))
    if json_file:
        json_file.write_text(json.dumps(_plain(findings), indent=2) + "\n")
    if html_file:
        _write_report(html_file, findings, folder=faces)


def _plan(
    faces: Path,
    *,
    packs: list[str],
    enrol: list[int],
    burst: list[int],
    settings: list[str],
    subject: Subject,
    folds: int,
    ablate: bool,
    degrade: bool,
    same_person: Path | None,
    groups: Path | None,
    smiles: Path | None,
) -> Plan:
    from facepay.evaluation.evaluate import Plan
    from facepay.evaluation.folders import FolderError, photos_in, presentations_in, read_groups, read_same_person
    from facepay.evaluation.smiles import read_smiles

    try:
        photos = photos_in(faces, same_person=read_same_person(same_person) if same_person else None)
    except FolderError:
        if smiles is None:
            raise
        photos = []  # smiles take one photo of each person
    return Plan(
        photos=photos,
        presentations=presentations_in(faces),
        smiles=read_smiles(smiles, faces) if smiles else (),
        settings={"as set": Settings()} | {text: _changed(text) for text in settings},
        packs=packs,
        enrol=enrol,
        burst=burst,
        subject=subject,
        folds=folds,
        ablate=ablate,
        degrade=degrade,
        groups=read_groups(groups, photos) if groups else {},
    )


def _changed(text: str) -> Settings:
    """The settings with these instead. Raises BadParameter for a name that there isn't, or a value it can't have."""
    values = dict(part.partition("=")[::2] for part in text.split(","))
    if unknown := values.keys() - Settings.model_fields.keys():
        raise typer.BadParameter(f"there is no setting {', '.join(sorted(unknown))}")
    try:
        return Settings(**values)  # type: ignore[arg-type]
    except ValidationError as error:
        raise typer.BadParameter(str(error)) from error


def _evaluated(plan: Plan) -> Findings:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from facepay.evaluation.evaluate import evaluate
    from facepay.vision.engine import available_cores

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def progress(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step)
            bars.update(tasks[step], completed=done, total=total)

        return evaluate(plan, threads=available_cores(), progress=progress)


def _plain(findings: Findings) -> dict[str, object]:
    return {
        "summaries": [asdict(summary) for summary in findings.summaries],
        "tables": [asdict(table) for table in findings.tables],
        "presentations": {
            pack: [asdict(summary) for summary in summaries] for pack, summaries in findings.presentations.items()
        },
        "smiles": {pack: asdict(trial.summary) for pack, trial in findings.smiles.items()},
    }


def _write_report(file: Path, findings: Findings, *, folder: Path) -> None:
    from facepay.evaluation.pictures import failures_of
    from facepay.evaluation.report import evaluation_page
    from facepay.kernel.clock import utc_now

    failures = [failures_of(trial) for trial in findings.trials]
    text = evaluation_page(
        findings.trials,
        findings.summaries,
        findings.tables,
        failures,
        findings.smiles,
        folder=str(folder),
        made=utc_now(),
    )
    file.touch(mode=0o600)  # it holds faces
    file.write_text(text, encoding="utf-8")
    console.print(f"The report is in {file}; it holds photographs of those evaluated.")
