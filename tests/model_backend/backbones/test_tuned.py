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
    tuned_weights,
    weights_file,
)
from model_backend.backbones.weights import read_weights


def network(value: float) -> nn.Module:
    convolution = nn.Conv2d(3, 2, 3)
    for parameter in convolution.parameters():
        nn.init.constant_(parameter, value)
    return nn.Sequential(convolution, nn.BatchNorm2d(2)).to(memory_format=torch.channels_last)


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
    first, second = (tuned_weights("net", network(value)) for value in (1.0, 2.0))
    assert first.name != second.name
    assert tuned_weights(second.name, network(1.0)) == first, "tuned again, of the same network"
    file = weights_file(tmp_path, first.name)
    file.write_bytes(first.content)
    read = read_weights(file)
    for name, value in network(1.0).state_dict().items():
        assert torch.equal(read[name], value)
    assert fingerprint_start(first.name) == first.name.replace("-tuned", "")
