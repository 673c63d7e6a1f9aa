"""Exporting a project from the store: the whole file or none, in every format."""

from __future__ import annotations

import csv
import json
import resource
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet
from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.exchange import EXPORTS, ExportTable, export_project
from annotator.exchange.parquet import ROWS_AT_ONCE
from annotator.exchange.rows import ExportRow
from annotator.store import (
    Image,
    LabelVector,
    ModelVersion,
    Observed,
    Project,
    Source,
    Store,
    Submission,
    live_image_ids,
    live_labels,
    record_annotation,
    store_vectors,
)
from annotator.store.types import utc_now

MakeProject = Callable[..., Project]
each_format = pytest.mark.parametrize("name", list(EXPORTS))


def tag(session: Session, project: Project, task: int, observed: list[Observed]) -> None:
    image = session.scalars(
        select(Image).where(Image.project_id == project.id, Image.studio_task == task)
    ).one()
    record_annotation(
        session, project, image, Submission(studio_annotation=task, result=[], skipped=False, annotator="ann",
        lead_time=None, suggested_version=None, suggested=None, observed=observed, at=utc_now()),
    )  # fmt: skip


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


@contextmanager
def small_disk(room: int) -> Iterator[None]:
    """No file may grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@each_format
def test_every_format_tells_the_same(
    store: Store, make_project: MakeProject, tmp_path: Path, name: str
) -> None:
    with store.session() as session:
        project = make_project(session, images=3)
        learn(session, project)
        tag(session, project, 102, [Observed("cat", 1, Source.TAG), Observed("dog", -1, Source.REJECTED)])
    output = tmp_path / "out" / f"labels.{name}"
    with store.reading() as session:
        report = export_project(session, project, EXPORTS[name], output)
    assert (report.images, report.labels, report.model_version) == (3, 3, "v0001")
    assert (report.present, report.absent, report.guessed, report.unknown) == (1, 1, 7, 0)
    tasks, cats, dogs = read(output)
    assert tasks == [101, 102, 103]
    assert cats == [0.5, 1, 0.5]
    assert dogs == [0.5, 0, 0.5]
    assert [file.name for file in output.parent.iterdir()] == [output.name]


@each_format
def test_without_a_model_version_only_what_was_said(
    store: Store, make_project: MakeProject, tmp_path: Path, name: str
) -> None:
    with store.session() as session:
        project = make_project(session, images=2)
        tag(session, project, 101, [Observed("cat", 1, Source.TAG)])
    output = tmp_path / f"labels.{name}"
    with store.reading() as session:
        report = export_project(session, project, EXPORTS[name], output)
    assert report.model_version is None
    assert (report.present, report.absent, report.guessed, report.unknown) == (1, 0, 0, 5)
    assert read(output)[1:] == ([1, None], [None, None])


def read(output: Path) -> tuple[list[int], list[float | None], list[float | None]]:
    """Tasks, and the probabilities of cat and dog."""
    if output.suffix == ".csv":
        with output.open(encoding="utf-8", newline="") as stream:
            cells = list(csv.DictReader(stream))
        columns = [
            [float(row[f"p:{name}"]) if row[f"p:{name}"] else None for row in cells]
            for name in ("cat", "dog")
        ]
        return [int(row["task"]) for row in cells], columns[0], columns[1]
    if output.suffix == ".jsonl":
        lines = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
        values = [[line["probabilities"][name] for line in lines] for name in ("cat", "dog")]
        return [line["task"] for line in lines], values[0], values[1]
    table = parquet.ParquetFile(output).read()  # type: ignore[no-untyped-call]
    return table["task"].to_pylist(), table["p:cat"].to_pylist(), table["p:dog"].to_pylist()


@each_format
def test_a_full_disk_leaves_the_old_file_as_it_was(
    sqlite_store: Store, make_project: MakeProject, tmp_path: Path, name: str
) -> None:
    with sqlite_store.session() as session:
        project = make_project(session, images=400)
    folder = tmp_path / "out"
    folder.mkdir()
    output = folder / f"labels.{name}"
    output.write_text("the old one")
    told = pytest.raises(OnetagError, match=r"cannot be written \(File too large\)")
    with sqlite_store.reading() as session, small_disk(500), told:
        export_project(session, project, EXPORTS[name], output)
    assert [(file.name, file.read_text()) for file in folder.iterdir()] == [(output.name, "the old one")]


def test_an_export_that_is_interrupted_leaves_nothing(
    sqlite_store: Store, make_project: MakeProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("annotator.exchange.export.REPORT_EVERY", 1)

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with sqlite_store.session() as session:
        project = make_project(session)
    folder = tmp_path / "out"
    with sqlite_store.reading() as session, pytest.raises(KeyboardInterrupt):
        export_project(session, project, EXPORTS["csv"], folder / "labels.csv", progress=interrupt)
    assert list(folder.iterdir()) == []


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
        report = export_project(session, project, EXPORTS["jsonl"], output, version="v0001")
        assert report.model_version == "v0001"
        with pytest.raises(OnetagError, match=r"no model version 'v9'. The newest are: v0002, v0001"):
            export_project(session, project, EXPORTS["jsonl"], output, version="v9")
        with pytest.raises(OnetagError, match="'v0002' are not kept any more"):
            export_project(session, project, EXPORTS["jsonl"], output, version="v0002")


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


@each_format
def test_the_table_is_never_whole_in_memory(tmp_path: Path, name: str) -> None:
    alive: weakref.WeakSet[ExportRow] = weakref.WeakSet()
    most = 0

    def rows() -> Iterator[ExportRow]:
        nonlocal most
        for number in range(20_000):
            row = ExportRow(
                f"{number}.jpg", number, (), (), np.zeros(1, np.float32), np.zeros(1, np.bool_), None
            )
            alive.add(row)
            most = max(most, len(alive))
            yield row
            del row

    with (tmp_path / "labels").open("wb") as stream:
        EXPORTS[name].write(ExportTable("Pets", None, ("cat",), rows()), stream)
    assert 0 < most <= 2 * ROWS_AT_ONCE  # one piece being written, the next being read


def test_every_format_is_registered_under_its_name() -> None:
    assert list(EXPORTS) == ["csv", "jsonl", "parquet"]
    assert all(name == form.name and form.description for name, form in EXPORTS.items())
