"""An order of an export: as JSON, and what comes of it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from annotator.errors import OnetagError
from annotator.exchange import EXPORTS, ExportChoices, Split, Values
from annotator.exchange.order import ExportOrder, HowFar, make_here, packed
from annotator.settings import load_settings
from annotator.store import Project, Store

MakeProject = Callable[..., Project]


@pytest.mark.parametrize("split", [None, Split(0.5, 3)])
def test_an_order_survives_its_way_as_json(split: Split | None, tmp_path: Path) -> None:
    choices = ExportChoices("v0001", Values.HARD, split, 0.7)
    order = ExportOrder(3, EXPORTS["npy"], choices, tmp_path)
    assert ExportOrder.of_plain(json.loads(json.dumps(order.plain()))) == order


def test_a_file_comes_with_its_card_and_tells_how_far_it_is(
    store: Store, make_project: MakeProject, tmp_path: Path
) -> None:
    with store.session() as session:
        project = make_project(session, images=5)
    told: list[HowFar] = []
    order = ExportOrder(project.id, EXPORTS["csv"], ExportChoices(), tmp_path)
    made = make_here(store, load_settings(data_dir=tmp_path), order, told.append)
    assert [file.name for file in made.files] == ["pets-labels.csv", "pets-labels.csv.card.json"]
    assert made.report.images == 5
    assert told[-1] == HowFar(5, 5)


def test_a_folder_is_packed_into_one_file(store: Store, make_project: MakeProject, tmp_path: Path) -> None:
    with store.session() as session:
        project = make_project(session, images=5)
    told: list[HowFar] = []
    order = ExportOrder(project.id, EXPORTS["npy"], ExportChoices(), tmp_path)
    (file,) = make_here(store, load_settings(data_dir=tmp_path), order, told.append).files
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert {f"{file.stem}/card.json", f"{file.stem}/labels.txt"} <= set(archive.namelist())
    assert [each.name for each in tmp_path.iterdir() if each.suffix == ".zip"] == [file.name]
    assert not (tmp_path / file.stem).exists()
    assert told[-1].packing


def test_a_full_disk_while_packing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("a")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "write", full)
    with pytest.raises(OnetagError, match="No space left on device"):
        packed(tmp_path / "labels")
