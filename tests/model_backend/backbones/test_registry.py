from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from model_backend.backbones import BACKBONES, backbone_name, load_backbone
from model_backend.errors import LearningError


@pytest.fixture
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that never downloaded any weights."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    return tmp_path


def test_every_backbone_says_what_it_is() -> None:
    expected = ["auto", "handcrafted", "resnet18", "resnet50", "mobilenet_v3_large", "efficientnet_b0"]
    expected += ["efficientnet_v2_s", "convnext_tiny", "swin_t", "vit_b_16"]
    assert list(BACKBONES) == expected
    for name, entry in BACKBONES.items():
        assert entry.name == name
        assert entry.description
        assert entry.source or name == "auto"


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(LearningError, match="handcrafted, resnet18"):
        load_backbone("resnet1000")


def test_auto_is_handcrafted_where_no_weights_are_and_says_so(
    bare_machine: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        assert load_backbone("auto").name == "handcrafted"
    assert "--backbone resnet50" in caplog.text
    assert "--weights FILE" in caplog.text


def test_auto_takes_the_weights_that_were_downloaded_before(bare_machine: Path) -> None:
    checkpoints = bare_machine / "checkpoints"
    checkpoints.mkdir()
    (checkpoints / "resnet50-11ad3fa6.pth").write_bytes(b"no weights at all")
    with pytest.raises(LearningError, match=r"resnet50-11ad3fa6\.pth holds no weights"):
        load_backbone("auto")  # it was chosen, and then found damaged


def test_the_name_is_known_without_loading(bare_machine: Path) -> None:
    assert backbone_name("Swin-T") == "swin_t"
    assert backbone_name("auto") == "handcrafted"
    (bare_machine / "checkpoints").mkdir()
    (bare_machine / "checkpoints" / "resnet50-11ad3fa6.pth").write_bytes(b"no weights at all")
    assert backbone_name("auto") == "resnet50"
    with pytest.raises(LearningError, match="handcrafted, resnet18"):
        backbone_name("resnet1000")


def test_weights_without_the_name_of_their_network_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LearningError, match="--backbone resnet50 --weights"):
        load_backbone("auto", weights=tmp_path / "any.safetensors")
    with pytest.raises(LearningError, match="has no weights"):
        load_backbone("handcrafted", weights=tmp_path / "any.safetensors")


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(LearningError, match="device"):
        load_backbone("handcrafted", device="abacus")


def test_the_fingerprint_of_handcrafted_never_changes_by_itself() -> None:
    assert load_backbone("handcrafted").fingerprint == load_backbone("HANDCRAFTED").fingerprint
