"""Networks tuned on a project: named after their weights, written whole or not at all."""

from __future__ import annotations

import os
import re
from pathlib import Path

from safetensors.torch import save
from torch import nn

from model_backend.backbones.weights import state_digest
from model_backend.errors import LearningError

_NAME = re.compile(r"(?P<network>.+)-tuned-(?P<digest>[0-9a-f]{8})")


def network_of(name: str) -> str:
    """The network behind a tuned backbone: resnet18 of resnet18-tuned-3f2a81c0. Others are their own."""
    found = _NAME.fullmatch(name)
    return found["network"] if found else name


def is_tuned(name: str) -> bool:
    """Whether this is the name of a tuned backbone."""
    return _NAME.fullmatch(name) is not None


def fingerprint_start(name: str) -> str:
    """How the fingerprint of a tuned backbone begins, see `Pretrained`."""
    return name.replace("-tuned-", "-")


def weights_file(folder: Path, name: str) -> Path:
    """Where the weights of a tuned backbone lie."""
    return folder / f"{name}.safetensors"


def save_tuned(folder: Path, network: str, weights: nn.Module) -> str:
    """Write the weights of a tuned network, whole or not at all; returns the tuned backbone's name.

    Raises LearningError when the disk is full or may not be written.
    """
    name = f"{network_of(network)}-tuned-{state_digest(weights)[:8]}"
    content = save({key: value.detach().cpu().contiguous() for key, value in weights.state_dict().items()})
    draft = folder / f".{name}.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(weights_file(folder, name))
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise LearningError(
            f"The tuned weights cannot be written to {folder} ({error.strerror or type(error).__name__}).",
            "Free some space or make the folder writable, then train again.",
        ) from error
    return name
