"""Shards, read by WebDataset's own library."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import webdataset

from annotator.exchange import Split
from tests.annotator.exchange.conftest import Pets

# The library leaves the shards that it has read to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def samples(*shards: Path) -> list[dict[str, Any]]:
    return list(webdataset.WebDataset([str(file) for file in shards], shardshuffle=False).decode("pil"))


def test_webdataset_reads_pictures_and_rows(
    pets: Pets, tmp_path: Path, same: Callable[[Any, Any], bool]
) -> None:
    report = pets.export("webdataset", tmp_path / "out")
    found = samples(tmp_path / "out" / "train-000000.tar")
    assert (report.pictures, report.without_picture) == (5, 1)
    for sample, row in zip(found, pets.rows, strict=True):
        kinds = {"png", "jpg"} & set(sample)
        assert bool(kinds) == row.picture
        assert all(sample[kind].size == (8, 6) for kind in kinds)
        assert same(sample["json"]["probabilities"].values(), row.probabilities)
        assert list(sample["json"]["human"].values()) == row.human
        assert sample["json"]["image"].startswith(row.image)


def test_a_jfif_is_named_by_what_it_is(pets: Pets, tmp_path: Path) -> None:
    pets.export("webdataset", tmp_path / "out")
    assert "jpg" in samples(tmp_path / "out" / "train-000000.tar")[1]


def test_a_full_shard_is_followed_by_another(
    pets: Pets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("annotator.exchange.webdataset.MOST_SAMPLES", 4)
    pets.export("webdataset", tmp_path / "out")
    shards = sorted((tmp_path / "out").glob("*.tar"))
    assert [file.name for file in shards] == ["train-000000.tar", "train-000001.tar"]
    assert [len(samples(file)) for file in shards] == [4, 2]
    assert [sample["json"]["task"] for sample in samples(*shards)] == [row.task for row in pets.rows]


def test_a_split_has_shards_of_its_own(pets: Pets, tmp_path: Path) -> None:
    pets.export("webdataset", tmp_path / "out", split=Split(0.5, seed=1))
    train, validation = (
        samples(*(tmp_path / "out").glob(f"{name}-*.tar")) for name in ("train", "validation")
    )
    assert {sample["json"]["split"] for sample in train} == {"train"}
    assert {sample["json"]["split"] for sample in validation} == {"validation"}
    assert len(train) + len(validation) == len(pets.rows)
