"""`onetag.data`: an export is a torch data set in two lines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

import onetag
from annotator.errors import OnetagError
from annotator.store import Store
from onetag.data import Example, ExportDataset
from tests.annotator.exchange.conftest import Pets, make_pets


@pytest.fixture
def pets(sqlite_store: Store, tmp_path: Path) -> Pets:
    return make_pets(sqlite_store, tmp_path)


def test_two_lines_give_batches_of_images_targets_masks_and_weights(pets: Pets, tmp_path: Path) -> None:
    pets.export("imagefolder", tmp_path / "out")
    dataset = ExportDataset(tmp_path / "out")
    (batch,) = DataLoader(dataset, batch_size=8)
    assert isinstance(batch, Example)
    assert batch.image.shape == (5, 3, 6, 8)
    assert (batch.image.dtype, float(batch.image.max()) <= 1) == (torch.float32, True)
    assert batch.targets.shape == batch.human.shape == batch.known.shape == batch.weights.shape == (5, 4)
    assert (batch.human.dtype, batch.known.dtype) == (torch.bool, torch.bool)
    assert not batch.known[0, 3]
    assert batch.weights[0, 3] == 0
    assert batch.targets[0, 0] == pytest.approx(0.875)


def test_paths_start_from_the_folder_that_is_given(pets: Pets, tmp_path: Path) -> None:
    pets.export("csv", tmp_path / "labels.csv")
    dataset = ExportDataset(
        tmp_path / "labels.csv", pets.root / "photos", lambda image: image.size, estimated=0.5
    )
    first = dataset[0]
    assert first.image == (8, 6)
    assert first.weights.tolist() == [0.5, 0.5, 0.5, 0]
    assert dataset[1].weights.tolist() == [1, 0.5, 1, 0]
    assert dataset.labels == pets.labels
    assert len(dataset) == 6


def test_a_picture_that_is_not_there_is_named(pets: Pets, tmp_path: Path) -> None:
    pets.export("csv", tmp_path / "labels.csv")
    dataset = ExportDataset(tmp_path / "labels.csv", pets.root / "photos")
    with pytest.raises(OnetagError, match=r"gone\.png cannot be read .* Give images="):
        dataset[3]
    with pytest.raises(OnetagError, match="is no file"):
        dataset[4]
    (pets.root / "photos" / "gone.png").write_text("no picture")
    with pytest.raises(OnetagError, match="is no picture"):
        dataset[3]
    with pytest.raises(IndexError):
        dataset[6]


@pytest.mark.parametrize("hostile", ["../secret.png", "/etc/passwd", "a/../../secret.png"])
def test_no_path_leads_out_of_the_folder(pets: Pets, tmp_path: Path, hostile: str) -> None:
    pets.export("jsonl", tmp_path / "labels.jsonl")
    text = (tmp_path / "labels.jsonl").read_text("utf-8").replace('"a.png"', f'"{hostile}"')
    (tmp_path / "labels.jsonl").write_text(text, "utf-8")
    with pytest.raises(OnetagError, match="lies outside of"):
        ExportDataset(tmp_path / "labels.jsonl", pets.root / "photos")[0]


def test_workers_read_it_too(pets: Pets, tmp_path: Path) -> None:
    pets.export("imagefolder", tmp_path / "out")
    loader = DataLoader(ExportDataset(tmp_path / "out", transform=size), batch_size=2, num_workers=1)
    assert sum(len(batch.targets) for batch in loader) == 5


def size(image: object) -> int:
    return 1


def test_it_is_loaded_when_it_is_first_named() -> None:
    assert onetag.data.ExportDataset is ExportDataset
    program = "import sys, onetag; print('torch' in sys.modules); onetag.data; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "True"]
