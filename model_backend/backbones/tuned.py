"""Networks tuned on a project: the name of one, and the file that holds its weights."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import save
from torch import nn

from model_backend.backbones.weights import state_digest

_NAME = re.compile(r"(?P<network>.+)-tuned-(?P<digest>[0-9a-f]{8})")


@dataclass(frozen=True)
class TunedWeights:
    """A tuned network as it is to be kept: its name, after its weights, and the bytes of its weights file."""

    name: str
    content: bytes


def network_of(name: str) -> str:
    """The network behind a tuned backbone; the name of any other backbone stays as it is.

    >>> network_of("resnet18-tuned-3f2a81c0"), network_of("resnet18")
    ('resnet18', 'resnet18')
    """
    found = _NAME.fullmatch(name)
    return found["network"] if found else name


def is_tuned(name: str) -> bool:
    """Whether this is the name of a tuned backbone."""
    return _NAME.fullmatch(name) is not None


def fingerprint_start(name: str) -> str:
    """How the fingerprint of a tuned backbone begins, see `Pretrained`."""
    return name.replace("-tuned-", "-")


def weights_file(folder: Path, name: str) -> Path:
    """Where the weights of the tuned backbone of that name are, below `folder`."""
    return folder / f"{name.replace('/', '--')}.safetensors"


def tuned_weights(network: str, weights: nn.Module) -> TunedWeights:
    """The name and the safetensors bytes of a tuned network; equal weights give an equal name.

    network: the name of the backbone that was tuned, which may have been a tuned one itself; weights: what
    `Network.weights` returns for the tuned module.
    """
    name = f"{network_of(network)}-tuned-{state_digest(weights)[:8]}"
    tensors = {key: value.detach().cpu().contiguous() for key, value in weights.state_dict().items()}
    return TunedWeights(name, save(tensors))
