from __future__ import annotations

import os
import pickle
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from skimage import data
from torchvision.models import get_model

from model_backend.backbones import load_backbone
from model_backend.backbones.network import AT_ONCE_ON_CPU
from model_backend.backbones.pretrained import Pretrained
from model_backend.errors import LearningError

WIDTHS = {
    "resnet18": 512,
    "resnet50": 2048,
    "mobilenet_v3_large": 1280,
    "efficientnet_b0": 1280,
    "efficientnet_v2_s": 1280,
    "convnext_tiny": 768,
    "swin_t": 768,
    "vit_b_16": 768,
}


def random_state(name: str, seed: int = 0) -> dict[str, torch.Tensor]:
    """Weights that nobody trained."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return dict(get_model(name, weights=None).state_dict())


@pytest.fixture(scope="module")
def resnet18(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("weights") / "resnet18.safetensors"
    save_file(random_state("resnet18"), file)
    return file


@pytest.fixture(scope="module")
def photographs() -> list[Image.Image]:
    arrays = data.astronaut(), data.coffee()  # type: ignore[no-untyped-call] # scikit-image is untyped
    return [Image.fromarray(array) for array in arrays]


@pytest.mark.parametrize("name", WIDTHS)
def test_every_network_loads_from_a_file_and_gives_its_width(
    name: str, tmp_path: Path, photographs: list[Image.Image]
) -> None:
    file = tmp_path / "weights.safetensors"
    save_file(random_state(name), file)
    backbone = load_backbone(name, weights=file)
    assert isinstance(backbone, Pretrained)
    features = backbone(photographs[:1])
    assert features.shape == (1, WIDTHS[name])
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
    assert np.ptp(features) > 0
    assert backbone.blocks == (WIDTHS[name],)
    assert backbone.feature_dim == WIDTHS[name]
    assert not backbone.module.training


def test_features_are_those_of_the_network_before_its_last_layer(
    resnet18: Path, photographs: list[Image.Image]
) -> None:
    network = get_model("resnet18", weights=None)
    network.load_state_dict(random_state("resnet18"))
    network.fc = torch.nn.Identity()
    squashed = np.asarray(photographs[0].resize((224, 224), Image.Resampling.BILINEAR), np.float32) / 255
    normal = (squashed - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    with torch.inference_mode():
        expected = network.eval()(torch.tensor(normal, dtype=torch.float32).permute(2, 0, 1)[None])
    found = load_backbone("resnet18", weights=resnet18)(photographs[:1])
    assert np.allclose(found, expected.numpy(), atol=1e-4)


def test_a_batch_gives_what_each_image_gives(resnet18: Path, photographs: list[Image.Image]) -> None:
    backbone = load_backbone("resnet18", weights=resnet18)
    alone = np.concatenate([backbone([photograph]) for photograph in photographs])
    many = photographs * AT_ONCE_ON_CPU + photographs[:1]  # several parts, the last not full
    expected = np.concatenate([*[alone] * AT_ONCE_ON_CPU, alone[:1]])
    assert np.allclose(backbone(many), expected, atol=1e-4)
    assert backbone([]).shape == (0, 512)


def test_it_can_be_trained_from_end_to_end(resnet18: Path, photographs: list[Image.Image]) -> None:
    backbone = load_backbone("resnet18", weights=resnet18)
    assert isinstance(backbone, Pretrained)
    images = torch.stack([backbone.transform(photograph) for photograph in photographs])
    assert images.dtype == torch.uint8
    assert images.shape == (2, 3, 224, 224)
    features = backbone.module.train()(images)
    assert features.shape == (2, backbone.feature_dim)
    features.square().mean().backward()
    gradients = [parameter.grad for parameter in backbone.module.parameters()]
    assert gradients
    assert all(gradient is not None and torch.isfinite(gradient).all() for gradient in gradients)


def test_half_precision_is_close_and_has_its_own_fingerprint(
    resnet18: Path, photographs: list[Image.Image]
) -> None:
    exact = load_backbone("resnet18", weights=resnet18)
    half = load_backbone("resnet18", weights=resnet18, autocast=torch.bfloat16)
    difference = exact(photographs) - half(photographs)
    assert np.linalg.norm(difference) < 0.05 * np.linalg.norm(exact(photographs))
    assert exact.fingerprint != half.fingerprint


def _plain(state: dict[str, torch.Tensor]) -> Any:
    return state


def _wrapped(state: dict[str, torch.Tensor]) -> Any:
    return {"epoch": 3, "state_dict": {f"module.{name}": value for name, value in state.items()}}


def _without_head(state: dict[str, torch.Tensor]) -> Any:
    return {name: value for name, value in state.items() if not name.startswith("fc.")}


def _other_head(state: dict[str, torch.Tensor]) -> Any:
    return state | {"fc.weight": torch.zeros(17, 512), "fc.bias": torch.zeros(17)}


@pytest.mark.parametrize("form", [_plain, _wrapped, _without_head, _other_head])
def test_torch_files_of_all_usual_forms_load(
    form: Callable[[dict[str, torch.Tensor]], Any], resnet18: Path, tmp_path: Path
) -> None:
    torch.save(form(random_state("resnet18")), tmp_path / "weights.pt")
    loaded = load_backbone("resnet18", weights=tmp_path / "weights.pt")
    assert loaded.fingerprint == load_backbone("resnet18", weights=resnet18).fingerprint


def test_the_fingerprint_follows_the_weights(resnet18: Path, tmp_path: Path) -> None:
    save_file(random_state("resnet18", seed=1), tmp_path / "other.safetensors")
    other = load_backbone("resnet18", weights=tmp_path / "other.safetensors")
    assert other.fingerprint != load_backbone("resnet18", weights=resnet18).fingerprint


def test_weights_of_another_network_are_refused(resnet18: Path) -> None:
    with pytest.raises(LearningError, match=r"not those of resnet50: they lack .* and \d+ more"):
        load_backbone("resnet50", weights=resnet18)


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    state = random_state("resnet18") | {"conv1.weight": torch.zeros(64, 3, 3, 3)}
    save_file(state, tmp_path / "weights.safetensors")
    with pytest.raises(LearningError, match=r"differ in the shape of conv1\.weight"):
        load_backbone("resnet18", weights=tmp_path / "weights.safetensors")


class Attack:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch attacked",)


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt"])
def test_a_file_that_is_no_weights_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"hello")
    with pytest.raises(LearningError, match="read safely"):
        load_backbone("resnet18", weights=tmp_path / name)


def test_code_in_a_file_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"conv1.weight": Attack()}, tmp_path / "new.pt")
    (tmp_path / "old.pt").write_bytes(pickle.dumps(Attack(), protocol=2))
    for file in ("new.pt", "old.pt"):
        with pytest.raises(LearningError, match="read safely"):
            load_backbone("resnet18", weights=tmp_path / file)
    assert not (tmp_path / "attacked").exists()


def test_a_file_that_is_no_state_dict_is_refused(tmp_path: Path) -> None:
    torch.save([1, 2, 3], tmp_path / "list.pt")
    with pytest.raises(LearningError, match="no state dict"):
        load_backbone("resnet18", weights=tmp_path / "list.pt")


def test_a_missing_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(LearningError, match="no weights file"):
        load_backbone("resnet18", weights=tmp_path / "missing.pt")


def test_a_failed_download_names_both_ways_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> Any:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(urllib.request, "urlopen", refused)
    start = time.monotonic()
    with pytest.raises(LearningError, match="cannot be downloaded") as raised:
        load_backbone("resnet18")
    assert "--weights FILE" in str(raised.value)
    assert "--backbone auto" in str(raised.value)
    assert "no route to host" in str(raised.value)
    assert time.monotonic() - start < 5
