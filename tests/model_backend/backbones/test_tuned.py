"""Names and files of tuned backbones."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from model_backend.backbones.tuned import (
    fingerprint_start,
    is_tuned,
    network_of,
    save_tuned,
    weights_file,
)
from model_backend.backbones.weights import read_weights
from model_backend.errors import LearningError


def network(value: float) -> nn.Module:
    module = nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2)).to(memory_format=torch.channels_last)
    nn.init.constant_(module[0].weight, value)
    nn.init.constant_(module[0].bias, 0)
    return module


@pytest.mark.parametrize(
    ("name", "behind", "tuned"),
    [
        ("resnet18-tuned-3f2a81c0", "resnet18", True),
        ("efficientnet_v2_s-tuned-00000000", "efficientnet_v2_s", True),
        ("resnet18", "resnet18", False),
        ("resnet18-tuned-3f2a", "resnet18-tuned-3f2a", False),
    ],
)
def test_a_name_tells_the_network_behind_it(name: str, behind: str, tuned: bool) -> None:
    assert (network_of(name), is_tuned(name)) == (behind, tuned)


def test_weights_are_named_after_themselves_and_read_back_to_the_bit(tmp_path: Path) -> None:
    first, second = (save_tuned(tmp_path / "new", "net", network(value)) for value in (1.0, 2.0))
    assert first != second
    assert save_tuned(tmp_path / "new", second, network(1.0)) == first, "tuned again, of the same network"
    read = read_weights(weights_file(tmp_path / "new", first))
    for name, value in network(1.0).state_dict().items():
        assert torch.equal(read[name], value)
    assert len(list((tmp_path / "new").iterdir())) == 2
    assert fingerprint_start(first) == first.replace("-tuned", "")


def test_weights_are_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(LearningError, match=r"No space left on device.*Free some space"):
        save_tuned(tmp_path, "net", network(1.0))
    assert list(tmp_path.iterdir()) == []
