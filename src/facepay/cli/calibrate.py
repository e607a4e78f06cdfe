"""How alike different people are to the model pack: measure it, on the shop's own members or on photos."""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress
from rich.table import Table

from facepay.cli.running import console, on_database, printed
from facepay.settings import Settings

if TYPE_CHECKING:
    from facepay.calibration.calibration import Calibration
    from facepay.identity.lookalikes import Pair
    from facepay.identity.own_gallery import Measured, Sample
    from facepay.kernel.database import Database

calibrate_app = typer.Typer(invoke_without_command=True)


@calibrate_app.callback()
def calibrate(
    context: typer.Context,
    members: Annotated[int, typer.Option(min=2, help="Compare at most so many, drawn at random.")] = 30_000,
    minutes: Annotated[float, typer.Option(min=0.1, help="Compare no longer than this.")] = 10.0,
    seed: Annotated[int, typer.Option(min=0, help="Another draws other members.")] = 1,
    leave_out_suspicious: Annotated[
        bool, typer.Option("--leave-out-suspicious", help="Fit without pairs that look like one person twice.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing.")] = False,
    report: Annotated[
        Path | None, typer.Option(dir_okay=False, help="An HTML report with figures, which go beside it as PNG.")
    ] = None,
    faces: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Measure on labelled photos instead.")
    ] = None,
    central: Annotated[
        bool, typer.Option("--central", help="With --faces: labels mean the face in the middle, not the nearest.")
    ] = False,
    same_person: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="With --faces: a CSV of people with two names.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="With --faces: write PACK.json there.")
    ] = None,
) -> None:
    """Measure how alike different people are, and decide by it.

    Compares all members with each other, fits the tail of their scores and decides by it from then on. Matches that
    staff found false in a dispute raise it.

    All replicas follow at once. Members who look too alike are marked, and step up. Fewer than
    2,000 members never lower a threshold below the pack's own, and some 320 are the least.
    """
    if context.invoked_subcommand:
        return
    from facepay.calibration.impostors import TooFewPeople
    from facepay.evaluation.figures import FiguresUnavailable, require_figures
    from facepay.evaluation.folders import FolderError
    from facepay.templates.protection import GalleryLocked

    deadline = monotonic() + 60 * minutes
    try:
        if report:
            require_figures()
        if faces:
            _from_photos(faces, central, same_person, output, report, leave_out_suspicious)
        else:
            _from_members(members, seed, deadline, leave_out_suspicious, dry_run, report)
    except (TooFewPeople, GalleryLocked, FolderError, FiguresUnavailable) as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from error


@calibrate_app.command("list")
def list_versions() -> None:
    """The calibrations made for the model pack in the settings."""
    from facepay.calibration.calibration import load_calibration
    from facepay.calibration.versions import CalibrationVersion, versions_of
    from facepay.vision.packs import find_pack

    settings = Settings()
    shipped = load_calibration(find_pack(settings.model_pack).label)

    async def read(database: Database) -> list[CalibrationVersion]:
        async with database.begin() as session:
            return list(await versions_of(session, pack=shipped.pack))

    versions = on_database(read)
    table = Table("version", "made", "people", "pairs", "cosine at FMR 1e-6", "in use", title=shipped.pack)
    for row in versions:
        used = row.numbers().beside(shipped)
        table.add_row(*_described(used, f"{row.created_at:%Y-%m-%d %H:%M}"), "yes" if row.active else "")
    table.add_row(*_described(shipped, "-", "0"), "" if any(row.active for row in versions) else "yes")
    console.print(table)


@calibrate_app.command("use")
def use(version: Annotated[int, typer.Argument(min=0, help="0 is the shipped one.")]) -> None:
    """Decide by another version from now on, on all replicas."""
    from facepay.calibration.versions import CalibrationNotFound, use_version
    from facepay.vision.packs import find_pack

    pack = find_pack(Settings().model_pack).label

    async def change(database: Database) -> None:
        async with database.begin() as session:
            await use_version(session, pack=pack, version=version)

    try:
        on_database(change)
    except CalibrationNotFound as error:
        console.print(f"[red]{error.detail}[/]")
        raise typer.Exit(1) from error
    console.print(f"Calibration [bold]{version or 'shipped'}[/] decides from now on.")


def _from_members(
    members: int, seed: int, deadline: float, leave_out: bool, dry_run: bool, report: Path | None
) -> None:
    import asyncio

    from facepay.bootstrap import master_key
    from facepay.calibration.calibration import load_calibration
    from facepay.identity.own_gallery import draw, measure
    from facepay.review.marks import marks_of
    from facepay.templates.protection import Protection
    from facepay.vision.packs import find_pack

    settings = Settings()
    shipped = load_calibration(find_pack(settings.model_pack).label)

    async def work(database: Database) -> None:
        async with database.begin() as session:
            marks = await marks_of(session, pack=shipped.pack)
        with Progress(console=console) as progress:
            reading, comparing = progress.add_task("reading templates"), progress.add_task("comparing")
            sample = await draw(
                database,
                protection=Protection(master_key(settings)),
                pack=shipped.pack,
                members_max=members,
                seed=seed,
                progress=lambda done, total: progress.update(reading, completed=done, total=total),
            )
            measured = await asyncio.to_thread(
                measure,
                sample.templates_of,
                in_use=shipped,
                source=f"{len(sample.members):,} of {sample.members_in_all:,} members, {marks}",
                leave_out_suspicious=leave_out,
                false_matches=marks.false_matches,
                true_matches=marks.true_matches,
                progress=lambda done, total: progress.update(comparing, completed=done, total=total),
                stop=lambda: monotonic() > deadline,
            )
        await _settle(database, sample, measured, shipped, settings, dry_run, report)

    on_database(work)


