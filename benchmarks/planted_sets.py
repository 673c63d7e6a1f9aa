"""Planted sets of images with their truth, each of another kind than photographs: `planted:KIND` as data.

Features are 128 numbers an image, noisy. They differ in how labels lie among them, and among each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

PREFIX = "planted:"
IMAGES, DRAWN, WIDTH, LABELS, SEED = 3_000, 9_000, 128, 16, 0

Floats = NDArray[np.floating]
Truth = NDArray[np.int8]
Planted = tuple[NDArray[np.float32], Truth]


@dataclass(frozen=True)
class PlantedSet:
    """A kind of set: `make(random)` draws features (N, F) and truth (N, L)."""

    name: str
    description: str
    make: Callable[[np.random.Generator], Planted]


def unrelated(random: np.random.Generator) -> Planted:
    """Neighbours share a scene, and labels do not follow scenes: each lies along a weak direction of its own.

    A tenth of the variance tells of labels; the rest is which of 30 scenes it is, and noise.
    """
    scenes = 2.0 * random.normal(size=(30, WIDTH))
    latent = random.normal(size=(DRAWN, LABELS))
    truth = _present(6.0 * latent, np.full(LABELS, 0.15), random)
    weak = 0.7 * latent @ random.normal(size=(LABELS, WIDTH)) / np.sqrt(LABELS)
    noise = 0.2 * random.normal(size=(DRAWN, WIDTH))
    return _kept(scenes[random.integers(30, size=DRAWN)] + weak + noise, truth)


def correlated(random: np.random.Generator) -> Planted:
    """Labels come in four groups that are present together; within a group an image shows most of them."""
    topics, own = random.normal(size=(DRAWN, 4)), random.normal(size=(DRAWN, LABELS))
    logits = 4.0 * np.repeat(topics, LABELS // 4, axis=1) + 1.6 * own
    return _kept(
        _mixed(np.hstack([topics, 0.5 * own]), random), _present(logits, np.full(LABELS, 0.2), random)
    )


def rare(random: np.random.Generator) -> Planted:
    """Shares fall from 40 % of the images to 1.5 %: most labels are seldom there."""
    latent = random.normal(size=(DRAWN, LABELS))
    return _kept(_mixed(latent, random), _present(6.0 * latent, np.geomspace(0.4, 0.015, LABELS), random))


PLANTED_SETS: dict[str, PlantedSet] = {
    each.name: each
    for each in (
        PlantedSet("unrelated", "labels that hardly follow neighbourhoods", unrelated),
        PlantedSet("correlated", "labels that are present together", correlated),
        PlantedSet("rare", "labels from 40 % of the images down to 1.5 %", rare),
    )
}


def planted_set(name: str) -> Planted:
    """Features (N, F) and truth (N, L) of that kind, the same each time. Exits for a kind there is not."""
    kind = name.removeprefix(PREFIX)
    if kind not in PLANTED_SETS:
        raise SystemExit(f"There is no planted set {kind!r}: choose one of {', '.join(PLANTED_SETS)}.")
    return PLANTED_SETS[kind].make(np.random.default_rng(SEED))


def _present(logits: Floats, shares: Floats, random: np.random.Generator) -> Truth:
    """Draws (N, L) from logits, each label's moved so that it is present on its share (L,) of the images."""
    low, high = -100.0 * np.ones_like(shares), 100.0 * np.ones_like(shares)
    for _ in range(60):
        middle = (low + high) / 2
        few = expit(logits + middle).mean(axis=0) < shares
        low, high = np.where(few, middle, low), np.where(few, high, middle)
    present: Truth = (random.random(logits.shape) < expit(logits + low)).astype(np.int8)
    return present


def _mixed(latent: Floats, random: np.random.Generator) -> Floats:
    """Latent numbers spread over all features, bent, with noise as strong as they are."""
    spread = np.tanh(latent @ random.normal(size=(latent.shape[1], WIDTH)) / np.sqrt(latent.shape[1]))
    return np.asarray(spread + spread.std() * random.normal(size=spread.shape))


def _kept(features: Floats, truth: Truth) -> Planted:
    """The first images on which something is present."""
    rows = np.flatnonzero((truth > 0).any(axis=1))[:IMAGES]
    return features[rows].astype(np.float32), truth[rows]
