"""An export read back: the same values, decisions and mask, whatever its format."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from annotator.errors import OnetagError
from annotator.exchange import EXPORTS, Split, Values
from annotator.exchange.targets import soft_targets
from tests.annotator.exchange.conftest import LABELS, Expected, Pets

READABLE = ["csv", "jsonl", "parquet", "coco", "imagefolder", "fiftyone", "npy"]
WITH_PICTURES = ("imagefolder", "fiftyone")
readable = pytest.mark.parametrize("name", READABLE)


def exported(pets: Pets, folder: Path, name: str) -> tuple[Path, list[Expected]]:
    """An export, and the rows that it can hold."""
    output = folder / EXPORTS[name].default_output
    pets.export(name, output)
    return output, [row for row in pets.rows if row.picture or name not in WITH_PICTURES]


@readable
def test_targets_weights_and_masks_are_those_of_the_store(pets: Pets, tmp_path: Path, name: str) -> None:
    output, rows = exported(pets, tmp_path, name)
    soft = soft_targets(output, estimated=0.5)
    assert soft.labels == LABELS
    assert len(soft) == len(rows)
    unknown = np.array([[each is None for each in row.probabilities] for row in rows])
    human = np.array([row.human for row in rows])
    np.testing.assert_array_equal(soft.human, human)
    np.testing.assert_array_equal(soft.known, ~unknown)
    np.testing.assert_array_equal(soft.decisions, [row.decisions for row in rows])
    np.testing.assert_array_equal(soft.weights, np.where(unknown, 0, np.where(human, 1, 0.5)))
    np.testing.assert_allclose(
        soft.targets, [[0 if each is None else each for each in row.probabilities] for row in rows], atol=1e-4
    )


@readable
def test_pictures_are_named_by_their_place(pets: Pets, tmp_path: Path, name: str) -> None:
    output, rows = exported(pets, tmp_path, name)
    images = soft_targets(output).images
    if name in WITH_PICTURES:
        assert all(Path(image).is_file() for image in images)
    else:
        assert all(image.startswith(row.image) for image, row in zip(images, rows, strict=True))


@readable
def test_a_split_alone(pets: Pets, tmp_path: Path, name: str) -> None:
    output = tmp_path / EXPORTS[name].default_output
    pets.export(name, output, split=Split(0.5, seed=1))
    train, validation = (soft_targets(output, split=side) for side in ("train", "validation"))
    assert set(train.splits) == {"train"}
    assert set(validation.splits) == {"validation"}
    assert len(train) + len(validation) == len(soft_targets(output))
    with pytest.raises(OnetagError, match=r"no split 'test'. It has: train, validation"):
        soft_targets(output, split="test")


@readable
@pytest.mark.parametrize("values", [Values.HARD, Values.HUMAN])
def test_hard_and_human_values_leave_the_rest_unknown(
    pets: Pets, tmp_path: Path, name: str, values: Values
) -> None:
    output = tmp_path / EXPORTS[name].default_output
    pets.export(name, output, values=values)
    rows = [row for row in pets.rows if row.picture or name not in WITH_PICTURES]
    soft = soft_targets(output)
    expected = [row.hard if values is Values.HARD else row.said for row in rows]
    np.testing.assert_array_equal(soft.known, [[each is not None for each in row] for row in expected])
    np.testing.assert_array_equal(soft.targets, [[each or 0 for each in row] for row in expected])


def test_formats_without_a_way_back_name_what_to_do(pets: Pets, tmp_path: Path) -> None:
    pets.export("webdataset", tmp_path / "shards")
    with pytest.raises(OnetagError, match="webdataset library"):
        soft_targets(tmp_path / "shards")
    pets.export("labelstudio", tmp_path / "tasks.json")
    with pytest.raises(OnetagError, match="cannot be read as an export"):
        soft_targets(tmp_path / "tasks.json")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b""),
        ("a.csv", b"image,cat\na.jpg,1\n"),
        ("a.csv", b"image,split,p:cat,d:cat,h:cat\na.jpg,,oops,,0\n"),
        ("a.csv", b"image,split,p:cat,d:cat,h:cat\na.jpg,,0.5\n"),
        ("a.jsonl", b"{"),
        ("a.jsonl", b'{"image": 1}\n'),
        ("a.parquet", b"PAR1"),
        ("a.json", b"[]"),
        ("a.csv", b"\xff\xfe\x00"),
    ],
)
def test_what_is_no_export_is_refused_with_a_reason(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(OnetagError, match="cannot be read as an export"):
        soft_targets(tmp_path / name)


def test_places_where_no_export_is(tmp_path: Path) -> None:
    with pytest.raises(OnetagError, match="is not there"):
        soft_targets(tmp_path / "labels.csv")
    with pytest.raises(OnetagError, match="holds no export"):
        soft_targets(tmp_path)
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(OnetagError, match=r"Give a file of \.csv, \.jsonl, \.parquet"):
        soft_targets(tmp_path / "a.txt")


def test_an_export_without_a_split_says_how_to_get_one(pets: Pets, tmp_path: Path) -> None:
    pets.export("jsonl", tmp_path / "labels.jsonl")
    with pytest.raises(OnetagError, match="export with --split"):
        soft_targets(tmp_path / "labels.jsonl", split="train")


def test_columns_that_a_user_added_do_no_harm(pets: Pets, tmp_path: Path) -> None:
    pets.export("jsonl", tmp_path / "labels.jsonl")
    lines = [json.loads(line) | {"mine": 1} for line in (tmp_path / "labels.jsonl").read_text().splitlines()]
    (tmp_path / "labels.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert len(soft_targets(tmp_path / "labels.jsonl")) == 6
