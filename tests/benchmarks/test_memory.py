"""The memory benchmark measures what it says, on a problem small enough for a test."""

import json

import pytest
import torch
from sklearn.metrics import average_precision_score

from benchmarks import memory as benchmark
from benchmarks.planted import Planted, mean_average_precision, plant
from model_backend.estimators import ESTIMATORS, memory


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("planted") / "problem.pt"
    plant(600, 8).save(path)
    return path


def test_the_planted_problem_tags_what_is_there_and_shows_about_k_labels(file):
    problem = Planted.load(file)
    assert problem.probed[torch.arange(600), problem.tags].all()
    assert problem.held_out[1].sum(1).float().mean() == pytest.approx(3, abs=0.7)
    assert (problem.held_out[1].sum(1) > 0).all()
    assert problem.observed().counts(1).sum() == 600


def test_mean_average_precision_is_that_of_scikit_learn():
    generator = torch.Generator().manual_seed(0)
    scores, truth = torch.rand(200, 7, generator=generator), torch.rand(200, 7, generator=generator) < 0.2
    truth[:, 3] = False
    kept = [0, 1, 2, 4, 5, 6]
    expected = average_precision_score(truth[:, kept], scores[:, kept], average="macro")
    assert mean_average_precision(scores, truth) == pytest.approx(100 * expected, abs=1e-3)


@pytest.mark.parametrize("name", ["none", "dense", *ESTIMATORS])
def test_a_cell_holds_every_column(name, file):
    row = benchmark.measure(name, file, seconds=0.2)
    assert json.loads(json.dumps(row)) == row
    missing = {"estimator_mib", "estimator_map"} if name == "none" else set()
    assert set(benchmark.COLUMNS) - set(row) == missing
    assert row["map"] > 30
    assert row["step_ms"] > 0
    assert "600 | 8" in benchmark.table_row(row)


def test_a_refusal_is_a_result(file, monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda device: 1_000)
    row = benchmark.measure("matrix", file, seconds=0.2)
    assert "lowrank" in row["refused"]
    assert "lowrank" in benchmark.table_row(row)
