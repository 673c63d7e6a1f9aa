from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model_backend.backbones.base import Backbone, Floats
from model_backend.features import FeatureCache, extract
from model_backend.features.extract import BATCH


class MeanColour(Backbone):
    """Counts what it looked at; a wholly black picture has no mean."""

    name, fingerprint, blocks = "mean-colour", "mean-colour-1", (2, 1)

    def __init__(self) -> None:
        self.looked_at = 0

    def prepare(self, image: Image.Image) -> Floats:
        values = np.asarray(image, np.float32).mean(axis=(0, 1))
        return values if values.any() else np.full(3, np.nan, np.float32)

    def compute(self, prepared: Sequence[Floats]) -> Floats:
        self.looked_at += len(prepared)
        return np.stack(prepared)


def png(colour: tuple[int, int, int], size: tuple[int, int] = (6, 4)) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, colour).save(stream, "PNG")
    return stream.getvalue()


def item(name: str, data: bytes) -> tuple[str, Callable[[], bytes]]:
    return name, lambda: data


def unreachable() -> bytes:
    raise OSError("no such upload")


@pytest.fixture
def cache(tmp_path: Path) -> FeatureCache:
    return FeatureCache(tmp_path / "features.sqlite")


def test_each_item_gets_its_features_digest_and_size() -> None:
    first, second = png((10, 20, 30)), png((1, 2, 3), (9, 9))
    found = extract([item("a", first), item("b", second)], MeanColour())
    assert found.features.tolist() == [[10, 20, 30], [1, 2, 3]]
    assert found.digests == [hashlib.sha256(data).hexdigest() for data in (first, second)]
    assert found.sizes == [(6, 4), (9, 9)]
    assert found.problems == {}


def test_a_bad_image_never_stops_the_rest() -> None:
    found = extract(
        [
            item("text", b"hello"),
            item("good", png((1, 2, 3))),
            ("gone", unreachable),
            item("black", png((0, 0, 0))),
            item("large", png((4, 5, 6), (50, 50))),
            item("good too", png((7, 8, 9))),
        ],
        MeanColour(),
        max_pixels=100,
    )
    assert sorted(found.problems) == [0, 2, 3, 4]
    assert "not an image" in str(found.problems[0])
    assert str(found.problems[2]) == "no such upload"
    assert "not finite" in str(found.problems[3])
    assert "more than the 100" in str(found.problems[4])
    assert found.features[[1, 5]].tolist() == [[1, 2, 3], [7, 8, 9]]
    assert not found.features[[0, 2, 3, 4]].any()
    assert found.digests[2] is None
    assert found.digests[0] == hashlib.sha256(b"hello").hexdigest()
    assert found.sizes[0] is None


def test_the_cache_answers_the_second_time_with_the_same_bits(cache: FeatureCache) -> None:
    random = np.random.default_rng(0)
    drawn = random.integers(1, 255, (2 * BATCH + 3, 3)).tolist()
    colours = [(red, green, blue) for red, green, blue in drawn]
    items = [item(str(index), png(colour)) for index, colour in enumerate(colours)]
    first, second = MeanColour(), MeanColour()
    before, after = extract(items, first, cache), extract(items, second, cache)
    assert first.looked_at == len(set(colours))
    assert second.looked_at == 0
    assert np.array_equal(before.features, after.features)
    assert before.digests == after.digests
    assert before.sizes == after.sizes
    assert np.array_equal(extract(items, MeanColour()).features, before.features)


def test_a_changed_backbone_looks_again(cache: FeatureCache) -> None:
    items = [item("a", png((1, 2, 3)))]
    extract(items, MeanColour(), cache)
    changed = MeanColour()
    changed.fingerprint = "mean-colour-2"
    extract(items, changed, cache)
    assert changed.looked_at == 1


def test_a_cache_of_another_width_is_not_believed(cache: FeatureCache) -> None:
    data = png((1, 2, 3))
    cache.put([hashlib.sha256(data).hexdigest()], "mean-colour-1", np.ones((1, 8)), [(6, 4)])
    assert extract([item("a", data)], MeanColour(), cache).features.tolist() == [[1, 2, 3]]


def test_duplicates_are_looked_at_once_and_share_their_fate(cache: FeatureCache) -> None:
    backbone = MeanColour()
    items = [item(name, png((1, 2, 3))) for name in "abc"] + [item(name, b"junk") for name in "de"]
    found = extract(items, backbone, cache)
    assert backbone.looked_at == 1
    assert found.features[:3].tolist() == [[1, 2, 3]] * 3
    assert sorted(found.problems) == [3, 4]


def test_an_interrupted_run_keeps_the_batches_that_were_done(cache: FeatureCache) -> None:
    def interrupted() -> bytes:
        raise KeyboardInterrupt

    items = [item(str(index), png((index + 1, 1, 1))) for index in range(BATCH)]
    with pytest.raises(KeyboardInterrupt):
        extract([*items, ("stop", interrupted)], MeanColour(), cache)
    again = MeanColour()
    extract(items, again, cache)
    assert again.looked_at == 0


def test_bytes_are_read_only_when_their_turn_comes() -> None:
    read: list[int] = []
    shares: list[tuple[float, int]] = []

    def reader(index: int) -> Callable[[], bytes]:
        def work() -> bytes:
            read.append(index)
            return png((index % 250 + 1, 1, 1))

        return work

    items = ((str(index), reader(index)) for index in range(3 * BATCH))
    extract(items, MeanColour(), progress=lambda share: shares.append((share, len(read))))
    assert all(count <= (turn + 2) * BATCH for turn, (_, count) in enumerate(shares)), "one batch ahead"
    assert read[:BATCH] != read[BATCH : 2 * BATCH]
    assert sorted(read) == list(range(3 * BATCH))
    assert [share for share, _ in shares] == pytest.approx([1 / 3, 2 / 3, 1])


def test_the_next_batch_is_read_while_the_backbone_computes() -> None:
    reached = threading.Event()

    class Waiting(MeanColour):
        def compute(self, prepared: Sequence[Floats]) -> Floats:
            assert reached.wait(10), "nothing was read meanwhile"
            return super().compute(prepared)

    def second() -> bytes:
        reached.set()
        return png((1, 2, 3))

    items = [item(str(index), png((index + 1, 1, 1))) for index in range(BATCH)]
    assert not extract([*items, ("second", second)], Waiting()).problems


def test_the_number_of_threads_changes_nothing() -> None:
    items = [item(str(index), png((index + 1, 2, 3))) for index in range(40)]
    one, many = (extract(items, MeanColour(), workers=workers) for workers in (1, 6))
    assert np.array_equal(one.features, many.features)


def test_no_items_are_no_rows(cache: FeatureCache) -> None:
    found = extract([], MeanColour(), cache)
    assert found.features.shape == (0, 3)
    assert found.digests == []
