"""Model packs side by side, and the yes that a licence for research only asks for."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer
from rich.table import Table

from facepay.calibration.calibration import Calibration, load_calibration
from facepay.cli.running import console
from facepay.settings import Settings
from facepay.vision.accuracy import PUBLISHED, Measured, Published, measured_accuracy
from facepay.vision.packs import WHEEL_PACKS, Licence, ModelPack, PackError, find_pack, licence_of, survey_packs

LABEL_WIDTH, PACK_WIDTH = 17, 21  # three packs on 80 columns


@dataclass(frozen=True, slots=True)
class Entry:
    """What there is to say about one pack; of one that isn't installed, what is known all the same."""

    name: str
    licence: Licence
    pack: ModelPack | None
    missing: str | None
    calibration: Calibration | None
    measured: Measured | None
    published: Published | None

    @property
    def chosen(self) -> bool:
        return Settings().model_pack == self.name


def models(
    as_json: Annotated[bool, typer.Option("--json", help="Everything, for machines; hashes in full.")] = False,
) -> None:
    """Model packs side by side: licence, accuracy, speed, and where to get what isn't installed."""
    entries = [_entry(name, found) for name, found in survey_packs()]
    if as_json:
        print(json.dumps([_plain(entry) for entry in entries], indent=2))
        return
    at_once = max(1, (console.width - LABEL_WIDTH) // PACK_WIDTH)
    for start in range(0, len(entries), at_once):
        console.print(_table(entries[start : start + at_once]))
    for entry in entries:
        if entry.missing:
            console.print(f"{entry.name}: {entry.missing}", highlight=False, markup=False, soft_wrap=True)
    console.print(
        "FNMR: pairs of photos of one person that are refused at a rate of false matches (FMR), one photo against "
        "one, measured here on half of LFW. True accepts at FMR 1e-6 are the makers' own figures, on faces from "
        "all over the world and on East Asian faces alone. Measure on your own: facepay calibrate, facepay evaluate.",
        style="dim",
        highlight=False,
    )


def require_licence(settings: Settings) -> None:
    """Let nobody run weights for research only without having said yes: in the settings, or now, at a terminal.

    Raises PackError where the pack can't be used, and typer.Exit without a yes.
    """
    licence = find_pack(settings.model_pack).licence
    if licence.commercial or settings.accept_research_licence:
        return
    alternative = next(pack for pack in WHEEL_PACKS.values() if pack.licence.commercial)
    console.print(
        f"The models of {settings.model_pack} may not be used by every shop. {licence.name}.", highlight=False
    )
    console.print(
        f"FACEPAY_MODEL_PACK={alternative.name} is for all: {alternative.licence.name}; `facepay models` compares.",
        highlight=False,
    )
    if sys.stdin.isatty() and typer.confirm("Is your use within that licence?"):
        console.print("FACEPAY_ACCEPT_RESEARCH_LICENCE=true, in .env too, says so from the start.", highlight=False)
        return
    console.print("To use them within it, set FACEPAY_ACCEPT_RESEARCH_LICENCE=true.", highlight=False)
    raise typer.Exit(1)


def _entry(name: str, found: ModelPack | PackError) -> Entry:
    if isinstance(found, PackError):
        return Entry(name, licence_of(name), None, str(found), None, None, PUBLISHED.get(name))
    calibration = load_calibration(found.label)
    return Entry(
        name,
        found.licence,
        found,
        None,
        calibration if calibration.pairs else None,
        measured_accuracy().get(found.label),
        PUBLISHED.get(name),
    )


def _table(entries: list[Entry]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("", width=LABEL_WIDTH - 1, style="dim")
    for entry in entries:
        table.add_column(f"{entry.name} (in use)" if entry.chosen else entry.name, width=PACK_WIDTH - 1)
    for label, text in ROWS:
        table.add_row(label, *(text(entry) for entry in entries))
    return table


def _of(part: str, text: Callable[[Any], str], unknown: str = "") -> Callable[[Entry], str]:
    """A row's cells: `text` of this part of an entry, where it has one."""
    return lambda entry: unknown if getattr(entry, part) is None else text(getattr(entry, part))


ROWS: tuple[tuple[str, Callable[[Entry], str]], ...] = (
    ("installed", lambda entry: "yes" if entry.pack else "no"),
    ("commercial use", lambda entry: "yes" if entry.licence.commercial else "no"),
    ("licence", lambda entry: entry.licence.name),
    ("label", _of("pack", lambda pack: pack.label)),
    ("embedding", _of("pack", lambda pack: f"{pack.embedding_dim()} numbers")),
    ("size", _of("pack", lambda pack: f"{pack.size_bytes / 1e6:.1f} MB")),
    ("SHA-256", _of("pack", lambda pack: "\n".join(f"{file.sha256[:8]}… {_role(pack, file)}" for file in pack.files))),
    ("calibrated", _of("calibration", lambda found: f"{found.people:,} people")),
    ("faces found", _of("measured", lambda figures: f"{figures.faces_found:.2%}")),
    ("FNMR at FMR 1e-4", _of("measured", lambda figures: f"{figures.fnmr_at_fmr_1e_4:.2%}")),
    ("FNMR at FMR 1e-5", _of("measured", lambda figures: f"{figures.fnmr_at_fmr_1e_5:.2%}")),
    ("one frame", _of("measured", lambda figures: f"{figures.frame_cpu_ms:.0f} ms of a core")),
    ("memory", _of("measured", lambda figures: f"{figures.memory_mb:.0f} MB")),
    ("measured", _of("measured", lambda figures: figures.date)),
    ("accepts at 1e-6", _of("published", lambda figures: f"{figures.all_groups:.1%}", "not published")),
    ("  East Asian", _of("published", lambda figures: f"{figures.east_asian:.1%}", "not published")),
    ("  figures by", _of("published", lambda figures: figures.source)),
)


def _role(pack: ModelPack, file: object) -> str:
    return next(role for role in ("detector", "recogniser", "landmarks") if getattr(pack, role) == file)


def _plain(entry: Entry) -> dict[str, Any]:
    pack = entry.pack
    return {
        "name": entry.name,
        "in_use": entry.chosen,
        "installed": pack is not None,
        "missing": entry.missing,
        "label": pack and pack.label,
        "licence": asdict(entry.licence),
        "embedding_dim": pack and pack.embedding_dim(),
        "size_bytes": pack and pack.size_bytes,
        "files": [{"role": _role(pack, file), "path": str(file.path), "sha256": file.sha256} for file in pack.files]
        if pack
        else [],
        "calibration": entry.calibration and asdict(entry.calibration),
        "measured": entry.measured and asdict(entry.measured),
        "published": entry.published and asdict(entry.published),
    }
