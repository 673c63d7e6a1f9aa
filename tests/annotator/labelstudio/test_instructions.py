"""Projects with our screen get instructions where they have none, with the way to the page."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import build_config
from annotator.labelstudio.instructions import INSTRUCTIONS, instructions_for

OURS = build_config(["cat"])
OTHER = (
    '<View><Image name="image" value="$image"/>'
    '<Choices name="c" toName="image"><Choice value="a"/></Choices></View>'
)
PAGE = "https://onetag.example.org/page/p1/?a=1&b=2"


def test_empty_instructions_are_filled() -> None:
    assert instructions_for(OURS, "", "") == INSTRUCTIONS
    assert instructions_for(OURS, "  ", "") == INSTRUCTIONS


def test_the_link_follows_the_page() -> None:
    there = instructions_for(OURS, "", PAGE)
    assert '<a href="https://onetag.example.org/page/p1/?a=1&amp;b=2">' in there
    moved = instructions_for(OURS, there, "https://other.example.org/page/p1/")
    assert "other.example.org" in moved
    assert "onetag.example.org" not in moved
    assert instructions_for(OURS, moved, "") == INSTRUCTIONS


def test_what_a_user_wrote_and_other_screens_are_left_alone() -> None:
    assert instructions_for(OURS, "<p>Birds only.</p>", PAGE) == "<p>Birds only.</p>"
    assert instructions_for(OURS, f"{INSTRUCTIONS}<p>Birds only.</p>", PAGE).endswith("only.</p>")
    assert instructions_for(OTHER, "", PAGE) == ""


@pytest.mark.studio
def test_label_studio_takes_them_as_they_are(studio: Studio, new_studio_project: Callable[..., int]) -> None:
    wanted = instructions_for(OURS, "", PAGE)
    project = new_studio_project(expert_instruction=wanted)
    there = studio.project(project)
    assert there["expert_instruction"] == wanted, "or they would not be known as ours"
    assert there["show_instruction"] is False, "they would cover the page at every start"
