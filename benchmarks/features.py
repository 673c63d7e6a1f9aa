"""Milliseconds an image of the handcrafted features on one core, and seconds to fit the feature map.

    python -m benchmarks.features                                   # generated photographs
    python -m benchmarks.features --data ../shared/data/ucmerced    # a folder with images

Images are timed one by one, decoding apart, in processor time: other work on the machine hardly
shows. The map is fitted on rows spread around the features of these images.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped] # it publishes no types

from model_backend.backbones import load_backbone
from model_backend.backbones.base import Backbone
from model_backend.features import FeatureMap
from model_backend.images import open_image

SIDE = 256  # pixels of a generated photograph
SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp"}


def photograph(seed: int) -> Image.Image:
    """Colour noise whose amplitude falls with frequency as in photographs (Field, 1987), with one edge."""
    random = np.random.default_rng(seed)
    across = np.fft.fftfreq(SIDE)
    frequency = np.maximum(np.hypot(across[:, None], across), 1 / SIDE)
    noise = np.fft.fft2(random.normal(size=(3, SIDE, SIDE))) / frequency
    waves = np.fft.ifft2(noise).real
    tilt = across[:, None] * random.normal() + across * random.normal() > 0
    pixels = 128 + 45 * waves / waves.std() + 30 * (tilt - 0.5)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8).transpose(1, 2, 0).copy())


def read(folder: Path, count: int) -> list[tuple[Image.Image, float]]:
    """Up to `count` images from all over a folder, with the milliseconds that decoding took."""
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES)
    if not files:
        raise SystemExit(f"There are no images in {folder}. Give --data a folder that holds some.")
    found = []
    for file in files[:: max(1, len(files) // count)][:count]:
        data, began = file.read_bytes(), time.process_time()
        found.append((open_image(data), 1e3 * (time.process_time() - began)))
    return found


def extract(backbone: Backbone, images: list[Image.Image]) -> tuple[NDArray[np.float32], list[float]]:
    """Features (N, F) and the milliseconds that each image took, after one for warmth."""
    backbone(images[:1])
    rows, spent = [], []
    for image in images:
        began = time.process_time()
        rows.append(backbone([image]))
        spent.append(1e3 * (time.process_time() - began))
    return np.concatenate(rows), spent


def fit_seconds(features: NDArray[np.float32], blocks: tuple[int, ...], rows: int, repeats: int) -> float:
    """The least of a few fits on `rows` rows around the features (N, F), by the clock."""
    random = np.random.default_rng(0)
    noise = random.normal(size=(rows, features.shape[1])) * features.std(axis=0)
    points = (features[random.integers(len(features), size=rows)] + noise).astype(np.float32)
    spent = []
    for _ in range(repeats):
        began = time.perf_counter()
        FeatureMap.fit(points, blocks, seed=0)
        spent.append(time.perf_counter() - began)
    return min(spent)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All figures, by name."""
    if options.data is None:
        images, decoding = [photograph(seed) for seed in range(options.images)], None
    else:
        images, decoding = map(list, zip(*read(options.data, options.images), strict=True))
    backbone = load_backbone("handcrafted")
    with threadpool_limits(1):
        features, spent = extract(backbone, images)
    return {
        "images": len(images),
        "features": features.shape[1],
        "decode_ms": statistics.median(decoding) if decoding else "-",
        "image_ms": statistics.median(spent),
        "slowest_image_ms": max(spent),
        "map_rows": options.rows,
        "map_seconds": fit_seconds(features, backbone.blocks, options.rows, options.repeats),
    }


def main() -> None:
    """Read the options, run, print, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="a folder with images (default: generated photographs)")
    parser.add_argument("--images", type=int, default=50, help="how many images are timed")
    parser.add_argument("--rows", type=int, default=2000, help="rows that the map is fitted on")
    parser.add_argument("--repeats", type=int, default=3, help="fits; the fastest counts")
    parser.add_argument("--out", type=Path, default=Path("onetag-data/features.json"))
    options = parser.parse_args()
    figures = measure(options)
    for name, value in figures.items():
        print(f"{name:<18}{f'{value:,.2f}' if isinstance(value, float) else value:>10}")
    setting = {
        "data": None if options.data is None else options.data.name,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "machine": platform.platform(),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({"setting": setting, "figures": figures}, indent=1), encoding="utf-8")
    print(f"Written to {options.out}")


if __name__ == "__main__":
    main()
