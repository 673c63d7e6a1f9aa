"""The colours of the charts, as a person with a low contrast or without red or green sees them."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from annotator.dashboard.charts.svg import CATEGORIES

STATIC = Path(__file__).parents[4] / "annotator" / "dashboard" / "static"
DARK = "@media (prefers-color-scheme: dark)"
EYES = {  # Machado, Oliveira and Fernandes, 2009: linear RGB as it looks without one kind of cone
    "all cones": np.eye(3),
    "no green": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
    "no red": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
}
Colour = npt.NDArray[np.float64]


def colours(sheet: str, scheme: str) -> dict[str, Colour]:
    """The colours that a style sheet names, in linear RGB."""
    light, dark = (STATIC / sheet).read_text().split(DARK, 1)
    found = re.findall(r"--([\w-]+): (#[0-9a-f]{6})", light if scheme == "light" else dark)
    return {name: _linear(code) for name, code in found}


def _linear(code: str) -> Colour:
    given = np.array([int(code[start : start + 2], 16) / 255 for start in (1, 3, 5)])
    return np.where(given <= 0.04045, given / 12.92, ((given + 0.055) / 1.055) ** 2.4)


def contrast(one: Colour, other: Colour) -> float:
    """As WCAG 2 has it, 1..21."""
    high, low = sorted((float(each @ (0.2126, 0.7152, 0.0722)) for each in (one, other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def oklab(colour: Colour) -> Colour:
    """Where equal distances look alike (Ottosson, 2020)."""
    cones = np.array([[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]])
    mixed = np.array([[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]])
    return np.asarray(mixed @ np.cbrt(np.clip(cones @ colour, 0, None)))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_mark_stands_out_from_the_paper(scheme: str) -> None:
    page, charts = colours("page.css", scheme), colours("charts.css", scheme)
    marks = charts | {name: page[name] for name in ("people", "estimate", "edge")}
    assert len(charts) == CATEGORIES
    assert {name for name, mark in marks.items() if contrast(mark, page["paper"]) < 3} == set()
    for text in ("ink", "dim"):
        assert contrast(page[text], page["paper"]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("eye", EYES)
def test_classes_are_told_apart_by_every_eye(scheme: str, eye: str) -> None:
    seen = {
        name: oklab(np.clip(EYES[eye] @ mark, 0, 1)) for name, mark in colours("charts.css", scheme).items()
    }
    near = {
        (one, other): float(np.linalg.norm(seen[one] - seen[other]))
        for one, other in itertools.combinations(seen, 2)
    }
    assert min(near.values()) > 0.12, min(near, key=lambda pair: near[pair])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("eye", EYES)
def test_a_probability_grows_step_by_step_for_every_eye(scheme: str, eye: str) -> None:
    paper = colours("page.css", scheme)["paper"]
    bands = colours("map.css", scheme)
    assert list(bands) == [f"r{step}" for step in range(5)]
    stands_out = [contrast(bands[name], paper) for name in sorted(bands)]
    assert stands_out[0] >= 3
    assert stands_out == sorted(stands_out)
    seen = [oklab(np.clip(EYES[eye] @ bands[name], 0, 1)) for name in sorted(bands)]
    assert min(float(np.linalg.norm(one - other)) for one, other in itertools.pairwise(seen)) > 0.055
