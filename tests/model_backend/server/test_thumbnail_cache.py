"""Thumbnails on disk: bounded in bytes, the oldest go first, damage only costs time."""

import logging
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from model_backend.errors import LearningError
from model_backend.server.thumbnail_cache import ThumbnailCache

LIMIT = 2 * 2**20


@pytest.fixture
def cache(tmp_path: Path) -> ThumbnailCache:
    return ThumbnailCache(tmp_path / "thumbnails.sqlite", LIMIT)


def content(number: int, size: int = 20_000) -> bytes:
    return np.random.default_rng(number).bytes(size)


def test_what_was_put_comes_back_and_a_second_time_replaces(cache: ThumbnailCache) -> None:
    assert cache.get("a") is None
    cache.put("a", content(1))
    assert cache.get("a") == content(1)
    cache.put("a", content(2))
    assert cache.get("a") == content(2)
    assert cache.get("b") is None


def test_the_oldest_go_and_the_file_stays_within_its_limit(cache: ThumbnailCache) -> None:
    for number in range(400):  # 8 MB
        cache.put(str(number), content(number))
    there = [number for number in range(400) if cache.get(str(number)) is not None]
    assert there == list(range(400 - len(there), 400)), "the youngest"
    assert len(there) > 40
    with closing(sqlite3.connect(cache.path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert cache.path.stat().st_size < LIMIT + 2**20


def test_one_that_is_larger_than_the_limit_is_not_kept(tmp_path: Path) -> None:
    cache = ThumbnailCache(tmp_path / "thumbnails.sqlite", 0)
    cache.put("a", content(1))
    assert cache.get("a") is None


@pytest.mark.parametrize(
    "rot",
    ["content = x'00'", "content = 'text'", "checksum = 0", "tag = 'b'", "checksum = 'text'"],
)
def test_a_rotten_row_counts_as_not_there(cache: ThumbnailCache, rot: str) -> None:
    cache.put("a", content(1))
    with closing(sqlite3.connect(cache.path)) as connection, connection:
        connection.execute(f"UPDATE thumbnails SET {rot}")
    assert cache.get("a") is None
    assert cache.get("b") is None
    cache.put("a", content(1))
    assert cache.get("a") == content(1)


def test_a_damaged_file_is_begun_anew(cache: ThumbnailCache, caplog: pytest.LogCaptureFixture) -> None:
    cache.path.write_bytes(b"no database" * 1000)
    with caplog.at_level(logging.WARNING):
        assert cache.get("a") is None
    assert "damaged" in caplog.text
    cache.put("a", content(1))
    assert cache.get("a") == content(1)


def test_threads_share_it(cache: ThumbnailCache) -> None:
    def work(number: int) -> bool:
        cache.put(str(number), content(number))
        return cache.get(str(number)) == content(number)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(40)))


def test_a_folder_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(LearningError, match="cache of thumbnails"):
        ThumbnailCache(tmp_path / "nowhere" / "thumbnails.sqlite", LIMIT).get("a")
