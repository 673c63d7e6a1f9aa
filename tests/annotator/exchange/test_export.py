"""Exporting a project from the store: the whole file or folder or none, in every format."""

from __future__ import annotations

import errno
import json
import os
import resource
import subprocess
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.exchange import EXPORTS, ExportChoices, ExportTable, Split, export_project
from annotator.exchange.parquet import MOST_ROWS_AT_ONCE
from annotator.exchange.rows import ExportRow
from annotator.labelstudio.config import build_config, parse_config
from annotator.store import (
    Image,
    LabelVector,
    ModelVersion,
    Project,
    Store,
    live_image_ids,
    live_labels,
    store_vectors,
)
from tests.annotator.exchange.conftest import Pets, picture_bytes

MakeProject = Callable[..., Project]
each_format = pytest.mark.parametrize("name", list(EXPORTS))
OLD = "the old one"


def learn(session: Session, project: Project, name: str = "v0001") -> ModelVersion:
    labels = live_labels(session, project.id)
    version = ModelVersion(
        project_id=project.id,
        name=name,
        labels=[label.name for label in labels],
        label_ids=[label.id for label in labels],
        folder=name,
        backbone="handcrafted",
    )
    session.add(version)
    session.flush()
    image_ids = live_image_ids(session, project.id)
    store_vectors(session, version.id, image_ids, np.full((len(image_ids), len(labels)), 0.5))
    project.active_version_id = version.id
    session.flush()
    return version


def everything(output: Path) -> dict[str, bytes]:
    """The bytes of a file or of every file of a folder, and of the card beside it."""
    files = [file for file in output.rglob("*") if file.is_file()] if output.is_dir() else [output]
    files += output.parent.glob(f"{output.name}.card.json")
    return {str(file.relative_to(output.parent)): file.read_bytes() for file in files}


def put_old_export(pets: Pets, name: str, output: Path) -> dict[str, bytes]:
    pets.export(name, output)
    return everything(output)


@each_format
def test_the_same_store_gives_the_same_bytes(pets: Pets, tmp_path: Path, name: str) -> None:
    found = []
    for folder in ("one", "two"):
        output = tmp_path / folder / "labels"
        pets.export(name, output, split=Split(0.5))
        found.append(everything(output))
    assert found[0] == found[1]


@each_format
def test_the_report_counts_every_cell(pets: Pets, tmp_path: Path, name: str) -> None:
    report = pets.export(name, tmp_path / "labels")
    assert (report.images, report.labels, report.model_version) == (6, 4, "v0001")
    assert (report.present, report.absent, report.guessed, report.unknown) == (3, 2, 12, 7)


@each_format
def test_an_export_is_replaced_by_the_next(pets: Pets, tmp_path: Path, name: str) -> None:
    output = tmp_path / "out" / "labels"
    before = put_old_export(pets, name, output)
    pets.export(name, output, split=Split(0.5))
    assert everything(output) != before
    assert {file.name for file in output.parent.iterdir()} <= {"labels", "labels.card.json"}


@each_format
def test_the_table_is_never_whole_in_memory(tmp_path: Path, name: str) -> None:
    alive: weakref.WeakSet[ExportRow] = weakref.WeakSet()
    most = 0
    picture = picture_bytes(1)

    def rows() -> Iterator[ExportRow]:
        nonlocal most
        for number in range(1, 12_001):
            nothing = np.zeros(1, np.int8)
            row = ExportRow(
                number, f"{number}.png", f"/{number}", f"/{number}", number, None, None, nothing,
                np.full(1, np.nan, np.float32), nothing,
            )  # fmt: skip
            alive.add(row)
            most = max(most, len(alive))
            yield row
            del row

    output = tmp_path / "labels"
    if EXPORTS[name].folder:
        output.mkdir()
    config = parse_config(build_config(["cat"]))
    EXPORTS[name].write(ExportTable("Pets", None, ("cat",), rows(), config, lambda _: picture), output)
    assert 0 < most <= 2 * MOST_ROWS_AT_ONCE  # one piece being written, the next being read


