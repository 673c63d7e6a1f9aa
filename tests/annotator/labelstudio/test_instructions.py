"""Projects with our screen get instructions where they have none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from annotator.labelstudio.client import Studio
from annotator.labelstudio.instructions import INSTRUCTIONS, fill_instructions

pytestmark = pytest.mark.studio
OTHER = (
    '<View><Image name="image" value="$image"/>'
    '<Choices name="c" toName="image"><Choice value="a"/></Choices></View>'
)


def test_empty_instructions_are_filled_once(studio: Studio, new_studio_project: Callable[..., int]) -> None:
    project = new_studio_project()
    assert fill_instructions(studio, project, studio.project(project))
    there = studio.project(project)
    assert there["expert_instruction"] == INSTRUCTIONS
    assert there["show_instruction"] is False, "they would cover the page at every start"
    assert not fill_instructions(studio, project, there)


def test_what_a_user_wrote_and_other_screens_are_left_alone(
    studio: Studio, new_studio_project: Callable[..., int]
) -> None:
    own = new_studio_project(expert_instruction="<p>Birds only.</p>")
    assert not fill_instructions(studio, own, studio.project(own))
    assert studio.project(own)["expert_instruction"] == "<p>Birds only.</p>"
    other = new_studio_project(label_config=OTHER)
    assert not fill_instructions(studio, other, studio.project(other))
    assert not studio.project(other)["expert_instruction"]
