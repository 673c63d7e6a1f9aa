from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from skimage import data

from model_backend.backbones import load_backbone
from model_backend.backbones.base import Backbone
from model_backend.images import open_image

REAL = Path(__file__).parents[5] / "shared" / "data"


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return load_backbone("handcrafted")


@pytest.fixture(scope="module")
def photographs() -> list[Image.Image]:
    arrays = data.astronaut(), data.coffee(), data.chelsea()  # type: ignore[no-untyped-call] # scikit-image is untyped
    return [Image.fromarray(array) for array in arrays]


def test_a_row_is_made_of_its_blocks(backbone: Backbone, photographs: list[Image.Image]) -> None:
    features = backbone(photographs)
    assert features.shape == (3, sum(backbone.blocks)) == (3, backbone.feature_dim)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
    assert len(backbone.blocks) == 4


def test_an_image_has_the_same_bits_alone_and_in_any_batch(
    backbone: Backbone, photographs: list[Image.Image]
) -> None:
    together = backbone(photographs)
    backwards = backbone(photographs[::-1])[::-1]
    alone = np.concatenate([backbone([photograph]) for photograph in photographs])
    assert np.array_equal(together, alone)
    assert np.array_equal(together, backwards)
    assert np.array_equal(load_backbone("handcrafted")(photographs), together)


def test_different_pictures_are_further_apart_than_a_picture_and_its_small_changes(
    backbone: Backbone, photographs: list[Image.Image]
) -> None:
    first = photographs[0]
    brighter = Image.fromarray((np.asarray(first) * 0.9).astype(np.uint8))
    mirrored = ImageOps.mirror(first)
    original, changed, flipped, other = backbone([first, brighter, mirrored, photographs[1]])
    far = np.linalg.norm(original - other)
    assert np.linalg.norm(original - changed) < 0.5 * far
    assert np.linalg.norm(original - flipped) < 0.1 * far


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (700, 2), (3, 3)])
@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (13, 200, 77)])
def test_plain_and_tiny_pictures_have_finite_numbers_that_float16_holds(
    backbone: Backbone, size: tuple[int, int], colour: tuple[int, int, int]
) -> None:
    features = backbone([Image.new("RGB", size, colour)])
    assert np.isfinite(features.astype(np.float16)).all()


def test_grey_pictures_work_like_colour_ones(backbone: Backbone) -> None:
    grey = Image.fromarray(data.camera())  # type: ignore[no-untyped-call] # scikit-image is untyped
    assert np.array_equal(backbone([grey]), backbone([grey.convert("RGB")]))


def test_no_image_is_no_row(backbone: Backbone) -> None:
    assert backbone([]).shape == (0, backbone.feature_dim)


@pytest.mark.parametrize("name", ["ucmerced", "coco18"])
def test_real_pictures_have_features(backbone: Backbone, name: str) -> None:
    folder = REAL / name / "images"
    if not folder.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"{folder} is not there")
        pytest.skip(f"{folder} is not there")
    files = sorted(folder.iterdir())[:120:40]
    features = backbone([open_image(file.read_bytes()) for file in files])
    assert np.isfinite(features).all()
    assert np.ptp(features, axis=0).max() > 0
