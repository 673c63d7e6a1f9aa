"""`onetag demo`: the whole product at work, small, to its exports and pictures."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from annotator.store import Image as ImageRow
from annotator.store import Label, Observation, open_store
from model_backend.demo.scenes import NAMES
from tests.acceptance.conftest import environment, required

pytestmark = [pytest.mark.studio, pytest.mark.timeout(600)]
IMAGES, HELD_OUT, ROUNDS, PER_ROUND = 80, 60, 3, 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo works."""
    return tmp_path_factory.mktemp("demo") / "onetag-demo"


@pytest.fixture(scope="module")
def told(folder: Path) -> dict[str, Any]:
    """What `onetag demo --json` says at the end."""
    required(find_spec("label_studio") is not None, "label-studio is not installed: the extra `studio`")
    size = ["--images", str(IMAGES), "--held-out", str(HELD_OUT)]
    play = ["--rounds", str(ROUNDS), "--per-round", str(PER_ROUND), "--exit", "--json"]
    command = [sys.executable, "-m", "model_backend.cli", "demo", *size, *play, "--data-dir", str(folder)]
    run = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=500)
    assert run.returncode == 0, run.stderr
    return dict(json.loads(run.stdout))


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def test_what_is_learned_grows_from_one_label_an_image(told: dict[str, Any]) -> None:
    rounds = told["rounds"]
    assert [item["tagged"] for item in rounds] == [PER_ROUND * number for number in range(1, ROUNDS + 1)]
    first, last = rounds[0]["mean_average_precision"], rounds[-1]["mean_average_precision"]
    assert last > max(first, 0.45), rounds  # 0.24 is chance: the share of images that a digit is in
    assert all(item["seconds"] > 0 for item in rounds)


def test_the_annotator_reviews_honestly_in_the_later_rounds(told: dict[str, Any], folder: Path) -> None:
    assert told["rounds"][-1]["observations"] > ROUNDS * PER_ROUND
    truth = {row["image"]: row for row in rows_of(folder / "scenes" / "labels.csv")}
    store = open_store(f"sqlite:///{folder / 'data' / 'onetag.db'}")
    known = select(ImageRow.uri, Label.name, Observation.value).join_from(Observation, ImageRow).join(Label)
    with store.reading() as session:
        said = session.execute(known.where(Observation.retired_at.is_(None))).all()
    store.close()
    assert len(said) >= ROUNDS * PER_ROUND
    for uri, name, value in said:
        assert truth[uri.rpartition("/")[2]][name] == ("1" if value > 0 else "0")


def test_held_out_images_never_enter_label_studio(told: dict[str, Any], folder: Path) -> None:
    held_out = {
        row["image"] for row in rows_of(folder / "scenes" / "split.csv") if row["split"] == "held-out"
    }
    store = open_store(f"sqlite:///{folder / 'data' / 'onetag.db'}")
    with store.reading() as session:
        known = {uri.rpartition("/")[2] for uri in session.scalars(select(ImageRow.uri))}
    store.close()
    assert (len(held_out), len(known)) == (HELD_OUT, IMAGES)
    assert not held_out & known


def test_it_ends_with_every_export_and_two_pictures(told: dict[str, Any]) -> None:
    files = {Path(file).name: Path(file) for file in told["files"]}
    assert {"labels.csv", "labels.jsonl", "labels.parquet", "learning-curve.png", "contact-sheet.png"} <= set(
        files
    )
    lines = files["labels.jsonl"].read_text().splitlines()
    assert len(lines) == IMAGES
    assert all(name in lines[0] for name in NAMES)
    for picture in ("learning-curve.png", "contact-sheet.png"):
        with Image.open(files[picture]) as image:
            assert min(image.size) > 300


def test_a_folder_that_is_not_a_demos_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    command = [sys.executable, "-m", "model_backend.cli", "demo", "--exit", "--data-dir", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=60)
    assert run.returncode == 1
    assert "--data-dir" in run.stderr
    assert (tmp_path / "thesis.txt").read_text() == "precious"
