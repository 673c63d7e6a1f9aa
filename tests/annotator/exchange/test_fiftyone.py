"""FiftyOne's folder of classifications, read as its importer documents it.

FiftyOne itself needs a MongoDB that its installation downloads, so it is not among the packages for tests.
The reader below does what its `FiftyOneImageClassificationDatasetImporter` does: a picture in `data/` for
each key without the suffix, and of each target `label` (an index of `classes`), `confidence`, `attributes`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Picture

from tests.annotator.exchange.conftest import LABELS, Pets


def read_folder(folder: Path) -> dict[Path, list[dict[str, Any]]]:
    """The pictures with their classifications."""
    pictures = {
        file.relative_to(folder / "data").with_suffix("").as_posix(): file
        for file in (folder / "data").rglob("*.*")
    }
    labels = json.loads((folder / "labels.json").read_text("utf-8"))
    return {
        pictures[key]: [
            {
                "label": labels["classes"][each["label"]],
                "confidence": each["confidence"],
                **each["attributes"],
            }
            for each in targets
        ]
        for key, targets in labels["labels"].items()
    }


def test_every_picture_has_its_known_and_estimated_labels(pets: Pets, tmp_path: Path) -> None:
    pets.export("fiftyone", tmp_path / "out")
    found = read_folder(tmp_path / "out")
    expected = [row for row in pets.rows if row.picture]
    assert len(found) == len(expected)
    words = {1: "present", -1: "absent", 0: None}
    for (file, classifications), row in zip(sorted(found.items()), expected, strict=True):
        with Picture.open(file) as picture:
            assert picture.size == (8, 6)
        assert classifications == [
            {
                "label": label,
                "confidence": pytest.approx(row.probabilities[place]),
                "decision": words[row.decisions[place]],
                "human": row.human[place],
            }
            for place, label in enumerate(LABELS)
            if row.probabilities[place] is not None
        ]


def test_whole_rows_lie_beside_under_the_same_keys(pets: Pets, tmp_path: Path) -> None:
    pets.export("fiftyone", tmp_path / "out")
    keys = list(json.loads((tmp_path / "out" / "labels.json").read_text("utf-8"))["labels"])
    rows = [json.loads(line) for line in (tmp_path / "out" / "rows.jsonl").read_text("utf-8").splitlines()]
    assert [row["key"] for row in rows] == keys
    assert rows[1]["image"] == "=cats/b c.jfif"
