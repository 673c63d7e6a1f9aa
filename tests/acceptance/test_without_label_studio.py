"""Labels from a file, a training and an export, with no Label Studio anywhere."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from model_backend.demo.dataset import Dataset, read_dataset
from model_backend.demo.scenes import write_scenes
from tests.acceptance.conftest import environment

pytestmark = pytest.mark.timeout(600)
POSITIVES, CHECKED = 120, 30  # images of which one label is known; of which nothing is


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("alone") / "digits"
    write_scenes(folder, POSITIVES + CHECKED - 1, 1, seed=11)
    return read_dataset(folder)


def onetag(data: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "model_backend.cli", *map(str, arguments), "--data-dir", str(data)]
    return subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=500)


def done(run: subprocess.CompletedProcess[str]) -> str:
    assert run.returncode == 0, run.stderr
    return run.stdout


def single_positives(file: Path, pictures: Dataset) -> Path:
    """One label of each of the first images, drawn as an annotator might."""
    draw = np.random.default_rng(3)
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["image", "label"])
        for row in range(POSITIVES):
            writer.writerow([pictures.files[row].name, draw.choice(pictures.present(row))])
    return file


def test_a_file_becomes_label_vectors(pictures: Dataset, tmp_path: Path) -> None:
    data, images = tmp_path / "data", pictures.files[0].parent
    labels = single_positives(tmp_path / "labels.csv", pictures)
    command = ("import", labels, "--images", images, "--as", "single", "--json")
    dry = json.loads(done(onetag(data, *command, "--dry-run")))
    assert not data.exists()
    report = json.loads(done(onetag(data, *command)))
    assert dry | {"dry_run": False} == report | {"images_added": 0}
    assert (report["matched"], report["unnamed"], report["present"]) == (POSITIVES, CHECKED, POSITIVES)
    (status,) = json.loads(done(onetag(data, "status", "--json")))
    assert (status["label_studio"], status["image_folder"]) == (None, str(images))
    assert (status["images"], status["observed_present"]) == (POSITIVES + CHECKED, POSITIVES)

    done(onetag(data, "train", "--backbone", "handcrafted", "--expected-positives", "2.4"))
    output = tmp_path / "vectors.jsonl"
    done(onetag(data, "export", "--output", output))
    rows = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert [row["image"] for row in rows] == sorted(file.name for file in pictures.files)
    with labels.open(encoding="utf-8") as stream:
        said = {row["image"]: row["label"] for row in csv.DictReader(stream)}
    assert {row["image"]: row["observed_positive"][0] for row in rows if row["observed_positive"]} == said
    assert not any(row["observed_negative"] for row in rows), "what was not said is unknown"

    vectors = {row["image"]: row["probabilities"] for row in rows}
    checked = np.array(
        [[vectors[file.name][label] for label in pictures.labels] for file in pictures.files[POSITIVES:]]
    )
    truth = pictures.truth[POSITIVES:]
    assert checked[truth].mean() > checked[~truth].mean() + 0.1, "it has learned what nobody said"

    again = json.loads(done(onetag(data, *command)))
    assert (again["present"], again["standing"]) == (0, POSITIVES)
    told = onetag(data, "doctor", "--json")
    checks = {check["name"]: check["ok"] for check in json.loads(told.stdout)["checks"]}
    assert checks["Label Studio"], "none is missing"


def test_the_export_comes_back_in(pictures: Dataset, tmp_path: Path) -> None:
    first, second, images = tmp_path / "first", tmp_path / "second", pictures.files[0].parent
    truth = images.parent / "labels.csv"
    for claim in ("positive", "complete"):
        done(onetag(first, "import", truth, "--images", images, "--as", claim))
        output = tmp_path / f"{claim}.csv"
        done(onetag(first, "export", "--output", output))
        report = json.loads(
            done(onetag(second, "import", output, "--images", images, "--as", "verified", "--json"))
        )
        absent = int((~pictures.truth).sum()) if claim == "complete" else 0
        (status,) = json.loads(done(onetag(second, "status", "--json")))
        assert status["observed_absent"] == absent == report["absent"]
        assert report["present"] + report["standing"] == int(pictures.truth.sum())
