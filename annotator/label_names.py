"""Names of labels as they are compared everywhere: composed Unicode, single spaces, nothing invisible.

Two labels that look the same would be two labels; so a name with an invisible character is refused wherever a
label enters. What joins visible signs stays: in emoji, and in the scripts that need a joiner.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable

from annotator.errors import OnetagError

ZWNJ, ZWJ = "\u200c", "\u200d"
CODES_SHOWN = 5  # names that an error lists
MOST_CHARACTERS = 600
"""The longest name: an entry of PostgreSQL's indexes holds 2,704 bytes, and a character takes up to four."""

# Format characters that are drawn: signs that go around a number, in Arabic, Syriac and Kaithi.
DRAWN = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
# Not format characters, and not seen either: fillers, a joiner of graphemes, an empty Braille cell.
FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufffc")
INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
# Scripts in which a joiner or a non-joiner changes what is read: Arabic to Myanmar, Khmer, Mongolian.
JOINING = ((0x0600, 0x109F), (0x1780, 0x18AF), (0xA840, 0xA87F), (0xFB50, 0xFDFF), (0xFE70, 0xFEFC))
FLAG, CANCEL_TAG = 0x1F3F4, 0xE007F  # a flag's letters are tags, up to the one that ends them


def clean_labels(labels: Iterable[str]) -> list[str]:
    """Names in the form in which they are compared.

    Raises OnetagError for no labels, an empty name, a name twice, one that is too long, or one with a
    character that cannot be seen or that XML cannot hold.
    """
    names = [comparable(label) for label in labels]
    if not names:
        raise OnetagError("There are no labels.", "Name at least one, for example --labels cat,dog,tree.")
    if not all(names):
        raise OnetagError("One of the labels has no name.", "Name it, or take out the comma too many.")
    refuse_invisible(names)
    refuse_long(names)
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise OnetagError(f"These labels are named twice: {_listed(twice)}.", "Keep one of each.")
    variables = [name for name in names if name.startswith("$")]
    if variables:
        raise OnetagError(
            f"Label Studio reads these labels as fields of a task: {_listed(variables)}.",
            "Drop the leading $.",
        )
    return names


def comparable(name: str) -> str:
    """A name in the form in which names are compared: what differs from it in form alone means the same."""
    return " ".join(unicodedata.normalize("NFC", name).split())


def refuse_invisible(names: Iterable[str]) -> None:
    """Raise OnetagError that says which label holds which character that cannot be seen."""
    found = [(name, seen) for name in names if (seen := invisible_in(name))]
    if found:
        told = "; ".join(f"{name!a} has {', '.join(seen)}" for name, seen in found[:CODES_SHOWN])
        more = f" and {len(found) - CODES_SHOWN} more" if len(found) > CODES_SHOWN else ""
        raise OnetagError(
            f"Labels with characters that cannot be seen (invisible or control characters): {told}{more}.",
            "Remove those.",
        )


def refuse_long(names: Iterable[str]) -> None:
    """Raise OnetagError that says which label is longer than `MOST_CHARACTERS`."""
    long = [name for name in names if len(name) > MOST_CHARACTERS]
    if long:
        told = ", ".join(f"{name[:30]!r}... has {len(name):,}" for name in long[:CODES_SHOWN])
        raise OnetagError(
            f"Labels of more than {MOST_CHARACTERS} characters cannot be kept: {told}.",
            "Shorten them; a <Choice> may keep its long text in its `hint`.",
        )


def invisible_in(name: str) -> list[str]:
    """The characters of a name that cannot be seen, as `U+200B ZERO WIDTH SPACE`; each once."""
    seen = {
        character: None
        for place, character in enumerate(name)
        if _invisible(character) and not _joins(name, place)
    }
    return [f"U+{ord(each):04X} {unicodedata.name(each, 'control character')}" for each in seen]


def _invisible(character: str) -> bool:
    code = ord(character)
    if character in DRAWN:
        return False
    if character in FILLERS or _is_selector(code) or 0xFFF9 <= code <= 0xFFFB:
        return True
    # What this Python's Unicode does not know yet ("Cn") may be a new emoji; some are no characters at all.
    nonsense = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
    return nonsense or unicodedata.category(character) in INVISIBLE or 0xE0000 <= code <= 0xE0FFF


def _joins(name: str, place: int) -> bool:
    """Whether an invisible character belongs to the visible sign before it."""
    character, before = name[place], name[:place]
    if not before or before[-1].isspace():
        return False
    code = ord(character)
    if _is_selector(code):
        return not _is_latin(before[-1])
    if character in (ZWJ, ZWNJ):
        after = name[place + 1 : place + 2]
        if any(first <= ord(before[-1]) <= last for first, last in JOINING):
            return bool(after) or character == ZWJ
        return character == ZWJ and bool(after) and _is_pictograph(before) and _is_pictograph(after)
    return 0xE0020 <= code <= CANCEL_TAG and _in_flag(before)


def _is_selector(code: int) -> bool:
    """Variation selectors, Mongolian ones included: they choose how the sign before them is drawn."""
    return 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF or code in (0x180B, 0x180C, 0x180D, 0x180F)


def _is_latin(character: str) -> bool:
    return character.isalpha() and character != "\u2139" and ord(character) < 0x0590


def _is_pictograph(text: str) -> bool:
    bare = text.rstrip("\ufe0e\ufe0f")
    return bool(bare) and unicodedata.category(bare[-1]) in ("So", "Sk", "Sm", "Cn")


def _in_flag(before: str) -> bool:
    bare = before.rstrip("".join(map(chr, range(0xE0020, CANCEL_TAG))))
    return bool(bare) and ord(bare[-1]) == FLAG


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:CODES_SHOWN])
    return f"{shown} and {len(names) - CODES_SHOWN} more" if len(names) > CODES_SHOWN else shown
