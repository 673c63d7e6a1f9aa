"""Files of labels made for a test, read as entries or imported into a folder's project."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from annotator.exchange.importing import (
    IMPORTS,
    Entry,
    ImportReport,
    LabelFile,
    NewLabels,
    Reading,
    ReadOptions,
    choose_import_format,
    folder_target,
    import_labels,
)
from annotator.exchange.importing.entry import Progress, nobody
from annotator.store import Claim, Image, Label, Observation, Store

Read = Callable[..., list[Entry]]
Files = Callable[..., Path]
Bring = Callable[..., ImportReport]


@contextmanager
def no_bar(_title: str) -> Iterator[Progress]:
    yield nobody


@pytest.fixture
def read() -> Read:
    """Reads a file as the format that it is recognised as: `read(path, "coco", label_names=...)`."""

    def entries(path: Path, expected: str, reading: Reading | None = None, **options: object) -> list[Entry]:
        form = choose_import_format(path)
        assert form is IMPORTS[expected]
        return list(form.read(path, reading or Reading(ReadOptions(**options))))  # type: ignore[arg-type]

    return entries


@pytest.fixture
def pictures(tmp_path: Path) -> Files:
    """Makes empty files of these names in `tmp_path/images`, for nothing is decoded here."""

    def make(*names: str, folder: Path | None = None) -> Path:
        root = folder or tmp_path / "images"
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).touch()
        return root

    return make


@pytest.fixture
def bring() -> Bring:
    """Imports a file into the project of a folder: `bring(store, path, folder, Claim.COMPLETE)`."""

    def run(
        store: Store,
        path: Path,
        folder: Path,
        claim: Claim = Claim.POSITIVE,
        *,
        new_labels: NewLabels | None = None,
        dry_run: bool = False,
        options: ReadOptions | None = None,
    ) -> ImportReport:
        file = LabelFile(path, choose_import_format(path), claim, options or ReadOptions())
        target = folder_target(store, folder, None, nobody)
        return import_labels(store, file, target, no_bar, new_labels=new_labels, dry_run=dry_run)

    return run


def known(store: Store) -> dict[str, dict[str, int]]:
    """What is observed, by image and label; of several files that say the same, once."""
    with store.reading() as session:
        rows = session.execute(
            select(Image.uri, Label.name, Observation.value)
            .join_from(Observation, Image)
            .join(Label, Label.id == Observation.label_id)
            .where(Observation.retired_at.is_(None))
            .order_by(Image.uri, Label.position)
        )
        found: dict[str, dict[str, int]] = {}
        for uri, name, value in rows:
            assert found.setdefault(uri, {}).setdefault(name, value) == value, (
                "two files contradict each other"
            )
    return found


def by_image(entries: Iterable[Entry]) -> dict[str, set[str]]:
    """The labels named present, by image; of all entries of one together."""
    found: dict[str, set[str]] = {}
    for entry in entries:
        found.setdefault(entry.image, set()).update(entry.present)
    return found
