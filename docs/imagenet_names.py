"""Derives model_backend/backbones/imagenet_names.tsv from WordNet 3.0 and timm's list of ImageNet's classes.

apt-get install wordnet-base                 # WordNet 3.0's dict files, in /usr/share/wordnet
.venv/bin/python docs/imagenet_names.py

The table has a row for each of the 1,000 classes, in the network's order, and then one for each of their
hypernyms: the synset's offset, its lemmas with the number of the sense each has there, the offsets of its
hypernyms, and how many noun synsets lie below it, itself included.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from timm.data.imagenet_info import ImageNetInfo

DICT = Path("/usr/share/wordnet")
TABLE = Path(__file__).parents[1] / "model_backend" / "backbones" / "imagenet_names.tsv"
HEADER = """\
# The names of ImageNet's 1,000 classes and of their hypernyms, derived from WordNet 3.0 and timm's list of
# the classes by docs/imagenet_names.py. Columns: synset, lemmas with the number of their sense, hypernyms,
# noun synsets at it and below. The first 1,000 rows are the classes, in the network's order.
#
"""
HYPERNYMS = ("@", "@i")


@dataclass(frozen=True)
class Synset:
    """A noun synset of WordNet: its lemmas as WordNet writes them, and the offsets of its hypernyms."""

    lemmas: tuple[str, ...]
    parents: tuple[str, ...]


def read_licence(file: Path) -> str:
    """The notice that every copy has to carry: the numbered lines with which each file of WordNet begins."""
    with file.open(encoding="utf-8") as lines:
        notice = [line.strip().partition(" ")[2].strip() for line in lines if line.startswith("  ")]
    return "".join(f"# {line}".rstrip() + "\n" for line in notice)


def read_synsets(file: Path) -> dict[str, Synset]:
    """The synsets of data.noun by offset; its format: see wndb(5WN)."""
    return dict(_synset(line) for line in _records(file))


def read_senses(file: Path) -> dict[tuple[str, str], int]:
    """From (lemma in lower case, offset) to the number of that sense, 1 the most frequent; of index.noun."""
    result: dict[tuple[str, str], int] = {}
    for line in _records(file):
        lemma, _, senses, *rest = line.split()
        for number, offset in enumerate(rest[-int(senses) :], start=1):
            result[lemma, offset] = number
    return result


def with_hypernyms(offsets: Iterable[str], synsets: dict[str, Synset]) -> list[str]:
    """The offsets, then those of all their hypernyms, each once."""
    found = dict.fromkeys(offsets)
    waiting = list(found)
    while waiting:
        new = [parent for parent in synsets[waiting.pop(0)].parents if parent not in found]
        found |= dict.fromkeys(new)
        waiting += new
    return list(found)


def count_below(synsets: dict[str, Synset]) -> dict[str, int]:
    """How many synsets lie below each one, itself included."""
    below: dict[str, int] = defaultdict(int)
    for offset in synsets:
        for above in with_hypernyms([offset], synsets):
            below[above] += 1
    return below


def rows(classes: list[str], folder: Path) -> Iterator[str]:
    """The lines of the table."""
    synsets, senses = read_synsets(folder / "data.noun"), read_senses(folder / "index.noun")
    below = count_below(synsets)
    for offset in with_hypernyms(classes, synsets):
        synset = synsets[offset]
        lemmas = (f"{lemma}#{senses[lemma.lower(), offset]}" for lemma in synset.lemmas)
        yield "\t".join((offset, " ".join(lemmas), " ".join(synset.parents), str(below[offset])))


def _records(file: Path) -> Iterator[str]:
    with file.open(encoding="utf-8") as lines:
        yield from (line for line in lines if not line.startswith("  "))  # two spaces begin the licence


def _synset(line: str) -> tuple[str, Synset]:
    fields = line.partition("|")[0].split()
    words = int(fields[3], 16)
    lemmas = fields[4 : 4 + 2 * words : 2]
    pointers = fields[5 + 2 * words :]
    parents = (
        offset for kind, offset in zip(pointers[::4], pointers[1::4], strict=False) if kind in HYPERNYMS
    )
    return fields[0], Synset(tuple(lemmas), tuple(parents))


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--wordnet", type=Path, default=DICT, help="folder with data.noun and index.noun")
    parser.add_argument("--out", type=Path, default=TABLE)
    arguments = parser.parse_args()
    info = ImageNetInfo("imagenet-1k")
    classes = [info.index_to_label_name(index).removeprefix("n") for index in range(info.num_classes())]
    licence = read_licence(arguments.wordnet / "data.noun")
    lines = "\n".join(rows(classes, arguments.wordnet))
    arguments.out.write_text(f"{HEADER}{licence}{lines}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
