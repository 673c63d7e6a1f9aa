"""Which key does what on the labelling screen; a key that a label has is never given to another.

Measured with Label Studio 1.23: a choice without a key gets the first free one of Label Studio's own, which
moves as soon as a choice comes before it; so every choice has a key, and one that nobody shall press has one
that no keyboard sends. Two choices with one key are both switched. shift+1 and shift+2 zoom the picture where
its zoom buttons are shown, so they are not. H, V and U are the picture's too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import count

CHECKED_KEY, ALL_KEY, NOTHING_KEY = "space", "a", "0"
YES_KEY, NO_KEY = "y", "n"
FIND_KEY = "f"
PLAIN = "123456789qwertiopsdfgjklzxcbm"
"""The keys of labels, in the order in which they are given: none of ours, none of the picture's."""
WITH_ALT = "123456789qwrtyuiopasghjklzxcvbnm"
"""Then these with Alt: without D, E and F, which open the menus of browsers."""
LABEL_KEYS = (*PLAIN, *(f"alt+{key}" for key in WITH_ALT))
UNTYPED = 0xE000
"""The first of the characters that no keyboard sends."""


def label_keys(labels: Iterable[str], before: Mapping[str, str], taken: Iterable[str] = ()) -> dict[str, str]:
    """The key of each label: the one that it had before, or else the first that no label has or had.

    taken: keys that no label gets. Labels beyond the last key have one that cannot be typed.
    """
    had = {*before.values(), *taken}
    free = (key for key in LABEL_KEYS if key not in had)
    beyond = untyped(0)
    return {name: before.get(name) or next(free, None) or next(beyond) for name in labels}


def tick_key(label_key: str) -> str:
    """The key that ticks a label in the second list: that of the label, with Shift."""
    *modifiers, key = label_key.split("+")
    return "+".join([*modifiers, "shift", key])


def free_key(wanted: str, taken: Iterable[str]) -> str:
    """The wanted key, or the last one of the labels' that is still free, or one that cannot be typed."""
    used = set(taken)
    return next((key for key in (wanted, *reversed(PLAIN)) if key not in used), chr(UNTYPED))


def find_key(taken: Iterable[str]) -> str:
    """The key of the search of a long list, which may have given it to a label while it was short."""
    return "/" if FIND_KEY in set(taken) else FIND_KEY


def is_typed(key: str) -> bool:
    """Whether a keyboard sends a key."""
    return key[-1:] < chr(UNTYPED)


def untyped(start: int) -> Iterator[str]:
    """Keys that cannot be typed, from the one of this number on."""
    return (chr(UNTYPED + number) for number in count(start))
