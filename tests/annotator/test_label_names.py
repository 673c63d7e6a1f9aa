"""Names of labels: what differs in form alone is one, and what cannot be seen is refused by name."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.errors import OnetagError
from annotator.label_names import clean_labels, comparable, invisible_in

NEW_EMOJI = "\U0001fae8"  # shaking face: unassigned in the Unicode of Python 3.11


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("ca\u200bt", "U+200B ZERO WIDTH SPACE"),
        ("cat\u202e", "U+202E RIGHT-TO-LEFT OVERRIDE"),
        ("\ufeffcat", "U+FEFF ZERO WIDTH NO-BREAK SPACE"),
        ("cat\u00ad", "U+00AD SOFT HYPHEN"),
        ("ca\u2060t", "U+2060 WORD JOINER"),
        ("cat\u200d", "U+200D ZERO WIDTH JOINER"),
        ("c\u200cat", "U+200C ZERO WIDTH NON-JOINER"),
        ("cat\ufe0f", "U+FE0F VARIATION SELECTOR-16"),
        ("\u3164", "U+3164 HANGUL FILLER"),
        ("cat\x00", "U+0000 control character"),
        ("cat\ud800", "U+D800"),
        ("cat\ufffe", "U+FFFE"),
        ("cat\U000e0067", "U+E0067 TAG LATIN SMALL LETTER G"),
        ("cat\ue000", "U+E000"),
        ("cat\ufff9", "U+FFF9 INTERLINEAR ANNOTATION ANCHOR"),
    ],
)
def test_what_cannot_be_seen_is_refused_by_name(name: str, told: str) -> None:
    with pytest.raises(OnetagError) as error:
        clean_labels(["dog", name])
    assert told in str(error.value)
    assert ascii(name) in str(error.value)
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    "name",
    [
        NEW_EMOJI,
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",  # a family, joined
        "\u2764\ufe0f\u200d\U0001f525",  # heart on fire
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",  # flag of England
        "1\ufe0f\u20e3",  # keycap
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian
        "\u0915\u094d\u200d\u0937",  # Hindi
        "\u845b\U000e0100",  # a Japanese variant
        "na\u00efve",
        "\u0645\u0631\u062d\u0628\u0627",
        "日本語",
        "a / b & <c>",
    ],
)
def test_what_scripts_and_emoji_need_is_taken(name: str) -> None:
    assert clean_labels([name]) == [name]
    assert invisible_in(name) == []


def test_names_that_differ_in_form_alone_are_one() -> None:
    assert clean_labels(["  Water  ", "nai\u0308ve"]) == ["Water", "na\u00efve"]
    with pytest.raises(OnetagError, match="named twice: Water"):
        clean_labels(["Water", "Water "])


def test_many_wrong_names_are_told_shortly() -> None:
    with pytest.raises(OnetagError, match="and 95 more") as error:
        clean_labels(f"label{number}\u200b" for number in range(100))
    assert len(str(error.value)) < 500


def test_ten_thousand_labels_are_taken() -> None:
    assert len(clean_labels(f"label {number}" for number in range(10_000))) == 10_000


@given(st.text())
def test_a_comparable_name_is_its_own_comparable_name(name: str) -> None:
    assert comparable(comparable(name)) == comparable(name)


@given(st.text())
def test_a_clean_name_shows_all_that_it_has(name: str) -> None:
    try:
        (clean,) = clean_labels([name])
    except OnetagError:
        return
    assert clean == unicodedata.normalize("NFC", clean)
    assert clean.strip() == clean
    assert not any(character in clean for character in "\u200b\u202e\ufeff\u2060")
