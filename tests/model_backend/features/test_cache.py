from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from model_backend.errors import LearningError
from model_backend.features import FeatureCache
from model_backend.features.cache import rounded


@pytest.fixture
def cache(tmp_path: Path) -> FeatureCache:
    return FeatureCache(tmp_path / "features.sqlite")


def rows(count: int, width: int = 6) -> NDArray[np.float32]:
    return np.random.default_rng(count).normal(size=(count, width)).astype(np.float32)


def sizes(cache: FeatureCache, digests: list[str]) -> dict[str, tuple[int, int]]:
    return {digest: size for digest, (_, size) in cache.rows(digests, "net-1").items()}


def names(count: int) -> list[str]:
    return [f"{number:064x}" for number in range(count)]


def test_what_was_put_comes_back_in_the_order_asked(cache: FeatureCache) -> None:
    features = rows(4)
    cache.put(names(4), "net-1", features, [(10, number) for number in range(4)])
    asked = [names(4)[2], "unknown", names(4)[0], names(4)[2]]
    mask, found = cache.get(asked, "net-1")
    assert mask.tolist() == [True, False, True, True]
    assert found.dtype == np.float32
    assert np.array_equal(found, rounded(features)[[2, 0, 2]])
    assert sizes(cache, asked) == {names(4)[2]: (10, 2), names(4)[0]: (10, 0)}


def test_an_empty_cache_knows_nothing(cache: FeatureCache) -> None:
    mask, found = cache.get(names(3), "net-1")
    assert mask.tolist() == [False] * 3
    assert found.shape == (0, 0)
    assert cache.get([], "net-1")[1].shape == (0, 0)


def test_another_backbone_has_its_own_features(cache: FeatureCache) -> None:
    cache.put(names(2), "net-1", rows(2), [(1, 1)] * 2)
    cache.put(names(2), "net-2", rows(2, 9), [(1, 1)] * 2)
    assert cache.get(names(2), "net-1")[1].shape == (2, 6)
    assert cache.get(names(2), "net-2")[1].shape == (2, 9)


def test_rounding_is_to_half_a_thousandth_and_never_infinite() -> None:
    features = rows(50) * 100
    assert np.allclose(rounded(features), features, rtol=5e-4)
    assert np.isfinite(rounded(np.array([[1e9, -1e9]]))).all()
    assert np.array_equal(rounded(rounded(features)), rounded(features))


def test_what_is_known_is_told_without_reading_it(cache: FeatureCache) -> None:
    assert not cache.known(names(2), "net-1").any()
    cache.put(names(2), "net-1", rows(2), [(1, 1)] * 2)
    assert cache.known([names(2)[1], "unknown", names(2)[1]], "net-1").tolist() == [True, False, True]
    assert not cache.known(names(2), "net-2").any()


def test_putting_again_replaces(cache: FeatureCache) -> None:
    cache.put(names(1), "net-1", rows(1), [(1, 1)])
    cache.put(names(1), "net-1", 2 * rows(1), [(3, 4)])
    assert np.allclose(cache.get(names(1), "net-1")[1], 2 * rows(1), rtol=1e-3)
    assert sizes(cache, names(1)) == {names(1)[0]: (3, 4)}


def test_two_thousand_rows_are_read_in_a_fifth_of_a_second(cache: FeatureCache) -> None:
    cache.put(names(2000), "net-1", rows(2000, 5000), [(1, 1)] * 2000)
    spent = []
    for _ in range(3):
        start = time.thread_time()
        mask, _ = cache.get(names(2000), "net-1")
        spent.append(time.thread_time() - start)
        assert mask.all()
    assert min(spent) < 0.2


def test_threads_share_it(cache: FeatureCache) -> None:
    def work(number: int) -> bool:
        digests = [f"{number}-{row}" for row in range(5)]
        cache.put(digests, "net-1", rows(5), [(1, 1)] * 5)
        return bool(cache.get(digests, "net-1")[0].all())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(40)))
    assert cache.get([f"{number}-4" for number in range(40)], "net-1")[0].all()


