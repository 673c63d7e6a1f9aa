"""The folder of Hugging Face's `imagefolder`, loaded by its own library."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest

from annotator.errors import OnetagError
from annotator.exchange import Split
from tests.annotator.exchange.conftest import LABELS, Pets


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked of the network, and its cache is this test's."""
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")


def test_datasets_loads_pictures_with_their_labels(
    pets: Pets, tmp_path: Path, same: Callable[[Any, Any], bool]
) -> None:
    folder = tmp_path / "labels-imagefolder"
    report = pets.export("imagefolder", folder)
    loaded = datasets.load_dataset("imagefolder", data_dir=str(folder), split="train")
    expected = [row for row in pets.rows if row.picture]
    assert (report.pictures, report.without_picture) == (len(expected), 1)
    by_task = {example["task"]: example for example in loaded}
    assert set(by_task) == {row.task for row in expected}
    for row in expected:
        found = by_task[row.task]
        assert found["image"].size == (8, 6)
        assert same(found["probabilities"], row.probabilities)
        assert found["decisions"] == [{1: True, -1: False, 0: None}[each] for each in row.decisions]
        assert found["human"] == row.human
        assert found["labels"] == [
            label for label, each in zip(LABELS, row.decisions, strict=True) if each > 0
        ]
        assert found["source"].startswith(row.image)
        assert found["label_studio_image"].startswith(row.address)


def test_the_labels_order_and_the_card_lie_beside(pets: Pets, tmp_path: Path) -> None:
    pets.export("imagefolder", tmp_path / "out")
    assert (tmp_path / "out" / "labels.txt").read_text("utf-8").splitlines() == list(LABELS)
    card = json.loads((tmp_path / "out" / "card.json").read_text("utf-8"))
    assert card["files"] == ["card.json", "labels.txt", "train"]


def test_a_split_is_a_folder_each(pets: Pets, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    report = pets.export("imagefolder", folder, split=Split(0.5, seed=1))
    loaded = datasets.load_dataset("imagefolder", data_dir=str(folder))
    sizes = {name: len(part) for name, part in loaded.items()}
    assert set(sizes) == {"train", "validation"}
    assert sum(sizes.values()) == report.pictures


def test_without_a_picture_there_is_no_such_folder(pets: Pets, tmp_path: Path) -> None:
    for file in pets.root.rglob("*.*"):
        file.unlink()
    with pets.store.session() as session:
        session.connection().exec_driver_sql(
            "UPDATE images SET removed_at = '2026-01-01' WHERE studio_task = 105"
        )
    with pytest.raises(OnetagError, match="None of the 5 pictures can be read"):
        pets.export("imagefolder", tmp_path / "out")
    assert not (tmp_path / "out").exists()
