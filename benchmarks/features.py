"""Milliseconds an image of a backbone's features on one core, and what reading images costs beside it.

    python -m benchmarks.features                                  # generated photographs
    python -m benchmarks.features --data ../shared/data/coco18     # a folder with images
    python -m benchmarks.features --backbone handcrafted

Images are timed one by one, decoding apart, in processor time: other work on the machine hardly shows.
share_of_bare: the images a second of `extract`, from encoded bytes to a fresh cache as in production, over
those of the backbone on images that are decoded and scaled already; the two take turns, by the clock, with
all threads. The map is fitted on rows spread around the features of these images.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import statistics
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped] # it publishes no types

from model_backend.backbones import load_backbone
from model_backend.backbones.base import Backbone
from model_backend.features import FeatureCache, FeatureMap, extract
from model_backend.features.extract import BATCH
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


def encoded(folder: Path | None, count: int) -> list[bytes]:
    """Up to `count` files from all over a folder; without one, generated photographs as JPEG."""
    if folder is None:
        return [_jpeg(photograph(seed)) for seed in range(count)]
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES)
    if not files:
        raise SystemExit(f"There are no images in {folder}. Give --data a folder that holds some.")
    return [file.read_bytes() for file in files[:: max(1, len(files) // count)][:count]]


def _jpeg(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=90)
    return stream.getvalue()


def decoded(contents: list[bytes]) -> tuple[list[Image.Image], list[float]]:
    """The images, and the milliseconds that decoding each took."""
    images, spent = [], []
    for data in contents:
        began = time.process_time()
        images.append(open_image(data))
        spent.append(1e3 * (time.process_time() - began))
    return images, spent


def share_of_bare(backbone: Backbone, contents: list[bytes], repeats: int) -> tuple[float, float]:
    """(bare images a second, share of them that `extract` reaches), each at its best of some turns."""
    prepared = [backbone.prepare(open_image(data)) for data in contents]
    items = [(str(index), partial(bytes, data)) for index, data in enumerate(contents)]
    bare, whole = [], []
    for _ in range(repeats):
        began = time.perf_counter()
        for start in range(0, len(prepared), BATCH):
            backbone.compute(prepared[start : start + BATCH])
        bare.append(len(contents) / (time.perf_counter() - began))
        with TemporaryDirectory() as folder:
            began = time.perf_counter()
            extract(items, backbone, FeatureCache(Path(folder) / "features.sqlite"))
            whole.append(len(contents) / (time.perf_counter() - began))
    return max(bare), max(whole) / max(bare)


def one_by_one(backbone: Backbone, images: list[Image.Image]) -> tuple[NDArray[np.float32], list[float]]:
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
    contents = encoded(options.data, options.images)
    images, decoding = decoded(contents)
    backbone = load_backbone(options.backbone)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        features, spent = one_by_one(backbone, images)
    torch.set_num_threads(threads)
    rate, share = share_of_bare(backbone, contents, options.repeats)
    return {
        "backbone": backbone.name,
        "images": len(images),
        "features": features.shape[1],
        "decode_ms": statistics.median(decoding),
        "image_ms": statistics.median(spent),
        "slowest_image_ms": max(spent),
        "bare_a_second": rate,
        "share_of_bare": share,
        "map_rows": options.rows,
        "map_seconds": fit_seconds(features, backbone.blocks, options.rows, options.repeats),
    }


def main() -> None:
    """Read the options, run, print, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="a folder with images (default: generated photographs)")
    parser.add_argument("--backbone", default="auto")
    parser.add_argument("--images", type=int, default=128, help="how many images are timed")
    parser.add_argument("--rows", type=int, default=2000, help="rows that the map is fitted on")
    parser.add_argument("--repeats", type=int, default=3, help="of fits and turns; the fastest counts")
    parser.add_argument("--out", type=Path, default=Path("onetag-data/features.json"))
    options = parser.parse_args()
    figures = measure(options)
    for name, value in figures.items():
        print(f"{name:<18}{f'{value:,.2f}' if isinstance(value, float) else value:>20}")
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
