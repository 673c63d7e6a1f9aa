"""Pictures with a known truth: one to four real handwritten digits composed on a canvas.

The digits are scikit-learn's (1,797 scans of 8 x 8 pixels, UCI), so nothing is downloaded. As in photographs,
a class has a typical colour that varies between objects; position, size and background vary freely.
"""

from __future__ import annotations

import colorsys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
CANVAS = 160
SIZES = (44, 70)
HUE_SPREAD = 0.025
COUNTS = (0.2, 0.35, 0.3, 0.15)
"""How often a scene holds one, two, three and four digits: 2.4 on average."""


@dataclass(frozen=True)
class Scene:
    """A picture and which of the ten digits are in it."""

    image: Image.Image
    present: tuple[int, ...]


def scenes(count: int, seed: int) -> Iterator[Scene]:
    """`count` scenes; the same for the same seed, and their first ones the same whatever the count."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 (torch is slow to import)

    digits = load_digits()
    examples = [digits.images[digits.target == digit] for digit in range(len(NAMES))]
    for index in range(count):
        yield compose(np.random.default_rng((seed, index)), examples)


def compose(rng: np.random.Generator, examples: list[NDArray[np.float64]]) -> Scene:
    """One scene; `examples[d]` holds the scans (n, 8, 8) of digit d with ink in 0..16."""
    number = int(rng.choice(len(COUNTS), p=COUNTS)) + 1
    present = tuple(sorted(int(digit) for digit in rng.choice(len(NAMES), size=number, replace=False)))
    canvas = background(rng)
    for digit, corner, size in zip(present, *_places(rng, number), strict=True):
        scan = examples[digit][rng.integers(len(examples[digit]))]
        ink = Image.fromarray((scan * (255 / 16)).astype(np.uint8)).resize(
            (size, size), Image.Resampling.BICUBIC
        )
        ink = ink.rotate(float(rng.uniform(-12, 12)), Image.Resampling.BICUBIC)
        canvas.paste(_colour(rng, digit), (int(corner[0]), int(corner[1])), ink)
    return Scene(canvas, present)


def background(rng: np.random.Generator) -> Image.Image:
    """A dark, softly lit surface with grain."""
    coarse = rng.normal(0, 14, (5, 5, 3)) + rng.uniform(24, 60) + rng.normal(0, 6, 3)
    surface = Image.fromarray(coarse.clip(0, 255).astype(np.uint8)).resize(
        (CANVAS, CANVAS), Image.Resampling.BICUBIC
    )
    grain = rng.normal(0, 5, (CANVAS, CANVAS, 1))
    lit = (np.asarray(surface, np.float64) + grain).clip(0, 255).astype(np.uint8)
    return Image.fromarray(lit).filter(ImageFilter.GaussianBlur(0.6))


def _places(rng: np.random.Generator, number: int) -> tuple[list[tuple[int, int]], list[int]]:
    """Corners and sizes: each digit somewhere in a quarter of its own, so that none hides another."""
    half = CANVAS // 2
    quarters = rng.permutation(4)[:number]
    sizes = [int(size) for size in rng.integers(SIZES[0], SIZES[1] + 1, size=number)]
    corners = []
    for quarter, size in zip(quarters, sizes, strict=True):
        shift = rng.integers(0, half - size + 1, size=2)
        corners.append((int(quarter % 2 * half + shift[0]), int(quarter // 2 * half + shift[1])))
    return corners, sizes


def _colour(rng: np.random.Generator, digit: int) -> tuple[int, int, int]:
    hue = (digit / len(NAMES) + rng.normal(0, HUE_SPREAD)) % 1.0
    red, green, blue = colorsys.hsv_to_rgb(hue, rng.uniform(0.55, 1.0), rng.uniform(0.7, 1.0))
    return int(red * 255), int(green * 255), int(blue * 255)


def write_scenes(folder: Path, count: int, held_out: int, seed: int) -> None:
    """Write a data set as `read_dataset` reads it, with a `split.csv` that names the held-out images.

    Does nothing when the folder already holds this very set, so that a demo can be run again.
    """
    stamp = f"digits {count} {held_out} {seed}\n"
    done = folder / ".complete"
    if done.is_file() and done.read_bytes() == stamp.encode():
        return
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    for stale in images.glob("scene-*.png"):
        stale.unlink()
    rows, split = [f"image,{','.join(NAMES)}"], ["image,split"]
    for index, scene in enumerate(scenes(count + held_out, seed)):
        name = f"scene-{index:05d}.png"
        scene.image.save(images / name)
        rows.append(f"{name},{','.join(str(int(digit in scene.present)) for digit in range(len(NAMES)))}")
        split.append(f"{name},{'train' if index < count else 'held-out'}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "split.csv").write_text("\n".join(split) + "\n", encoding="utf-8")
    done.write_text(stamp, encoding="utf-8")
