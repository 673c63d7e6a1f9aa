"""Open Images' image-level labels: verified by people, 1 or 0, or a machine's guess, which is left out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from annotator.exchange.importing.comma_separated import table_of
from annotator.exchange.importing.entry import Entry, ImportFormat, Reading, broken, label_of

COLUMNS = ("ImageID", "Source", "LabelName", "Confidence")
MACHINE = "machine"
GUESSES = "labels that a machine guessed: an estimate is no observation"


def read(path: Path, reading: Reading) -> Iterator[Entry]:
    """One entry a line that a person verified. Raises OnetagError naming the line that is broken."""
    with table_of(path, reading) as table:
        missing = [name for name in COLUMNS if name not in table.header]
        if missing:
            raise broken(path, f"it has no column {missing[0]}.", f"Open Images' has {', '.join(COLUMNS)}.")
        image, source, label, confidence = (table.header.index(name) for name in COLUMNS)
        for line, cells in table.rows:
            name, value = label_of(cells[label], reading.options), cells[confidence].strip()
            if cells[source].strip().lower() == MACHINE:
                reading.left_out[GUESSES] += 1
            elif value in ("1", "1.0"):
                yield Entry(cells[image].strip(), (name,), whole=False)
            elif value in ("0", "0.0"):
                yield Entry(cells[image].strip(), absent=(name,), whole=False)
            else:
                raise broken(
                    path,
                    f"line {line:,} has confidence {value!r}, where a verified label has 1 or 0.",
                    "Correct it, or say that it is a machine's in the column Source.",
                )


def recognises(path: Path, head: bytes) -> bool:
    """By the columns in the first line."""
    del path
    names = {
        name.strip()
        for name in head.partition(b"\n")[0].decode("utf-8", "replace").lstrip("\ufeff").split(",")
    }
    return set(COLUMNS) <= names


OPEN_IMAGES = ImportFormat(
    "openimages",
    "Open Images' image-level labels: verified ones with + and -; a machine's are counted and left out.",
    "a CSV file with the columns ImageID, Source, LabelName, Confidence",
    recognises,
    read,
    negatives=True,
)
