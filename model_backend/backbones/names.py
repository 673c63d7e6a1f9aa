"""Which of ImageNet's classes a label's name means: "dog" is the sum of 118 of them.

Names are looked up among the lemmas of the classes and of their hypernyms in WordNet (Fellbaum, 1998), by
which ImageNet was made (Deng et al., 2009). Plurals lose their ending by WordNet's own rules, Morphy's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CLASSES = 1000
TABLE = Path(__file__).with_name("imagenet_names.tsv")
MOST = 1 / 2  # of the classes: "artifact" and "object" name too many of them to say anything
LEAST = 1 / 100  # of a synset's kinds: "person" has thousands, of which three are classes
DETACHMENTS = {
    "s": "",
    "ses": "s",
    "xes": "x",
    "zes": "z",
    "ches": "ch",
    "shes": "sh",
    "men": "man",
    "ies": "y",
}


@dataclass(frozen=True)
class Meaning:
    """A synset: the number of the sense that a lemma has there, and the classes at it or below it."""

    sense: int
    classes: tuple[int, ...]


class Names:
    """The names of a network's classes and of what these are kinds of."""

    def __init__(self, table: Path = TABLE) -> None:
        lines = table.read_text(encoding="utf-8").splitlines()
        rows = [line.split("\t") for line in lines if not line.startswith("#")]
        classes = _classes_below({row[0]: row[2].split() for row in rows}, [row[0] for row in rows[:CLASSES]])
        self._meanings: dict[str, list[Meaning]] = {}
        for offset, lemmas, _, below in rows:
            found = classes[offset]
            if len(found) > MOST * CLASSES or len(found) < LEAST * int(below):
                continue
            for lemma in lemmas.split():
                name, _, sense = lemma.rpartition("#")
                self._meanings.setdefault(_joined(normal(name)), []).append(Meaning(int(sense), tuple(found)))

    def classes(self, label: str) -> tuple[int, ...]:
        """The classes that a label's name means, rising; none for a name that does not map.

        Of an ambiguous name the most frequent sense counts that is a class or a hypernym of one. A name of
        several words that is not found means what its last words do: a stop sign is a sign. Whether they are
        written as one does not matter.

        >>> names = Names()
        >>> len(names.classes("dog")), len(names.classes("Dogs")), names.classes("cell phone")
        (118, 118, (487,))
        >>> names.classes("person"), names.classes("runway")
        ((), ())
        """
        words = normal(label).split()
        for start in range(len(words)):
            for form in singulars("".join(words[start:])):
                if form in self._meanings:
                    return min(self._meanings[form], key=lambda meaning: meaning.sense).classes
        return ()


def normal(name: str) -> str:
    """A name in lower case, its words apart by one space.

    >>> normal("Traffic_light"), normal("mobile-home")
    ('traffic light', 'mobile home')
    """
    return " ".join(re.findall(r"[^\W_]+", name.lower().replace("'", "")))


def _joined(name: str) -> str:
    return name.replace(" ", "")


def singulars(name: str) -> list[str]:
    """The name itself, and what it may be the plural of.

    >>> singulars("buses")
    ['buses', 'buse', 'bus']
    """
    return [name, *(name.removesuffix(end) + new for end, new in DETACHMENTS.items() if name.endswith(end))]


def _classes_below(parents: dict[str, list[str]], classes: Sequence[str]) -> dict[str, list[int]]:
    """From each synset to the classes at it or below it, by their places in the network's order."""
    below: dict[str, list[int]] = {offset: [] for offset in parents}
    for place, offset in enumerate(classes):
        above, waiting = {offset}, [offset]
        while waiting:
            new = set(parents[waiting.pop()]) - above
            above |= new
            waiting += new
        for each in above:
            below[each].append(place)
    return below
