"""Whether a label config is one that onetag made, and nobody edited: it carries a checksum of itself.

So a later version of onetag knows it too, however its own screen looks by then. Screens that were made before
there was a checksum are told by their controls and words.
"""

from __future__ import annotations

import hashlib
import re
from xml.etree import ElementTree as Xml

from annotator.errors import OnetagError
from annotator.labelstudio.candidates import (
    ABOUT,
    ANSWER,
    IMAGE,
    LABEL,
    NOTE,
    QUESTION,
    REQUIRED,
    REVIEW,
    SUGGESTED,
    read_xml,
)

SUM = re.compile(r"/\* onetag ([0-9a-f]{16}) \*/")
FIND = "onetag_find"
"""The search of a long list."""
BARE = frozenset({IMAGE, LABEL, SUGGESTED, REVIEW})
EARLIER = (
    (
        BARE,
        frozenset({"One thing in the picture", "What else is there?", "Looked closer? Then say so"}),
    ),
    (
        BARE | {QUESTION, ABOUT, ANSWER, NOTE, REQUIRED},
        frozenset(
            {
                "Choose one thing that is in the picture",
                "Any one will do. The model learns from it, and suggests the rest.",
                "What do you see besides? One will do, none too",
                "What else is there?",
                "Ctrl+Enter submits, Ctrl+Space skips, Ctrl with the wheel zooms",
            }
        ),
    ),
)
"""The names of controls and the words of version 0.1, and of what came before the checksum."""
KEPT = frozenset({"value", "hotkey"})
"""What our choices carry; those of the question are told in HTML besides."""


def signed(xml: str) -> str:
    """A label config of ours, with the checksum at the head of its style."""
    return xml.replace("<Style>", f"<Style>/* onetag {_checksum(xml)} */", 1)


def signed_as(xml: str, before: str) -> str:
    """A label config that we changed, with its checksum where the one before was untouched."""
    found = SUM.search(before)
    return signed(xml.replace(found[0], "", 1)) if found and is_untouched(before) else xml


def is_untouched(xml: str) -> bool:
    """Whether a label config is one that onetag made, of whatever version, and nobody edited."""
    try:
        root = read_xml(xml)
    except OnetagError:
        return False
    found = SUM.search(xml)
    return found[1] == _checksum(xml.replace(found[0], "", 1)) if found else _is_earlier(root)


def _checksum(xml: str) -> str:
    plain = Xml.canonicalize(xml, with_comments=True, strip_text=True)
    return hashlib.sha256(plain.encode()).hexdigest()[:16]


def _is_earlier(root: Xml.Element) -> bool:
    """Whether this is a screen from before the checksum: its controls, its headings, and nothing else."""
    names = frozenset(name for each in root.iter() if (name := each.get("name"))) - {FIND}
    words = frozenset(each.get("value") or "" for each in root.iter("Header"))
    plain = all(
        each.attrib.keys() <= KEPT | {"html"} and not len(each) and each.get("value")
        for each in root.iter("Choice")
    )
    tags = {each.tag for each in root.iter()}
    ours = {"View", "Style", "Header", "Image", "Choices", "Choice", "Taxonomy", "TextArea", "Filter"}
    return plain and (names, words) in EARLIER and tags <= ours
