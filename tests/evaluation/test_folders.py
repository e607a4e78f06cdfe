"""A labelled folder says who is in each photo."""

from __future__ import annotations

from pathlib import Path

import pytest

from facepay.evaluation.folders import FolderError, photos_in, presentations_in, read_groups, read_same_person


def tree(root: Path, *files: str) -> Path:
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def labels(root: Path, **options: dict[str, str]) -> dict[str, tuple[int, bool]]:
    found: dict[str, tuple[int, bool]] = {}
    for photo in photos_in(root, **options):
        count, _ = found.get(photo.person, (0, False))
        found[photo.person] = count + 1, photo.stranger
    return found


def test_a_folder_of_several_photos_is_a_person_and_of_one_a_stranger(tmp_path: Path) -> None:
    root = tree(tmp_path, "ann/1.jpg", "ann/2.PNG", "ann/notes.txt", "shop/bob/1.jpeg", "shop/bob/2.jpg", "eve/1.jpg")
    assert labels(root) == {"ann": (2, False), "shop/bob": (2, False), "eve": (1, True)}


def test_strangers_are_never_members_however_many_photos_they_have(tmp_path: Path) -> None:
    root = tree(
        tmp_path, "lfw/people/ann/1.jpg", "lfw/people/ann/2.jpg", "lfw/strangers/eve/1.jpg", "lfw/strangers/eve/2.jpg"
    )
    assert labels(root) == {"lfw/people/ann": (2, False), "lfw/strangers/eve": (2, True)}


def test_beside_a_folder_called_people_nothing_else_counts(tmp_path: Path) -> None:
    root = tree(tmp_path, "people/ann/1.jpg", "people/ann/2.jpg", "expressions/happy.jpg", "expressions/sad.jpg")
    assert labels(root) == {"people/ann": (2, False)}


def test_somebody_with_two_names_is_one_person_and_no_stranger(tmp_path: Path) -> None:
    root = tree(tmp_path / "faces", "people/ann/1.jpg", "people/ann/2.jpg", "strangers/anna/1.jpg")
    names = tmp_path / "names.csv"
    names.write_text("# seen by eye\nstrangers/anna,people/ann\n")
    assert labels(root, same_person=read_same_person(names)) == {"people/ann": (3, False)}


def test_presentations_are_nobodys_photos(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        "ann/1.jpg",
        "ann/2.jpg",
        "live/a.jpg",
        "live/a.depth.png",
        "attack/print/b.jpg",
        "attack/print/x/c.jpg",
    )
    assert labels(root) == {"ann": (2, False)}
    found = {(one.path.name, one.species) for one in presentations_in(root)}
    assert found == {("a.jpg", None), ("b.jpg", "print"), ("c.jpg", "print")}


def test_groups_are_read_by_folder_name_and_a_misspelt_one_is_refused(tmp_path: Path) -> None:
    photos = photos_in(tree(tmp_path / "faces", "people/ann/1.jpg", "people/ann/2.jpg"))
    file = tmp_path / "groups.csv"
    file.write_text("person,sex,age\nann,f,\n")
    assert read_groups(file, photos) == {"sex": {"people/ann": "f"}, "age": {}}
    file.write_text("person,sex\nanne,f\n")
    with pytest.raises(FolderError, match="anne"):
        read_groups(file, photos)


def test_a_folder_without_anybody_to_test_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="several photos"):
        photos_in(tree(tmp_path, "ann/1.jpg", "bob/1.jpg"))
