"""Near-duplicates among many images, without comparing each with each other's features."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

SLACK = 0.02  # twice the error of a sketch's cosine near 0.95
BLOCK = 512  # images compared at once
LEADERS = 16_384  # with so many
EXACT = 512  # images whose features are compared at once

Rows = NDArray[np.intp]
Floats = NDArray[np.float32]


def near_groups(
    sketches: Floats,
    features: Callable[[Rows], Floats],
    alike: float,
    rest: Callable[[], None] = lambda: None,
) -> NDArray[np.int32]:
    """The group (N,) of each image: 0, 1, ... where it has near-duplicates, and -1 where not.

    The first image of a group leads it, and the cosine of every other one with that is `alike` at least: no
    chain of small steps makes one group of all. sketches (N, K): of length 1, their cosines near those of the
    features, which `features` gives by row, rows ascending, and which decide.
    """
    leader = _leaders(sketches, alike - SLACK, rest)
    followers = np.flatnonzero(leader != np.arange(len(leader)))
    for start in range(0, len(followers), EXACT):
        rows = followers[start : start + EXACT]
        leads, place = np.unique(leader[rows], return_inverse=True)
        cosine = np.einsum("nf,nf->n", unit(features(rows)), unit(features(leads))[place])
        apart = rows[cosine < alike]
        leader[apart] = apart
        rest()
    leads, group, size = np.unique(leader, return_inverse=True, return_counts=True)
    numbers = np.where(size > 1, np.cumsum(size > 1) - 1, -1)
    return numbers[group].astype(np.int32)


def _leaders(sketches: Floats, least: float, rest: Callable[[], None]) -> Rows:
    """The row (N,) of the image that leads each one: the nearest before it that leads and is near enough."""
    leader = np.arange(len(sketches))
    leads = np.empty_like(sketches)
    rows = np.empty(len(sketches), np.intp)
    count = 0
    for start in range(0, len(sketches), BLOCK):
        block = sketches[start : start + BLOCK]
        near, cosine = _nearest(block, leads[:count])
        led = cosine >= least
        leader[start : start + len(block)][led] = rows[near[led]]
        left = start + np.flatnonzero(~led)
        _lead_each_other(leader, left, sketches[left], least)
        new = left[leader[left] == left]
        leads[count : count + len(new)], rows[count : count + len(new)] = sketches[new], new
        count += len(new)
        rest()
    return leader


def _nearest(block: Floats, leads: Floats) -> tuple[Rows, Floats]:
    """Of each of the block (M, K) the place (M,) of the nearest that leads, and the cosine with that."""
    near, best = np.zeros(len(block), np.intp), np.full(len(block), -2.0, np.float32)
    for start in range(0, len(leads), LEADERS):
        cosines = block @ leads[start : start + LEADERS].T
        place = cosines.argmax(axis=1)
        cosine = cosines[np.arange(len(block)), place]
        nearer = cosine > best
        near[nearer], best[nearer] = start + place[nearer], cosine[nearer]
    return near, best


def _lead_each_other(leader: Rows, rows: Rows, sketches: Floats, least: float) -> None:
    """Let the images of a block that nothing before it leads be led by those of the block before them."""
    cosines = np.tril(sketches @ sketches.T, -1)
    for place in np.flatnonzero((cosines >= least).any(axis=1)):
        free = leader[rows[:place]] == rows[:place]
        before = np.where(free, cosines[place, :place], -2.0)
        if before.max() >= least:
            leader[rows[place]] = rows[int(before.argmax())]


def unit(points: Floats) -> Floats:
    """Points (N, F) at length 1; what has no length stays."""
    length = np.linalg.norm(points, axis=1, keepdims=True)
    scaled: Floats = np.divide(points, length, out=np.zeros_like(points), where=length > 1e-12)
    return scaled
