"""The arrays of Cole et al. (2021), loaded as their code loads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from annotator.exchange import Split
from tests.annotator.exchange.conftest import LABELS, Pets


def load_data(folder: Path) -> dict[str, dict[str, NDArray[Any]]]:
    """As `load_data` of their `datasets.py` does, without features."""
    return {
        phase: {
            name: np.load(folder / f"formatted_{phase}_{name}.npy")
            for name in ("labels", "labels_obs", "images")
        }
        for phase in ("train", "val")
    }


def test_what_people_said_and_the_values_are_arrays(pets: Pets, tmp_path: Path) -> None:
    pets.export("npy", tmp_path / "out")
    train = load_data(tmp_path / "out")["train"]
    assert train["images"].dtype.kind == "U"
    for found, row in zip(train["images"], pets.rows, strict=True):
        assert found.startswith(row.image)
    np.testing.assert_array_equal(train["labels_obs"], [row.observed for row in pets.rows])
    expected = [[np.nan if each is None else each for each in row.probabilities] for row in pets.rows]
    np.testing.assert_allclose(train["labels"], expected, atol=1e-4)


def test_decisions_and_mask_lie_beside(pets: Pets, tmp_path: Path) -> None:
    pets.export("npy", tmp_path / "out")
    decisions, human = (
        np.load(tmp_path / "out" / f"formatted_train_{name}.npy") for name in ("decisions", "human")
    )
    np.testing.assert_array_equal(decisions, [row.decisions for row in pets.rows])
    np.testing.assert_array_equal(human, [row.human for row in pets.rows])
    assert (tmp_path / "out" / "labels.txt").read_text("utf-8").splitlines() == list(LABELS)


def test_without_a_split_the_other_phase_has_no_row(pets: Pets, tmp_path: Path) -> None:
    pets.export("npy", tmp_path / "out")
    assert load_data(tmp_path / "out")["val"]["labels"].shape == (0, 4)
    assert load_data(tmp_path / "out")["val"]["images"].shape == (0,)


def test_a_split_is_a_phase_each(pets: Pets, tmp_path: Path) -> None:
    pets.export("npy", tmp_path / "out", split=Split(0.5, seed=1))
    data = load_data(tmp_path / "out")
    assert len(data["train"]["labels"]) + len(data["val"]["labels"]) == 6
    assert len(data["val"]["labels"]) > 0


@pytest.mark.parametrize("phase", ["train", "val"])
def test_the_files_can_be_mapped_into_memory(pets: Pets, tmp_path: Path, phase: str) -> None:
    pets.export("npy", tmp_path / "out", split=Split(0.5, seed=1))
    mapped = np.load(tmp_path / "out" / f"formatted_{phase}_labels_obs.npy", mmap_mode="r")
    np.testing.assert_array_equal(mapped, load_data(tmp_path / "out")[phase]["labels_obs"])
