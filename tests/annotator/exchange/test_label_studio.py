"""Tasks with predictions, as Label Studio imports them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import build_config, parse_config
from tests.annotator.exchange.conftest import LABELS, Pets


def tasks(pets: Pets, folder: Path) -> list[dict[str, Any]]:
    pets.export("labelstudio", folder / "labels.json")
    found: list[dict[str, Any]] = json.loads((folder / "labels.json").read_text("utf-8"))
    return found


def test_a_task_has_its_image_its_row_and_one_prediction(pets: Pets, tmp_path: Path) -> None:
    second = tasks(pets, tmp_path)[1]
    assert second["data"] == {"image": pets.rows[1].address}
    (prediction,) = second["predictions"]
    assert prediction["model_version"] == "v0001"
    assert prediction["score"] == pytest.approx(0.625), "one label is estimated, at 0.375"
    assert [region["value"] for region in prediction["result"]] == [{"choices": ["naïve 日本"]}]
    row = second["meta"]["onetag"]
    assert row["human"] == dict(zip(LABELS, pets.rows[1].human, strict=True))
    assert row["decisions"]["cat, tame"] == "absent"


def test_an_image_that_no_version_knows_has_no_prediction(pets: Pets, tmp_path: Path) -> None:
    assert [len(task["predictions"]) for task in tasks(pets, tmp_path)] == [1, 1, 1, 1, 1, 0]


def test_a_picture_in_the_task_stays_in_it_so_that_it_can_be_shown(pets: Pets, tmp_path: Path) -> None:
    assert tasks(pets, tmp_path)[4]["data"]["image"].startswith("data:image/png;base64,")


@pytest.mark.studio
def test_a_real_label_studio_imports_them(
    pets: Pets, tmp_path: Path, studio: Studio, new_studio_project: Any
) -> None:
    exported = tasks(pets, tmp_path)
    number = new_studio_project(label_config=build_config(LABELS))
    file = (tmp_path / "labels.json").read_bytes()
    answer = studio.http.answer("POST", f"/api/projects/{number}/import", json=json.loads(file)).json()
    assert (answer["task_count"], answer["prediction_count"]) == (6, 5)
    imported = studio.http.answer(
        "GET", f"/api/projects/{number}/export?exportType=JSON&download_all_tasks=true"
    ).json()
    by_image = {task["data"]["image"]: task for task in imported}
    offered = set(parse_config(studio.project(number)["label_config"]).labels)
    for task in exported:
        found = by_image[task["data"]["image"]]
        assert found["meta"]["onetag"] == task["meta"]["onetag"]
        shown = studio.http.answer("GET", f"/api/predictions?task={found['id']}").json()
        assert len(shown) == len(task["predictions"])
        for stored, sent in zip(shown, task["predictions"], strict=True):
            assert stored["score"] == pytest.approx(sent["score"])
            assert stored["model_version"] == "v0001"
            ticked = [name for region in stored["result"] for name in region["value"]["choices"]]
            assert ticked == [name for region in sent["result"] for name in region["value"]["choices"]]
            assert set(ticked) <= offered
