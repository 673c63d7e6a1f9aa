"""Flips between versions, against a recount cell by cell."""

from __future__ import annotations

import numpy as np
import pytest

from annotator.dashboard.catalog.estimates import Estimates
from annotator.dashboard.flips import Flips, Side, compare
from annotator.store import Label
from annotator.store.vectors import reaches

NEVER = 1.01  # a threshold that no estimate reaches
IMAGES, LABELS = 400, 6


def labels_of(*ids: int) -> list[Label]:
    return [Label(id=each, name=f"label {each}") for each in ids]


def side(image_ids: list[int], label_ids: list[int], chances: object, thresholds: list[float]) -> Side:
    columns = {label: column for column, label in enumerate(label_ids)}
    ids = np.array(image_ids, dtype=np.int64)
    packed = np.array(chances, dtype=np.float16).reshape(len(ids), len(label_ids)).T
    return Side(Estimates(ids, packed, columns, ids), dict(zip(label_ids, thresholds, strict=True)))


def decided(chance: float, threshold: float) -> str:
    if reaches(chance, threshold):
        return "present"
    return "absent" if reaches(1 - np.float32(chance), threshold) else "none"


def random_side(seed: int, image_ids: list[int], label_ids: list[int]) -> Side:
    random = np.random.default_rng(seed)
    chances = random.random((len(image_ids), len(label_ids))).astype(np.float16)
    thresholds = [0.5, 0.8, 0.95, NEVER, 0.3, 0.7, 0.6][: len(label_ids)]
    return side(image_ids, label_ids, chances, thresholds)


@pytest.fixture
def two() -> tuple[Side, Side]:
    """Versions that know some images and labels each, most of them both."""
    first = random_side(1, list(range(1, IMAGES + 1)), [11, 12, 13, 14, 15, 16])
    second = random_side(2, list(range(50, IMAGES + 100)), [16, 12, 13, 14, 15, 17])
    return first, second


def recount(before: Side, after: Side, labels: list[int], images: list[int]) -> dict[str, int]:
    """Every cell by itself."""
    found: dict[str, int] = {}
    for label in labels:
        for image in images:
            chances = [
                float(each.estimates.of_label(label, np.array([image]))[0]) for each in (before, after)
            ]
            was = decided(chances[0], before.thresholds[label])
            now = decided(chances[1], after.thresholds[label])
            found[f"{label} {was} {now}"] = found.get(f"{label} {was} {now}", 0) + 1
    return found


def test_counts_are_those_of_a_recount(two: tuple[Side, Side]) -> None:
    before, after = two
    found = compare(before, after, labels_of(11, 12, 13, 14, 15, 16, 17), most=5)
    assert [each.label.id for each in found.labels] == [12, 13, 14, 15, 16]
    assert found.images == IMAGES - 49
    expected = recount(before, after, [12, 13, 14, 15, 16], list(range(50, IMAGES + 1)))
    names = ("absent", "none", "present")
    counted = {
        f"{each.label.id} {was} {now}": int(each.counts[row, column])
        for each in found.labels
        for row, was in enumerate(names)
        for column, now in enumerate(names)
    }
    assert {key: count for key, count in counted.items() if count} == expected


def test_both_ways_are_told_apart() -> None:
    before = side([1, 2, 3, 4, 5], [7], [[0.9], [0.1], [0.5], [0.9], [0.9]], [0.8])
    after = side([1, 2, 3, 4, 5], [7], [[0.1], [0.5], [0.9], [0.5], [0.95]], [0.8])
    (flips,) = compare(before, after, labels_of(7), most=5).labels
    assert (flips.newly_present, flips.no_longer_present) == (1, 2)
    assert (flips.newly_absent, flips.no_longer_absent) == (1, 1)
    assert (flips.turned, flips.flipped) == (1, 4)


def test_another_threshold_flips_what_did_not_move() -> None:
    before, after = side([1], [7], [[0.7]], [0.8]), side([1], [7], [[0.7]], [0.6])
    found = compare(before, after, labels_of(7), most=5)
    assert found.labels[0].newly_present == found.flipped == 1
    assert [(flip.was, flip.now, flip.change) for flip in found.largest[1]] == [(0, 1, 0.0)]


def test_the_images_that_moved_furthest_come_first_with_all_their_flips(two: tuple[Side, Side]) -> None:
    before, after = two
    labels = labels_of(12, 13, 14, 15, 16)
    found = compare(before, after, labels, most=7)
    everything = compare(before, after, labels, most=IMAGES)
    assert found.flipped == len(everything.largest)
    assert list(found.largest) == list(everything.largest)[:7]
    moved = [max(flip.change for flip in flips) for flips in everything.largest.values()]
    assert moved == sorted(moved, reverse=True)
    assert sum(map(len, everything.largest.values())) == sum(each.flipped for each in everything.labels)
    for flips in everything.largest.values():
        assert all(flip.was != flip.now for flip in flips)


def test_removed_images_are_left_out(two: tuple[Side, Side]) -> None:
    before, after = two
    found = compare(before, after, labels_of(12), most=IMAGES, without=np.array([60, 61, 9999]))
    assert found.images == IMAGES - 49 - 2
    assert not {60, 61} & set(found.largest)


@pytest.mark.parametrize("images", [[], [9]])
def test_versions_without_a_common_image_have_nothing_to_compare(images: list[int]) -> None:
    before, after = side([1], [7], [[0.7]], [0.8]), side(images, [7], np.ones((len(images), 1)), [0.6])
    found: Flips = compare(before, after, labels_of(7), most=5)
    assert (found.images, found.flipped, found.largest) == (0, 0, {})
    assert found.labels[0].flipped == 0
