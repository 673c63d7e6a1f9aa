"""Thumbnails on disk: one SQLite file of bounded size, the oldest go first."""

from __future__ import annotations

import sqlite3
import zlib
from pathlib import Path

from model_backend.cache_file import CacheFile

SCHEMA = """
CREATE TABLE IF NOT EXISTS thumbnails (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tag TEXT NOT NULL UNIQUE,
    checksum INTEGER NOT NULL,
    content BLOB NOT NULL
)
"""
EVICTED = 50  # thumbnails at once
WAL_BYTES = 8 * 2**20  # of the write-ahead log, once it is written back


class ThumbnailCache(CacheFile):
    """The thumbnails made last, by their tag, in `limit` bytes and a few MB beside them; see `CacheFile`.

    One that is not as it was put counts as not there. Every method raises LearningError where the file cannot
    be read or written.

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     cache = ThumbnailCache(Path(folder) / "thumbnails.sqlite", 2**20)
    ...     cache.put("tag of a", b"jpeg")
    ...     cache.get("tag of a"), cache.get("tag of b")
    (b'jpeg', None)
    """

    kind = "cache of thumbnails"

    def __init__(self, path: Path, limit: int) -> None:
        super().__init__(path)
        self._limit = limit

    def get(self, tag: str) -> bytes | None:
        """The thumbnail with this tag; None where it is not there, or damaged."""
        query = "SELECT content, checksum FROM thumbnails WHERE tag = ?"
        row = self._guarded(lambda connection: connection.execute(query, (tag,)).fetchone())
        if row is None or not isinstance(row[0], bytes) or row[1] != _checksum(tag, row[0]):
            return None
        return row[0]

    def put(self, tag: str, content: bytes) -> None:
        """Keep a thumbnail, and let the oldest go while the file is larger than it may be."""
        row = tag, _checksum(tag, content), content
        self._guarded(lambda connection: self._put(connection, row))

    def _put(self, connection: sqlite3.Connection, row: tuple[str, int, bytes]) -> None:
        # A row that was replaced has a new id, and is the youngest.
        connection.execute("INSERT OR REPLACE INTO thumbnails (tag, checksum, content) VALUES (?, ?, ?)", row)
        oldest = "DELETE FROM thumbnails WHERE id IN (SELECT id FROM thumbnails ORDER BY id LIMIT ?)"
        while _bytes_used(connection) > self._limit:
            if connection.execute(oldest, (EVICTED,)).rowcount < 1:
                return

    def _prepare(self, connection: sqlite3.Connection) -> None:
        if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'thumbnails'").fetchone() is None:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(SCHEMA)
        connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")


def _bytes_used(connection: sqlite3.Connection) -> int:
    """How much of the file holds something; what was let go is used again before the file grows."""
    pages, free, size = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def _checksum(tag: str, content: bytes) -> int:
    """CRC-32, against rot and mixed-up rows."""
    return zlib.crc32(content, zlib.crc32(tag.encode()))
