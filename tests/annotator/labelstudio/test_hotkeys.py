"""A key that a label has is never given to another, and no two controls share one."""

from __future__ import annotations

from itertools import islice

from annotator.labelstudio.hotkeys import (
    ALL_KEY,
    CHECKED_KEY,
    FIND_KEY,
    LABEL_KEYS,
    NO_KEY,
    NOTHING_KEY,
    YES_KEY,
    free_key,
    label_keys,
    tick_key,
    untyped,
)

OURS = (ALL_KEY, CHECKED_KEY, FIND_KEY, NO_KEY, NOTHING_KEY, YES_KEY)


def test_labels_get_numbers_then_letters_then_keys_with_alt_and_never_twice() -> None:
    given = list(label_keys(map(str, range(60)), {}).values())
    assert given[:11] == [*"123456789", "q", "w"]
    assert len(set(given)) == 60
    assert all(len(key) == 1 or key.startswith("alt+") for key in given)
    assert max(map(ord, "".join(given))) < 128, "every one can be typed"


def test_no_label_has_a_key_of_ours_nor_one_that_moves_the_picture() -> None:
    assert not {*OURS, "h", "v", "u"} - {FIND_KEY} & set(LABEL_KEYS)


def test_a_label_keeps_its_key_whatever_comes_goes_or_changes_place() -> None:
    before = label_keys(["cat", "dog", "tree"], {})
    after = label_keys(["bird", "tree", "cat"], before)
    assert {name: after[name] for name in ("cat", "tree")} == {"cat": "1", "tree": "3"}
    assert after["bird"] not in before.values(), "not even that of a label that went"


def test_labels_beyond_the_last_key_have_one_that_nobody_types() -> None:
    given = list(label_keys(map(str, range(len(LABEL_KEYS) + 2)), {}).values())
    assert len(set(given)) == len(given)
    assert all(ord(key) > 255 for key in given[len(LABEL_KEYS) :])


def test_what_else_is_there_has_the_key_of_the_label_with_shift() -> None:
    assert [tick_key(key) for key in ("1", "q", "alt+q")] == ["shift+1", "shift+q", "alt+shift+q"]
    ticks = {tick_key(key) for key in LABEL_KEYS}
    assert len(ticks) == len(LABEL_KEYS)
    assert not ticks & set(LABEL_KEYS)


def test_a_key_of_ours_that_a_label_of_an_older_screen_has_gives_way() -> None:
    assert free_key("a", ["1", "q"]) == "a"
    assert free_key("a", ["a", "m", "b"]) == "c"
    assert ord(free_key("a", {*LABEL_KEYS, "a"})) > 255


def test_keys_that_nobody_types_differ() -> None:
    first = list(islice(untyped(0), 5))
    assert len({*first, *islice(untyped(5), 5)}) == 10
