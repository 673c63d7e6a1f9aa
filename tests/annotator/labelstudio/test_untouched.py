"""Our label configs are told from those that somebody edited, of whatever version of onetag they are."""

from __future__ import annotations

from pathlib import Path

from annotator.labelstudio.config import build_config, parse_config
from annotator.labelstudio.screen import MAX_CHOICES
from annotator.labelstudio.screen_before import keys_of
from annotator.labelstudio.untouched import is_untouched

EARLIER = {
    name: (Path(__file__).parent / "screens" / f"{name}.xml").read_text() for name in ("0.1", "unsigned")
}
"""The screen of version 0.1, and that of the time before the checksum, without most of its style."""


def test_our_screen_is_told_from_one_that_somebody_edited() -> None:
    ours = build_config(["cat", "dog"])
    assert is_untouched(ours)
    assert is_untouched(build_config(["cat", "dog"], image_field="photo"))
    assert is_untouched(build_config(["dog", "cat"], before=build_config(["cat"])))
    assert is_untouched(build_config(f"label {n}" for n in range(MAX_CHOICES + 1)))
    assert not is_untouched(ours.replace("Choose one thing", "Choose one animal", 1))
    assert not is_untouched(ours.replace("display: flex", "display: block", 1)), "also in how it looks"
    assert not is_untouched(ours.replace('value="dog"', 'value="dog" alias="d"', 1))
    assert not is_untouched(ours.replace("</View>", "<!-- mine --></View>", 1)), "a remark would be lost"
    assert not is_untouched("<View/>")
    assert not is_untouched("nonsense")
    assert not is_untouched("/* onetag 0123456789abcdef */")


def test_spaces_between_the_tags_are_no_edit() -> None:
    assert is_untouched(build_config(["cat", "dog"]).replace(">\n", ">\n  "))


def test_screens_from_before_the_checksum_are_known() -> None:
    for xml in EARLIER.values():
        assert is_untouched(xml)
        assert not is_untouched(xml.replace('value="cat"', 'value="cat" alias="c"', 1))
        assert not is_untouched(xml.replace("What else is there?", "More?"))


def test_they_go_on_and_can_be_brought_up_to_date() -> None:
    assert not parse_config(EARLIER["0.1"]).asks
    assert parse_config(EARLIER["unsigned"]).asks
    for xml in EARLIER.values():
        there = parse_config(xml)
        assert there.labels == ("cat", "yak")
        today = build_config(there.labels, before=xml)
        assert keys_of(today) == keys_of(xml)
        assert is_untouched(today)
