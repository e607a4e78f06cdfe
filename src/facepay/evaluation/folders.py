"""Labelled folders of photographs: who is in each photo, who is never enrolled, what is an attack."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
DEPTH_SUFFIX = ".depth.png"
PEOPLE, STRANGERS, LIVE, ATTACK = "people", "strangers", "live", "attack"


class FolderError(Exception):
    """A folder or a list beside it that says nothing about who is who."""


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo of one person. A `stranger` is searched for and never enrolled."""

    person: str
    path: Path
    stranger: bool


@dataclass(frozen=True, slots=True)
class Presentation:
    """A capture of somebody live (`species` is None), or of an attack of this species."""

    path: Path
    species: str | None


def photos_in(root: Path, *, same_person: Mapping[str, str] | None = None) -> list[Photo]:
    """All labelled photos below `root`, each person's in the order of their names.

    A folder of several photos is a person, named by its path from `root`. Below a folder `strangers`, and where
    there is one photo only, it is a stranger. Where any folder is called `people` or `strangers`, what lies below
    none of them is left out. `same_person` gives the name by which somebody with two is called.

    Raises FolderError where nobody can be tested.
    """
    names = same_person or {}
    folders = [folder for folder in _photo_folders(root) if not _is_presentation(root, folder)]
    labelled = [folder for folder in folders if {PEOPLE, STRANGERS} & set(_parts(root, folder.parent))]
    photos = list(_labelled(root, labelled or folders, names))
    enrolled = Counter(photo.person for photo in photos if not photo.stranger)
    if not enrolled:
        raise FolderError(f"{root} has no folder with several photos of one person")
    return [photo if photo.person not in enrolled else Photo(photo.person, photo.path, False) for photo in photos]


def _labelled(root: Path, folders: list[Path], names: Mapping[str, str]) -> Iterator[Photo]:
    for folder in folders:
        files = _files(folder)
        name = folder.relative_to(root).as_posix()
        stranger = STRANGERS in _parts(root, folder) or len(files) == 1
        for path in files:
            yield Photo(names.get(name, name), path, stranger)


def presentations_in(root: Path) -> list[Presentation]:
    """Captures below `live` and `attack/<species>`, at any depth."""
    found = []
    for folder in _photo_folders(root):
        parts = _parts(root, folder)
        if ATTACK in parts[:-1]:
            species: str | None = parts[parts.index(ATTACK) + 1]
        elif LIVE in parts:
            species = None
        else:
            continue
        found += [Presentation(path, species) for path in _files(folder)]
    return found


def read_same_person(file: Path) -> dict[str, str]:
    """A CSV of `name,other name`, both as paths from the root: the first is called by the second from then on."""
    with file.open(newline="", encoding="utf-8") as lines:
        rows = [row for row in csv.reader(lines) if row and not row[0].startswith("#")]
    if wrong := next((row for row in rows if len(row) != 2), None):
        raise FolderError(f"{file}: {','.join(wrong)!r} is not `name,other name`")
    return {name.strip(): other.strip() for name, other in rows}


def read_groups(file: Path, photos: list[Photo]) -> dict[str, dict[str, str]]:
    """A CSV with the columns `person` and one or more labels: label -> person -> group.

    A person is named by the path from the root, or by the folder's own name. Raises FolderError for a person
    who has no photos: a misspelt name would silently leave them out of their group.
    """
    by_name = {photo.person.rsplit("/", 1)[-1]: photo.person for photo in photos}
    by_name |= {photo.person: photo.person for photo in photos}
    with file.open(newline="", encoding="utf-8") as lines:
        rows = csv.DictReader(lines)
        labels = [name for name in rows.fieldnames or () if name != "person"]
        if not labels or "person" not in (rows.fieldnames or ()):
            raise FolderError(f"{file} needs a header with `person` and at least one label")
        groups: dict[str, dict[str, str]] = {label: {} for label in labels}
        for row in rows:
            if row["person"] not in by_name:
                raise FolderError(f"{file} names {row['person']!r}, who has no photos")
            for label in labels:
                if row[label]:
                    groups[label][by_name[row["person"]]] = row[label]
    return groups


def _photo_folders(root: Path) -> list[Path]:
    return sorted({path.parent for path in root.rglob("*") if _is_photo(path) and path.parent != root})


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if _is_photo(path))


def _is_photo(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.endswith(DEPTH_SUFFIX)


def _is_presentation(root: Path, folder: Path) -> bool:
    return bool({LIVE, ATTACK} & set(_parts(root, folder)))


def _parts(root: Path, folder: Path) -> tuple[str, ...]:
    return folder.relative_to(root).parts
