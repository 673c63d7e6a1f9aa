"""The share of an image that a region covers."""

from __future__ import annotations

import math
from typing import Any

import pytest

from annotator.labelstudio.areas import area_of, covered
from annotator.labelstudio.controls import Kind


def packed(runs: list[tuple[int, list[int]]], values: int) -> bytes:
    """Run lengths as the page packs them: (times, values); one value repeated, or several one by one."""
    bits = f"{values:032b}" + f"{7:05b}" + "".join(f"{size - 1:04b}" for size in (3, 4, 8, 16))
    for times, said in runs:
        length = times * len(said) if len(said) == 1 else len(said)
        bits += ("1" if len(said) == 1 else "0") + "11" + f"{length - 1:016b}"
        bits += "".join(f"{value:08b}" for value in said)
    bits = bits.ljust(-(-len(bits) // 8) * 8, "0")
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))


@pytest.mark.parametrize(
    ("kind", "value", "share"),
    [
        ("rectanglelabels", {"x": 1, "y": 2, "width": 50, "height": 20}, 0.1),
        ("ellipselabels", {"radiusX": 10, "radiusY": 20}, math.pi * 0.02),
        ("polygonlabels", {"points": [[0, 0], [100, 0], [0, 100]]}, 0.5),
        ("polygonlabels", {"points": [[0, 100], [100, 0], [0, 0]]}, 0.5),
        ("rectanglelabels", {"width": 500, "height": 500}, 1.0),
        ("keypointlabels", {"x": 1, "y": 1, "width": 0.5}, None),
        ("choices", {"choices": ["cat"]}, None),
        ("rectanglelabels", {"width": "wide", "height": 3}, None),
        ("rectanglelabels", {"width": float("nan"), "height": 3}, None),
        ("polygonlabels", {"points": [[0]]}, None),
        ("polygonlabels", {"points": None}, None),
        ("brushlabels", {"format": "rle", "rle": [1, 2]}, None),
        ("brushlabels", {"format": "rle", "rle": [-1, 900]}, None),
        ("brushlabels", {"format": "mask", "rle": []}, None),
        ("brushlabels", {}, None),
    ],
)
def test_an_area_is_a_share_of_the_image_or_not_known(
    kind: Kind, value: dict[str, Any], share: float | None
) -> None:
    assert area_of(kind, value) == (None if share is None else pytest.approx(share))


def test_a_brush_is_counted_by_its_opacity() -> None:
    assert covered(packed([(400, [0])], 400)) == 0
    assert covered(packed([(400, [255])], 400)) == 1
    assert covered(packed([(100, [255]), (300, [0])], 400)) == 0.25
    one_by_one = [0, 0, 0, 255, 9, 9, 9, 0]
    assert covered(packed([(1, one_by_one)], 8)) == 0.5
    assert covered(packed([(0, [1])], 0)[:11]) == 0


def test_a_brush_agrees_with_label_studios_own_reader() -> None:
    brush = pytest.importorskip("label_studio_sdk.converter.brush")
    rle = packed([(37, [255]), (1, [0, 1, 2, 3, 4, 5, 6, 7]), (355, [0])], 400)
    pixels = brush.decode_rle(list(rle)).reshape(-1, 4)
    assert covered(rle) == pytest.approx((pixels[:, 3] > 0).mean())


def test_a_claim_of_more_pixels_than_there_are_bits_is_refused() -> None:
    with pytest.raises(ValueError, match="too early"):
        covered(packed([], 2**32 - 1))