WRITER = """
import sys
from pathlib import Path
import numpy as np
from model_backend.features.cache import FeatureCache
cache = FeatureCache(Path(sys.argv[1]))
for row in range(10**6):
    cache.put([f"{sys.argv[2]}-{row}"], "net-1", np.full((1, 300), row % 7, np.float32), [(1, 1)])
    print(row, flush=True)
"""


def test_processes_share_it_and_a_killed_one_does_no_harm(cache: FeatureCache) -> None:
    with _writer(cache.path, "a") as first, _writer(cache.path, "b") as second:
        for writer in (first, second):
            assert writer.stdout is not None
            while int(writer.stdout.readline()) < 20:
                pass
            writer.kill()
    mask, found = cache.get([f"{writer}-{row}" for writer in "ab" for row in range(20)], "net-1")
    assert mask.all()
    assert found[:, 0].tolist() == [row % 7 for _ in "ab" for row in range(20)]
    assert not list(cache.path.parent.glob("*.damaged"))


@contextmanager
def _writer(path: Path, name: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", WRITER, str(path), name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("damage", ["all", "header", "middle"])
def test_a_damaged_file_is_set_aside_with_a_warning(
    cache: FeatureCache, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    cache.put(names(300), "net-1", rows(300, 500), [(1, 1)] * 300)
    with sqlite3.connect(cache.path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    content = bytearray(cache.path.read_bytes())
    if damage == "all":
        content = bytearray(b"not a database at all" * 100)
    elif damage == "header":
        content[:16] = b"\0" * 16
    else:
        content[4096 : len(content) // 2] = b"\xa5" * (len(content) // 2 - 4096)
    cache.path.write_bytes(bytes(content))
    with caplog.at_level(logging.WARNING):
        mask, _ = cache.get(names(300), "net-1")
    assert not mask.all()
    cache.put(names(300), "net-1", rows(300, 500), [(1, 1)] * 300)
    assert cache.get(names(300), "net-1")[0].all()
    assert "damaged" in caplog.text
    assert cache.path.with_name("features.sqlite.damaged").exists()


@contextmanager
def tables(cache: FeatureCache) -> Iterator[sqlite3.Connection]:
    """The file itself, whole in its main part afterwards."""
    with closing(sqlite3.connect(cache.path)) as connection:
        with connection:
            yield connection
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


NOT_A_NUMBER = "numbers = CAST(x'007e' || substr(numbers, 3) AS BLOB)"
ROTTEN_ROWS = {
    "not a number": NOT_A_NUMBER,
    "a flipped bit": "numbers = CAST(x'0100' || substr(numbers, 3) AS BLOB)",
    "truncated": "numbers = substr(numbers, 1, 7)",
    "empty": "numbers = x''",
    "text": "numbers = 'no numbers'",
    "another size": "width = 99",
    "a size of text": "height = 'wide'",
    "not a number, of an earlier release": f"checksum = NULL, {NOT_A_NUMBER}",
    "half a number, of an earlier release": "checksum = NULL, numbers = substr(numbers, 1, 7)",
}


@pytest.mark.parametrize("rot", ROTTEN_ROWS.values(), ids=ROTTEN_ROWS)
def test_a_rotten_row_counts_as_not_there_and_is_named(
    cache: FeatureCache, rot: str, caplog: pytest.LogCaptureFixture
) -> None:
    features = rows(3)
    cache.put(names(3), "net-1", features, [(1, 1)] * 3)
    with tables(cache) as connection:
        connection.execute(f"UPDATE features SET {rot} WHERE digest = ?", (names(3)[0],))
    mask, found = cache.get(names(3), "net-1")
    assert mask.tolist() == [False, True, True]
    assert np.array_equal(found, rounded(features)[1:])
    assert names(3)[0] in caplog.text
    cache.put(names(1), "net-1", features[:1], [(1, 1)])
    assert cache.get(names(3), "net-1")[0].all()


def test_the_cache_of_an_earlier_release_serves_on(cache: FeatureCache) -> None:
    features = rows(3)
    cache.put(names(3), "net-1", features, [(1, 1)] * 3)
    with tables(cache) as connection:
        connection.execute("ALTER TABLE features DROP COLUMN checksum")
    assert np.array_equal(cache.get(names(3), "net-1")[1], rounded(features))
    cache.put(names(4)[3:], "net-1", rows(1), [(1, 1)])
    assert cache.get(names(4), "net-1")[0].all()


def test_no_rot_gives_other_numbers_and_none_is_fatal(cache: FeatureCache) -> None:
    """A few bytes anywhere in the file are turned; whatever comes back is as it was put."""
    features = rows(40, 300)
    whole = dict(zip(names(40), rounded(features), strict=True))

    def right() -> int:
        mask, found = cache.get(names(40), "net-1")
        asked = [digest for digest, there in zip(names(40), mask, strict=True) if there]
        assert all(np.array_equal(row, whole[digest]) for digest, row in zip(asked, found, strict=True))
        return len(asked)

    cache.put(names(40), "net-1", features, [(1, 1)] * 40)
    with tables(cache):
        pass
    content, random, kept = cache.path.read_bytes(), np.random.default_rng(0), 0
    for _ in range(100):
        rotten = bytearray(content)
        for place in random.integers(len(rotten), size=random.integers(1, 20)):
            rotten[place] ^= int(random.integers(1, 256))
        cache.path.write_bytes(bytes(rotten))
        kept += right()
        cache.put(names(40), "net-1", features, [(1, 1)] * 40)
        assert right() == 40, "put again, all are there"
        for file in cache.path.parent.glob("features.sqlite*"):
            file.unlink()
    assert kept > 100 * 40 / 2, "what is whole beside what is rotten is kept"


@pytest.mark.parametrize(
    "tables_of_others", ["CREATE TABLE features (a)", "CREATE VIEW features AS SELECT 1"]
)
def test_a_file_with_other_tables_is_begun_anew(cache: FeatureCache, tables_of_others: str) -> None:
    with tables(cache) as connection:
        connection.execute(tables_of_others)
    assert not cache.get(names(1), "net-1")[0].any()
    cache.put(names(1), "net-1", rows(1), [(1, 1)])
    assert cache.get(names(1), "net-1")[0].all()


class LimitedCache(FeatureCache):
    """A cache on a disk that ends after some pages, or that must not be written."""

    pragma = ""

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with super()._connection() as connection:
            connection.execute(self.pragma)
            yield connection


@pytest.mark.parametrize(
    ("pragma", "says"),
    [("PRAGMA max_page_count = 5", "disk is full"), ("PRAGMA query_only = 1", "written to")],
)
def test_a_full_or_read_only_disk_is_said_so(cache: FeatureCache, pragma: str, says: str) -> None:
    cache.put(names(1), "net-1", rows(1), [(1, 1)])
    limited = LimitedCache(cache.path)
    limited.pragma = pragma
    with pytest.raises(LearningError, match=says) as raised:
        limited.put(names(40), "net-1", rows(40, 9000), [(1, 1)] * 40)
    assert "features.sqlite" in str(raised.value)
    assert cache.get(names(1), "net-1")[0].all()
    assert not list(cache.path.parent.glob("*.damaged"))


def test_a_folder_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(LearningError, match="folder exist"):
        FeatureCache(tmp_path / "nowhere" / "features.sqlite").get(names(1), "net-1")


def test_what_a_backbone_saw_is_forgotten_by_the_start_of_its_fingerprint(cache: FeatureCache) -> None:
    for fingerprint in ("net-3f2a81c0aaaa-224px", "net-3f2a81c1aaaa-224px", "net_3f2a81c0"):
        cache.put(names(2), fingerprint, rows(2), [(1, 1)] * 2)
    cache.forget("net-3f2a81c0")
    assert not cache.get(names(2), "net-3f2a81c0aaaa-224px")[0].any()
    assert cache.get(names(2), "net-3f2a81c1aaaa-224px")[0].all()
    assert cache.get(names(2), "net_3f2a81c0")[0].all()
