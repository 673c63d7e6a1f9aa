"""The memory benchmark measures what it says, on a problem small enough for a test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from benchmarks import memory as benchmark
from benchmarks.planted import Planted, plant
from model_backend.estimators import ESTIMATORS, memory


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("planted") / "problem.pt"
    plant(600, 8).save(path)
    return path


def test_the_planted_problem_tags_what_is_there_and_shows_about_k_labels(file: Path) -> None:
    problem = Planted.load(file)
    assert problem.probed[torch.arange(600), problem.tags].all()
    assert problem.held_out[1].sum(1).float().mean() == pytest.approx(3, abs=0.7)
    assert (problem.held_out[1].sum(1) > 0).all()
    assert problem.observed().values.sum() == 600


@pytest.mark.parametrize("name", ["none", "dense", *ESTIMATORS])
def test_a_cell_holds_every_column(name: str, file: Path) -> None:
    row = benchmark.measure(name, file, seconds=0.2)
    assert json.loads(json.dumps(row)) == row
    missing = {"estimator_mib", "estimator_map"} if name == "none" else set()
    assert set(benchmark.COLUMNS) - set(row) == missing
    assert row["map"] > 30
    assert row["step_ms"] > 0
    assert "600 | 8" in benchmark.table_row(row)


def test_a_refusal_is_a_result(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda device: 1_000)
    row = benchmark.measure("matrix", file, seconds=0.2)
    assert "lowrank" in row["refused"]
    assert "lowrank" in benchmark.table_row(row)
