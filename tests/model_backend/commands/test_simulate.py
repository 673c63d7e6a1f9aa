"""`onetag simulate`, as typed."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from annotator.errors import OnetagError
from model_backend.cli import main
from model_backend.commands.simulate import read_budgets

COLOURS = {"red": (200, 30, 30), "green": (30, 160, 40), "blue": (40, 60, 210)}


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Pictures of one to three coloured stripes, named in a table."""
    folder, random = tmp_path / "stripes", np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    with (folder / "labels.csv").open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["image", *COLOURS])
        for number in range(48):
            shown = random.random(3) < 0.5
            shown[random.integers(3)] = True
            picture = Image.new("RGB", (48, 48), tuple(random.integers(90, 160, 3).tolist()))
            for stripe, colour in enumerate(COLOURS.values()):
                if shown[stripe]:
                    picture.paste(colour, (0, 16 * stripe, 48, 16 * stripe + 10))
            picture.save(folder / "images" / f"{number}.png")
            table.writerow([f"{number}.png", *shown.astype(int)])
    return folder


def simulate(dataset: Path, capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    """What the command says as JSON."""
    out = dataset.parent / "results"
    arguments = ["--dataset", dataset, "--data-dir", dataset.parent / "data", "--out", out]
    fixed = ["--backbone", "handcrafted", "--seeds", "1", "--budgets", "50,80", "--json"]
    with pytest.raises(SystemExit) as ended:
        main(["simulate", *map(str, arguments), *fixed, *more])
    assert ended.value.code == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_it_compares_policies_and_goes_on_where_it_stopped(
    dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = simulate(dataset, capsys, "--policies", "mixed;tags")
    assert [each["policy"] for each in found["policies"]] == ["mixed", "tags"]
    assert all(each["seconds"] == [50, 80] for each in found["policies"])
    assert all(0 <= score <= 100 for each in found["policies"] for score in each["mean_average_precision"])
    curves, picture = map(Path, found["files"])
    before = curves.read_text()
    with Image.open(picture) as drawn:
        assert drawn.format == "PNG"
    more = simulate(dataset, capsys, "--policies", "mixed;tags;complete")
    assert curves.read_text().startswith(before.rstrip()), "what was done was not done again"
    assert more["policies"][:2] == found["policies"]


def test_other_settings_want_another_folder(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    simulate(dataset, capsys, "--policies", "tags")
    with pytest.raises(AssertionError):
        simulate(dataset, capsys, "--policies", "tags", "--mistakes", "0.1")
    assert "other settings (habits)" in capsys.readouterr().err


def test_boxes_tell_the_sizes_that_people_prefer(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (dataset / "labels.csv").open(newline="") as stream:
        lines = list(csv.DictReader(stream))
    boxes = [f"{line['image']},{name},48,10" for line in lines for name in COLOURS if line[name] == "1"]
    (dataset / "boxes.csv").write_text("\n".join(["image,label,width,height", *boxes]))
    found = simulate(dataset, capsys, "--policies", "tags", "--bias", "size")
    assert (
        json.loads((dataset.parent / "results" / "simulation.json").read_text())["habits"]["bias"] == "size"
    )
    assert found["policies"][0]["policy"] == "tags"


def test_without_boxes_size_is_refused_at_once(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(AssertionError):
        simulate(dataset, capsys, "--policies", "tags", "--bias", "size")
    assert "boxes.csv cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "100,50", "fast", "0,10", "10,10"])
def test_budgets_rise(text: str) -> None:
    with pytest.raises(OnetagError, match="rising numbers of seconds"):
        read_budgets(text)
