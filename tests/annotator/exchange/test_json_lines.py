"""JSON lines: one object an image; unknown is null, a person's value 0 or 1."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from tests.annotator.exchange.conftest import LABELS, Pets


def test_one_object_an_image(pets: Pets, tmp_path: Path) -> None:
    output = tmp_path / "labels.jsonl"
    pets.export("jsonl", output)
    second = json.loads(output.read_text("utf-8").splitlines()[1])
    assert second == {
        "image": "=cats/b c.jfif",
        "label_studio_image": "/data/local-files/?d=photos/%3Dcats/b%20c.jfif",
        "task": 102,
        "model_version": "v0001",
        "split": None,
        "observed_positive": ["naïve 日本"],
        "observed_negative": ["cat, tame"],
        "probabilities": dict(zip(LABELS, (0, 0.375, 1, None), strict=True)),
        "decisions": dict(zip(LABELS, ("absent", "absent", "present", None), strict=True)),
        "human": dict(zip(LABELS, (True, False, True, False), strict=True)),
    }


def test_pandas_reads_all_of_it(pets: Pets, tmp_path: Path, same: Callable[[Any, Any], bool]) -> None:
    output = tmp_path / "labels.jsonl"
    pets.export("jsonl", output)
    frame = pd.read_json(output, lines=True)
    assert len(frame) == len(pets.rows)
    for found, row in zip(frame.to_dict("records"), pets.rows, strict=True):
        assert same(found["probabilities"].values(), row.probabilities)
        assert list(found["human"].values()) == row.human


def test_other_alphabets_stay_readable(pets: Pets, tmp_path: Path) -> None:
    pets.export("jsonl", tmp_path / "labels.jsonl")
    assert "naïve 日本" in (tmp_path / "labels.jsonl").read_text("utf-8")
