"""What a file says, laid out by image on the disk: a file of any size and order needs flat memory.

A private SQLite database in a temporary folder, gone at the end. Names of the file become images of the
project here, entries of one image come together, and contradictions show.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from annotator.exchange.importing.entry import Entry
from annotator.exchange.importing.matching import ImageIndex
from annotator.store import Claim

if TYPE_CHECKING:
    import numpy.typing as npt

TABLES = """
CREATE TABLE entries (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, whole INTEGER NOT NULL, explicit INTEGER NOT NULL,
    image INTEGER, several INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE cells (
    entry INTEGER NOT NULL, label INTEGER NOT NULL,
    named INTEGER NOT NULL, added INTEGER NOT NULL, absent INTEGER NOT NULL, unknown INTEGER NOT NULL,
    PRIMARY KEY (entry, label)
) WITHOUT ROWID;
"""
ENTER = (
    "INSERT INTO entries (name, whole, explicit) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE"
    " SET whole = whole + excluded.whole, explicit = explicit + excluded.explicit RETURNING number"
)
PUT = (
    "INSERT INTO cells VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET named = named + excluded.named,"
    " added = added + excluded.added, absent = absent + excluded.absent, unknown = unknown + excluded.unknown"
)
BY_IMAGE = (
    "SELECT image, sum(whole), sum(explicit) FROM entries WHERE image IS NOT NULL"
    " GROUP BY image ORDER BY image"
)
CELLS_BY_IMAGE = (
    "SELECT image, label, sum(named), sum(added), sum(absent), sum(unknown) FROM entries"
    " JOIN cells ON cells.entry = entries.number WHERE image IS NOT NULL"
    " GROUP BY image, label ORDER BY image, label"
)
NAMES = {
    "missing": "SELECT name FROM entries WHERE image IS NULL AND NOT several",
    "several": "SELECT name FROM entries WHERE several",
    "twice": "SELECT name FROM entries WHERE whole > 1",
}
NEXT_NAMES = "SELECT number, name FROM entries WHERE number > ? ORDER BY number LIMIT 10000"
CELLS_AT_ONCE = 20_000


@dataclass(frozen=True)
class Counts:
    """Images as the file names them: all; in the project; not there; that could be several; named twice."""

    named: int
    matched: int
    missing: int
    several: int
    twice: int


@dataclass(frozen=True)
class Said:
    """What a file says of one image: +1, -1 or 0, int8 (L,); and where (L,) it contradicts itself."""

    image: int
    values: npt.NDArray[np.int8]
    contradicted: npt.NDArray[np.bool_]


class Staging:
    """The entries of one file. Labels are numbered in the order in which they come."""

    def __init__(self, connection: sqlite3.Connection, clean: Callable[[str], str]) -> None:
        self._connection = connection
        self._clean = clean
        self._numbers: dict[str, int] = {}
        self._of_raw: dict[str, int] = {}
        self._cells: list[tuple[int, ...]] = []
        self.absents = 0  # labels that the file itself calls absent, one by one

    @property
    def labels(self) -> list[str]:
        """The labels by number, with their names as they are compared everywhere."""
        return list(self._numbers)

    def label(self, name: str) -> int:
        """The number of a label. Raises OnetagError for a name that no label can have."""
        number = self._of_raw.get(name)
        if number is None:
            number = self._numbers.setdefault(self._clean(name), len(self._numbers))
            self._of_raw[name] = number
        return number

    def add(self, entry: Entry) -> None:
        """Lay an entry out."""
        row = entry.image, int(entry.whole), int(entry.explicit)
        number = self._connection.execute(ENTER, row).fetchone()[0]
        named = (1, 0, 0, 0) if entry.whole else (0, 1, 0, 0)
        for labels, marks in (
            (entry.present, named),
            (entry.absent, (0, 0, 1, 0)),
            (entry.unknown, (0, 0, 0, 1)),
        ):
            self._cells += [(number, label, *marks) for label in {self.label(name) for name in labels}]
        self.absents += len(entry.absent)
        if len(self._cells) >= CELLS_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Put what waits on the disk."""
        self._connection.executemany(PUT, self._cells)
        self._cells.clear()

    def match(self, index: ImageIndex) -> None:
        """Find the image that each name means."""
        self.flush()
        last = 0
        while rows := self._connection.execute(NEXT_NAMES, (last,)).fetchall():
            last = rows[-1][0]
            found = ((index.find(name), number) for number, name in rows)
            self._connection.executemany(
                "UPDATE entries SET image = ?, several = ? WHERE number = ?",
                [(match.image, int(match.several), number) for match, number in found],
            )
        shared = self._connection.execute(
            "SELECT image FROM entries WHERE image IS NOT NULL GROUP BY image HAVING count(*) > 1"
        ).fetchall()
        for (image,) in shared:
            rows = self._connection.execute("SELECT name FROM entries WHERE image = ?", (image,)).fetchall()
            meant = set(index.agreeing(image, [name for (name,) in rows]))
            self._connection.executemany(
                "UPDATE entries SET image = NULL, several = 1 WHERE name = ?",
                [(name,) for (name,) in rows if name not in meant],
            )

    def counts(self) -> Counts:
        """How many images the file names, and what became of the names."""
        row = self._connection.execute(
            "SELECT count(*), count(DISTINCT image), coalesce(sum(image IS NULL AND NOT several), 0),"
            " coalesce(sum(several), 0) FROM entries"
        ).fetchone()
        twice = self._connection.execute(
            "SELECT count(*) FROM (SELECT 1 FROM entries GROUP BY coalesce(image, -number)"
            " HAVING sum(whole) > 1)"
        ).fetchone()
        return Counts(*row, *twice)

    def names(self, kind: str, limit: int) -> list[str]:
        """Some names as the file has them: `missing`, `several` or `twice`."""
        rows = self._connection.execute(f"{NAMES[kind]} ORDER BY number LIMIT ?", (limit,))
        return [name for (name,) in rows]

    def with_several_labels(self, limit: int) -> list[str]:
        """Some images that more than one label is named of."""
        rows = self._connection.execute(
            "SELECT name FROM entries JOIN cells ON cells.entry = entries.number WHERE named + added > 0"
            " GROUP BY coalesce(image, -number) HAVING count(DISTINCT label) > 1 ORDER BY number LIMIT ?",
            (limit,),
        )
        return [name for (name,) in rows]

    def images(self) -> set[int]:
        """The images of the project that the file names."""
        return {row[0] for row in self._connection.execute(BY_IMAGE)}

    def said(self, claim: Claim, labels: Sequence[int]) -> Iterator[Said]:
        """What the file says of each image that it names, by ascending place, over these labels.

        A label that is not named is absent where the claim, or the entry itself, says so, and is never so
        where the file calls it unknown. What it calls present at one place and absent at another is unknown.
        """
        columns = np.full(len(self._numbers), -1, dtype=np.int64)
        columns[list(labels)] = np.arange(len(labels))
        cells = self._connection.cursor().execute(CELLS_BY_IMAGE)
        waiting = cells.fetchone()
        for image, whole, explicit in self._connection.cursor().execute(BY_IMAGE):
            marks = np.zeros((4, len(labels)), dtype=np.int64)
            while waiting is not None and waiting[0] == image:
                if columns[waiting[1]] >= 0:
                    marks[:, columns[waiting[1]]] = waiting[2:]
                waiting = cells.fetchone()
            times = max(whole, 1) if claim is Claim.COMPLETE else explicit
            yield _said(image, times, marks, with_absent=claim in (Claim.COMPLETE, Claim.VERIFIED))


def _said(image: int, times: int, marks: npt.NDArray[np.int64], *, with_absent: bool) -> Said:
    """From how often an image was described (`times`) and each label marked (4, L) to what is said."""
    named, added, absent, unknown = marks
    silent = np.maximum(times - named - absent - unknown, 0) * (added == 0)
    present, away = named + added > 0, absent + silent > 0
    contradicted = present & away
    values = present.astype(np.int8) - (away.astype(np.int8) if with_absent else np.int8(0))
    values[contradicted] = 0
    return Said(image, values, contradicted)


@contextmanager
def staging(clean: Callable[[str], str]) -> Iterator[Staging]:
    """A staging area, empty and gone at the end. clean: the name of a label as it is compared."""
    with TemporaryDirectory(prefix="onetag-import-") as folder:
        connection = sqlite3.connect(Path(folder) / "staging.db", isolation_level=None)
        try:
            connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + TABLES)
            connection.execute("BEGIN")
            yield Staging(connection, clean)
        finally:
            connection.close()
