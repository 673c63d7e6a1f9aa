"""Features on disk: one SQLite file, keyed by the image's bytes and the backbone's fingerprint."""

from __future__ import annotations

import logging
import sqlite3
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_backend.cache_file import CacheFile

log = logging.getLogger(__name__)

Floats = NDArray[np.float32]
Size = tuple[int, int]
DIGESTS_A_QUERY = 500
SCHEMA = """
CREATE TABLE IF NOT EXISTS features (
    fingerprint TEXT NOT NULL,
    digest TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    numbers BLOB NOT NULL,
    checksum INTEGER,
    UNIQUE (fingerprint, digest)
)
"""


def rounded(features: NDArray[np.floating]) -> Floats:
    """Features as the cache gives them back: rounded to float16.

    Half the file and half the reading time, for a relative error of at most 0.05 %, far below the
    differences between images. Numbers beyond float16's range are clipped to it.
    """
    return _half(features).astype(np.float32)


class FeatureCache(CacheFile):
    """The features of images, see `CacheFile`; a row that is not as it was put counts as not there.

    Either is said in the log. Every method raises LearningError where the file cannot be read or written.

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     cache = FeatureCache(Path(folder) / "features.db")
    ...     cache.put(["digest of a"], "backbone-1", np.array([[1.0, 2.0]]), [(640, 480)])
    ...     cache.get(["digest of a", "digest of b"], "backbone-1")
    (array([ True, False]), array([[1., 2.]], dtype=float32))
    """

    kind = "feature cache"

    def get(self, digests: Sequence[str], fingerprint: str) -> tuple[NDArray[np.bool_], Floats]:
        """Which of the N images are in the cache (N,), and the features (M, F) of those M, in their order."""
        rows = {digest: numbers for digest, (numbers, _) in self.rows(digests, fingerprint).items()}
        width = len(next(iter(rows.values()), ()))
        mask = np.array([len(rows.get(digest, ())) == width > 0 for digest in digests], dtype=bool)
        matrix = np.empty((int(mask.sum()), width), dtype=np.float32)
        for place, index in enumerate(np.flatnonzero(mask)):
            matrix[place] = rows[digests[index]]
        return mask, matrix

    def rows(self, digests: Sequence[str], fingerprint: str) -> dict[str, tuple[NDArray[np.float16], Size]]:
        """The features (F,) of the images that are in the cache, and their width and height, by digest."""
        found = self._guarded(lambda connection: _read(connection, digests, fingerprint))
        whole = {
            digest: (np.frombuffer(numbers, dtype="<f2"), (width, height))
            for digest, (width, height, numbers, checksum) in found.items()
            if _is_whole(fingerprint, digest, (width, height), numbers, checksum)
        }
        if damaged := sorted(found.keys() - whole.keys()):
            log.warning(
                "Damaged in the feature cache %s: %d images, the first of digest %s; computed anew.",
                *(self.path, len(damaged), damaged[0]),
            )
        return whole

    def known(self, digests: Sequence[str], fingerprint: str) -> NDArray[np.bool_]:
        """Which of the N images have features (N,), nothing of which is read."""
        found = self._guarded(lambda connection: _known(connection, fingerprint))
        return np.fromiter((digest in found for digest in digests), dtype=bool, count=len(digests))

    def put(
        self, digests: Sequence[str], fingerprint: str, features: NDArray[np.floating], sizes: Sequence[Size]
    ) -> None:
        """Store the features (N, F) of these images, in the place of older ones."""
        rows = [
            (fingerprint, digest, *size, row, _checksum(fingerprint, digest, size, row))
            for digest, size, row in zip(digests, sizes, map(bytes, _half(features)), strict=True)
        ]
        self._guarded(lambda connection: _write(connection, digests, fingerprint, rows))

    def forget(self, start: str) -> None:
        """Delete the features of the backbones whose fingerprint starts with `start`."""
        statement = "DELETE FROM features WHERE fingerprint >= ? AND fingerprint < ?"
        self._guarded(lambda connection: connection.execute(statement, (start, start + "\U0010ffff")))

    def _prepare(self, connection: sqlite3.Connection) -> None:
        if "checksum" in _columns(connection):
            return
        connection.execute("PRAGMA journal_mode = WAL")
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(SCHEMA)
            if "checksum" not in _columns(connection):
                connection.execute("ALTER TABLE features ADD COLUMN checksum INTEGER")


def _half(features: NDArray[np.floating]) -> NDArray[np.float16]:
    limit = float(np.finfo(np.float16).max)
    return np.clip(features, -limit, limit).astype("<f2")


def _columns(connection: sqlite3.Connection) -> set[str]:
    return {row[1] for row in connection.execute("PRAGMA table_info(features)")}


def _read(
    connection: sqlite3.Connection, digests: Sequence[str], fingerprint: str
) -> dict[str, tuple[Any, ...]]:
    """Width, height, numbers and checksum of the images that are there, by digest."""
    found: dict[str, tuple[Any, ...]] = {}
    wanted = list(dict.fromkeys(digests))
    for start in range(0, len(wanted), DIGESTS_A_QUERY):
        part = wanted[start : start + DIGESTS_A_QUERY]
        marks = ", ".join("?" * len(part))
        query = (
            "SELECT digest, width, height, numbers, checksum FROM features "  # noqa: S608 (the marks are ours)
            f"WHERE fingerprint = ? AND digest IN ({marks})"
        )
        found |= {row[0]: row[1:] for row in connection.execute(query, (fingerprint, *part))}
    return found


def _known(connection: sqlite3.Connection, fingerprint: str) -> set[str]:
    found = connection.execute("SELECT digest FROM features WHERE fingerprint = ?", (fingerprint,))
    return {digest for (digest,) in found}


def _write(
    connection: sqlite3.Connection, digests: Sequence[str], fingerprint: str, rows: Sequence[tuple[Any, ...]]
) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO features (fingerprint, digest, width, height, numbers, checksum) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        rows,
    )
    stored = _read(connection, digests, fingerprint)
    if any(stored.get(digest) != tuple(row) for _, digest, *row in rows):
        connection.execute("REINDEX features")  # a rotten index hides rows, and would do so for ever


def _checksum(fingerprint: str, digest: str, size: Size, numbers: bytes) -> int:
    """CRC-32 of a whole row: it is against rot and not against people, and costs half a millisecond a MB."""
    return zlib.crc32(numbers, zlib.crc32(f"{fingerprint} {digest} {size[0]} {size[1]}".encode()))


def _is_whole(fingerprint: str, digest: str, size: Size, numbers: object, checksum: object) -> bool:
    """Whether a row is as it was put. Rows of releases that put no checksum have at least to be finite."""
    if not isinstance(numbers, bytes) or len(numbers) % 2 or not all(isinstance(n, int) for n in size):
        return False
    if checksum is None:
        return bool(np.isfinite(np.frombuffer(numbers, dtype="<f2")).all())
    return checksum == _checksum(fingerprint, digest, size, numbers)
