"""COCO's JSON, read by COCO's own library."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pycocotools.coco import COCO

from tests.annotator.exchange.conftest import LABELS, Pets


@pytest.fixture
def coco(pets: Pets, tmp_path: Path) -> COCO:
    pets.export("coco", tmp_path / "labels-coco.json")
    return COCO(tmp_path / "labels-coco.json")


def test_categories_are_the_labels(coco: COCO) -> None:
    assert [each["name"] for each in coco.loadCats(coco.getCatIds())] == list(LABELS)


def test_an_annotation_for_each_label_that_is_there_and_none_for_another(pets: Pets, coco: COCO) -> None:
    for image, row in zip(coco.loadImgs(coco.getImgIds()), pets.rows, strict=True):
        annotations = coco.loadAnns(coco.getAnnIds(imgIds=[image["id"]], iscrowd=False))
        there = {each["category_id"]: (each["score"], each["human"]) for each in annotations}
        expected = {
            number: (pytest.approx(row.probabilities[number - 1]), row.human[number - 1])
            for number in range(1, 5)
            if row.decisions[number - 1] > 0
        }
        assert there == expected
        assert "bbox" not in str(annotations), "nobody drew a box"


def test_what_is_absent_and_what_is_open_are_told_apart(pets: Pets, coco: COCO) -> None:
    for image, row in zip(coco.loadImgs(coco.getImgIds()), pets.rows, strict=True):
        numbered = list(enumerate(row.decisions, 1))
        assert image["neg_category_ids"] == [number for number, each in numbered if each < 0]
        assert image["not_exhaustive_category_ids"] == [number for number, each in numbered if each == 0]


def test_whole_rows_are_there(pets: Pets, coco: COCO, same: Callable[[Any, Any], bool]) -> None:
    for image, row in zip(coco.loadImgs(coco.getImgIds()), pets.rows, strict=True):
        assert same(image["values"], row.probabilities)
        assert image["human"] == row.human
        assert image["file_name"].startswith(row.image)
        assert image["label_studio_image"].startswith(row.address)


def test_all_images_of_a_label(coco: COCO) -> None:
    (cat,) = coco.getCatIds(catNms=["cat, tame"])
    assert {each["task"] for each in coco.loadImgs(coco.getImgIds(catIds=[cat]))} == {101, 105}


def test_the_info_is_the_card(coco: COCO) -> None:
    assert coco.dataset["info"]["images"] == 6
    assert coco.dataset["info"]["format"] == "coco"
