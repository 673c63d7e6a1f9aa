"""One word for one thing: what the glossary replaced does not come back."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("annotator", "model_backend", "benchmarks", "onetag")
SOURCES = [file for room in ROOMS for file in sorted((ROOT / room).rglob("*.py"))]
RETIRED = (
    *(
        "Desk",
        "Workbench",
        "Turnstile",
        "Duties",
        "footprint",
        "Footprint",
        "witnesses",
        "perceptron",
        "over_tags",
    ),
    *(
        "fit_fused",
        "Wish",
        "Learnt",
        "meet_project",
        "title_backend",
        "take_in",
        "drain",
        "nudge",
        "IntakeOutcome",
    ),
)


@pytest.mark.parametrize("word", RETIRED)
def test_a_retired_word_is_not_used_in_the_code(word: str) -> None:
    whole = re.compile(rf"\b{word}\b")
    assert not [str(file.relative_to(ROOT)) for file in SOURCES if whole.search(file.read_text("utf-8"))]
