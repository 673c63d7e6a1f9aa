"""A set of fundus photographs from a checkout, one image a patient."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from benchmarks.fundus import make

HEADER = "ID,Patient Age,N,D,G,C,A,H,M,O,filename"
COLOURS = {"1_left_60_Male_C": "red", "1_right_60_Male_N": "blue", "2_left_50_Female_N": "green"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Patient 1 with both eyes, patient 2 with one, and an image of nobody in the table."""
    images = tmp_path / "checkout" / "data" / "preprocessed_images2"
    images.mkdir(parents=True)
    for name, colour in {**COLOURS, "9_left_1_Male_N": "white", "9_right_1_Male_N": "white"}.items():
        Image.new("RGB", (40, 30), colour).save(images / f"{name}.jpg")
    rows = [f"1,60,0,0,0,1,0,0,0,1,1_{side}.jpg" for side in ("left", "right")]
    rows.append("2,50,1,0,0,0,0,0,0,0,2_left.jpg")
    (images.parent / "full_df.csv").write_text("\n".join([HEADER, *rows]), encoding="utf-8")
    return tmp_path / "checkout"


def test_each_patient_with_both_eyes_is_one_image_with_the_patients_findings(
    checkout: Path, tmp_path: Path
) -> None:
    assert make(checkout, tmp_path / "set") == 1
    lines = (tmp_path / "set" / "labels.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("image,normal,diabetes,glaucoma,cataract,")
    assert lines[1:] == ["1.jpg,0,0,0,1,0,0,0,1"]
    with Image.open(tmp_path / "set" / "images" / "1.jpg") as pair:
        assert pair.size == (512, 256)
        left, right = pair.getpixel((100, 100)), pair.getpixel((400, 100))
    assert isinstance(left, tuple)
    assert isinstance(right, tuple)
    assert left[0] > 200 > right[0]
    assert right[2] > 200 > left[2]
