from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from model_backend.backbones import BACKBONES, backbone_name, import_library, load_backbone
from model_backend.errors import LearningError


def test_every_backbone_says_what_it_is() -> None:
    expected = [
        "auto",
        "efficientnet_lite0",
        "handcrafted",
        "resnet18",
        "resnet50",
        "mobilenet_v3_large",
        "efficientnet_b0",
    ]
    expected += ["efficientnet_v2_s", "convnext_tiny", "swin_t", "vit_b_16"]
    assert list(BACKBONES) == expected
    for name, entry in BACKBONES.items():
        assert entry.name == name
        assert entry.description
        assert entry.source or name == "auto"


@pytest.mark.parametrize(
    ("name", "library"),
    [
        ("auto", "timm"),
        ("timm/vit_tiny_patch16_224", "timm"),
        ("resnet18", "torchvision"),
        ("handcrafted", None),
    ],
)
def test_a_library_is_imported_ahead_where_a_backbone_needs_it(name: str, library: str | None) -> None:
    program = (
        "import sys; from model_backend.backbones import import_library; import_library(sys.argv[1]);"
        "print(*(each for each in ('timm', 'torchvision') if each in sys.modules))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program, name], check=True, capture_output=True, text=True
    ).stdout.split()
    assert (library in found) if library else not found


def test_a_library_of_an_unknown_backbone_is_told() -> None:
    with pytest.raises(LearningError, match="resnet18"):
        import_library("resnet")


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(LearningError, match="handcrafted, resnet18"):
        load_backbone("resnet1000")


def test_the_name_is_known_without_loading() -> None:
    assert backbone_name("Swin-T") == "swin_t"
    assert backbone_name("auto") == "efficientnet_lite0"
    assert backbone_name("resnet50@320") == backbone_name("resnet50", 320) == "resnet50@320"
    with pytest.raises(LearningError, match="handcrafted, resnet18"):
        backbone_name("resnet1000")


@pytest.mark.parametrize("name", ["resnet18@", "resnet18@large", "resnet18@0", "resnet18@99999"])
def test_a_size_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(LearningError, match="resnet50@320"):
        backbone_name(name)


def test_an_input_size_that_a_network_does_not_take_is_refused() -> None:
    with pytest.raises(LearningError, match="images of 224 pixels"):
        load_backbone("vit_b_16", input_size=256)
    with pytest.raises(LearningError, match="no other input size"):
        load_backbone("handcrafted", input_size=256)


def test_weights_without_the_name_of_their_network_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LearningError, match="--backbone resnet50 --weights"):
        load_backbone("auto", weights=tmp_path / "any.safetensors")
    with pytest.raises(LearningError, match="no weights"):
        load_backbone("handcrafted", weights=tmp_path / "any.safetensors")


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(LearningError, match="device"):
        load_backbone("handcrafted", device="abacus")


def test_the_fingerprint_of_handcrafted_never_changes_by_itself() -> None:
    assert load_backbone("handcrafted").fingerprint == load_backbone("HANDCRAFTED").fingerprint