async def _settle(
    database: Database,
    sample: Sample,
    measured: Measured,
    shipped: Calibration,
    settings: Settings,
    dry_run: bool,
    report: Path | None,
) -> None:
    """Show, write and mark. A fit that does not hold is written, and not used."""
    from facepay.calibration.tail import settled
    from facepay.calibration.versions import add_version
    from facepay.identity.own_gallery import alike, mark_alike
    from facepay.identity.policy import policy_for
    from facepay.kernel.clock import utc_now

    used = settled(measured.fit, shipped).beside(shipped)
    least = policy_for("gate", settings).lookalike_threshold(used, sample.templates_in_all)
    pairs = alike(sample, measured.impostors, least=least)
    _show(measured, used, shipped, settings, pairs, report, subtitle=measured.fit.calibration.source)
    console.print(f"Counted: {measured.fit.calibration.source}.")
    if sample.share < 1:
        console.print(f"{sample.share:.1%} of the members were compared, and so {sample.share**2:.2%} of all pairs.")
    if dry_run:
        return
    async with database.begin() as session:
        row = await add_version(session, fitted=measured.fit, shipped=shipped, active=measured.fit.holds, now=utc_now())
        marked = await mark_alike(session, pairs=pairs, now=utc_now())
    console.print(f"{marked} pairs of members are newly marked as lookalikes.")
    if row.active:
        console.print(f"Calibration [bold]{row.version}[/] decides from now on.")
    else:
        console.print(
            f"The fit does not hold, so calibration {row.version} is kept and not used. Look for one person under two"
            f" names first; `facepay calibrate use {row.version}` uses it all the same."
        )


def _from_photos(
    faces: Path, central: bool, same_person: Path | None, output: Path | None, report: Path | None, leave_out: bool
) -> None:
    from facepay.calibration.calibration import load_calibration
    from facepay.evaluation.folders import photos_in, read_same_person
    from facepay.evaluation.observing import Observer
    from facepay.identity.own_gallery import measure
    from facepay.vision.engine import load_engine
    from facepay.vision.evidence import Floats

    settings = Settings()
    photos = photos_in(faces, same_person=read_same_person(same_person) if same_person else None)
    engine = load_engine(settings.model_pack, provider=settings.execution_provider)
    observer = Observer(engine, subject="central" if central else "nearest", workers=settings.inference_workers)
    templates_of: dict[str, list[Floats]] = {}
    with Progress(console=console) as progress:
        looking, comparing = progress.add_task("embedding"), progress.add_task("comparing")
        seen = observer.observe(
            [photo.path for photo in photos],
            progress=lambda done, total: progress.update(looking, completed=done, total=total),
        )
        for photo, evidence in zip(photos, seen, strict=True):
            if evidence and evidence.faces and evidence.faces[0].embedding is not None:
                templates_of.setdefault(photo.person, []).append(evidence.faces[0].embedding)
        shipped = load_calibration(engine.pack)
        measured = measure(
            list(templates_of.values()),
            in_use=shipped,
            source=f"facepay calibrate --faces: {sum(map(len, templates_of.values())):,} photos in {faces.name}",
            leave_out_suspicious=leave_out,
            fused=False,
            progress=lambda done, total: progress.update(comparing, completed=done, total=total),
        )
    found = measured.fit.calibration
    _show(measured, found, shipped, settings, {}, report, subtitle=found.source)
    if output:
        console.print(f"Written: {found.save(output)}")


def _show(
    measured: Measured,
    used: Calibration,
    shipped: Calibration,
    settings: Settings,
    pairs: dict[Pair, float],
    report: Path | None,
    *,
    subtitle: str,
) -> None:
    from facepay.evaluation.calibration_report import calibration_figures, calibration_page, calibration_tables
    from facepay.kernel.clock import utc_now

    tables = calibration_tables(measured, used, shipped, settings, pairs)
    for table in tables:
        console.print(printed(table))
    if report:
        drawn = calibration_figures(measured, used, settings)
        for name, (png, _) in drawn.items():
            report.with_name(f"{report.stem}-{name}.png").write_bytes(png)
        page = calibration_page(tables, drawn, subtitle=subtitle, made=utc_now())
        report.write_text(page, encoding="utf-8")
        console.print(f"Report: {report}")


def _described(calibration: Calibration, made: str, version: str | None = None) -> tuple[str, ...]:
    threshold = f"{calibration.similarity_at(1e-6):.3f}"
    return version or calibration.version, made, f"{calibration.people:,}", f"{calibration.pairs:,}", threshold
