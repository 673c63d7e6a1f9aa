"""JSON lines: one object an image; unknown is null, a person's value 0 or 1."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

from annotator.exchange import EXPORTS, ExportTable


def test_one_object_an_image(table: Callable[[], ExportTable]) -> None:
    stream = io.BytesIO()
    EXPORTS["jsonl"].write(table(), stream)
    first, second, third = [json.loads(line) for line in stream.getvalue().decode("utf-8").splitlines()]
    assert first == {
        "image": "/data/upload/7/a,b\n.jpg",
        "task": 101,
        "model_version": "v0001",
        "observed_positive": ["cat, tame"],
        "observed_negative": ["human"],
        "human": ["cat, tame", "human"],
        "probabilities": {"cat, tame": 1, '=cmd|"x"!A1': 0.25, "naïve 日本": 0.75, "human": 0},
    }
    assert second["task"] is None
    assert list(second["probabilities"].values()) == [0.9999, 0.0001, None, 0.3333]
    assert third["model_version"] is None
    assert list(third["probabilities"].values()) == [0, None, None, None]


def test_other_alphabets_stay_readable(table: Callable[[], ExportTable]) -> None:
    stream = io.BytesIO()
    EXPORTS["jsonl"].write(table(), stream)
    assert "naïve 日本" in stream.getvalue().decode("utf-8")