@contextmanager
def small_files(room: int) -> Iterator[None]:
    """No file may grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@each_format
def test_where_no_file_may_grow_the_old_export_stays(pets: Pets, tmp_path: Path, name: str) -> None:
    output = tmp_path / "out" / "labels"
    before = put_old_export(pets, name, output)
    told = pytest.raises(OnetagError, match=r"cannot be written \(File too large\)")
    with small_files(100), told:
        pets.export(name, output, split=Split(0.5))
    assert everything(output) == before
    assert {file.name for file in output.parent.iterdir()} <= {"labels", "labels.card.json"}


@dataclass(frozen=True)
class Disk:
    """A place to write to, and how to fill it up."""

    folder: Path
    fill: Callable[[], None]


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """A real file system of 64 KiB; where this user may not mount one, a disk that cannot keep anything."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:

        def full(_descriptor: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        yield Disk(folder, lambda: monkeypatch.setattr(os, "fsync", full))
        return
    yield Disk(folder, lambda: fill(folder / "filler"))
    subprocess.run(["umount", str(folder)], check=True)


def fill(file: Path) -> None:
    """Let a file grow until the disk is full."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT)
    with suppress(OSError):
        while os.write(descriptor, b"x" * 4096):
            pass
    os.close(descriptor)


@each_format
def test_a_full_disk_leaves_the_old_export_as_it_was(pets: Pets, disk: Disk, name: str) -> None:
    output = disk.folder / "labels"
    before = put_old_export(pets, name, output)
    disk.fill()
    there = {file.name for file in disk.folder.iterdir()}
    told = pytest.raises(OnetagError, match=r"cannot be written \(No space left on device\). .* free some")
    with told:
        pets.export(name, output, split=Split(0.5))
    assert everything(output) == before
    assert {file.name for file in disk.folder.iterdir()} == there, "nothing half-written stays"


@each_format
def test_an_export_that_is_interrupted_leaves_the_old_one(
    pets: Pets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    output = tmp_path / "out" / "labels"
    before = put_old_export(pets, name, output)

    def interrupt(self: ExportTable, row: ExportRow) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("annotator.exchange.card.Counts.add", interrupt)
    with pytest.raises(KeyboardInterrupt):
        pets.export(name, output)
    assert everything(output) == before
    assert {file.name for file in output.parent.iterdir()} <= {"labels", "labels.card.json"}


@each_format
def test_a_folder_that_may_not_be_written(
    pets: Pets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Root may write anywhere, so the system's answer is given here."""

    def refuse(*arguments: object, **named: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(OnetagError, match=r"cannot be written \(Permission denied\)"):
        pets.export(name, tmp_path / "locked" / "labels")


@pytest.mark.parametrize("name", [name for name, form in EXPORTS.items() if form.folder])
def test_a_folder_with_anything_else_in_it_is_never_replaced(pets: Pets, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "holiday.jpg").write_text(OLD)
    with pytest.raises(OnetagError, match=r"'holiday\.jpg', which no export has written"):
        pets.export(name, folder)
    (folder / "holiday.jpg").unlink()
    pets.export(name, folder)
    (folder / "notes.txt").write_text(OLD)
    with pytest.raises(OnetagError, match=r"'notes\.txt', which no export has written"):
        pets.export(name, folder)
    assert (folder / "notes.txt").read_text() == OLD


@pytest.mark.parametrize("card", ["", "[]", "{", '{"files": 3}', '{"files": [[]]}'])
def test_a_folder_with_a_damaged_card_is_never_replaced(pets: Pets, tmp_path: Path, card: str) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "card.json").write_text(card)
    with pytest.raises(OnetagError, match="which no export has written"):
        pets.export("npy", folder)


def test_a_folder_cannot_take_the_place_of_a_file(pets: Pets, tmp_path: Path) -> None:
    (tmp_path / "file").write_text(OLD)
    with pytest.raises(OnetagError, match="no folder"):
        pets.export("npy", tmp_path / "file")
    assert (tmp_path / "file").read_text() == OLD


def test_a_place_where_no_file_can_be(sqlite_store: Store, make_project: MakeProject, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with sqlite_store.session() as session:
        project = make_project(session)
        with pytest.raises(OnetagError, match="is a folder"):
            export_project(session, project, EXPORTS["csv"], tmp_path)
        with pytest.raises(OnetagError, match="cannot be written"):
            export_project(session, project, EXPORTS["csv"], tmp_path / "file" / "labels.csv")


def test_a_project_with_nothing_in_it(store: Store, make_project: MakeProject, tmp_path: Path) -> None:
    with store.session() as session:
        empty, unlabelled = make_project(session, images=0), Project(title="New", label_config="")
        session.add(unlabelled)
        session.flush()
        with pytest.raises(OnetagError, match="'Pets' has no images yet"):
            export_project(session, empty, EXPORTS["csv"], tmp_path / "labels.csv")
        session.add(Image(project_id=unlabelled.id, uri="a.jpg"))
        with pytest.raises(OnetagError, match="'New' has no labels yet"):
            export_project(session, unlabelled, EXPORTS["csv"], tmp_path / "labels.csv")
    assert not (tmp_path / "labels.csv").exists()


def test_a_version_by_name(store: Store, make_project: MakeProject, tmp_path: Path) -> None:
    output = tmp_path / "labels.jsonl"
    with store.session() as session:
        project = make_project(session)
        learn(session, project, "v0001")
        pruned = learn(session, project, "v0002")
        session.query(LabelVector).filter(LabelVector.version_id == pruned.id).delete()
        report = export_project(session, project, EXPORTS["jsonl"], output, ExportChoices(version="v0001"))
        assert report.model_version == "v0001"
        with pytest.raises(OnetagError, match=r"no model version 'v9'. The newest are: v0002, v0001"):
            export_project(session, project, EXPORTS["jsonl"], output, ExportChoices(version="v9"))
        with pytest.raises(OnetagError, match="'v0002' are not kept any more"):
            export_project(session, project, EXPORTS["jsonl"], output, ExportChoices(version="v0002"))


def test_progress_counts_the_images(store: Store, make_project: MakeProject, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    with store.session() as session:
        project = make_project(session, images=1201)
        export_project(
            session,
            project,
            EXPORTS["csv"],
            tmp_path / "labels.csv",
            progress=lambda *counts: told.append(counts),
        )
    assert told == [(500, 1201), (1000, 1201), (1201, 1201)]


def test_every_format_is_registered_under_its_name() -> None:
    assert all(name == form.name and form.description for name, form in EXPORTS.items())
    assert len({form.default_output for form in EXPORTS.values()}) == len(EXPORTS)


def test_the_cards_of_all_formats_say_the_same(pets: Pets, tmp_path: Path) -> None:
    cards = []
    for name, form in EXPORTS.items():
        output = tmp_path / form.default_output
        report = pets.export(name, output)
        if report.card:
            cards.append(json.loads(Path(report.card).read_text("utf-8")))
    for card in cards:
        for own in ("format", "files"):
            card.pop(own, None)
    assert len(cards) == 7
    assert all(card == cards[0] for card in cards)
