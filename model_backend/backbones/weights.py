"""Weights from a file: read without running code from it, checked against the network they are for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from model_backend.errors import LearningError

WRAPPERS = ("state_dict", "model")  # where training scripts put the weights inside a checkpoint
SHOWN = 3


def read_weights(file: Path) -> Mapping[str, Tensor]:
    """Tensors by name from a safetensors file or a torch state dict; LearningError when it is neither."""
    if not file.is_file():
        raise LearningError(f"There is no weights file {file}.", "Check the path given by --weights.")
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch's reader raises nearly anything on a file that is not its own
        raise LearningError(
            f"{file} holds no weights that can be read safely ({type(error).__name__}).",
            "Save it again as safetensors or with torch.save(model.state_dict(), file); delete it if it "
            "was downloaded.",
        ) from None
    for wrapper in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise LearningError(f"{file} is no state dict.", "Save it with torch.save(model.state_dict(), file).")
    return {name.removeprefix("module."): value for name, value in content.items()}


def fit_state(
    network: nn.Module, state: Mapping[str, Tensor], *, unused: str, name: str, origin: str
) -> None:
    """Load the weights into a network without its layer `unused`. Raises LearningError on any mismatch."""
    kept = {key: value for key, value in state.items() if not key.startswith(f"{unused}.")}
    own = network.state_dict()
    missing = [key for key in own if key not in kept and not key.endswith("num_batches_tracked")]
    strange = [key for key in kept if key not in own]
    other = [key for key in kept if key in own and kept[key].shape != own[key].shape]
    faults = [
        f"{fault} {', '.join(keys[:SHOWN])}" + (f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else "")
        for fault, keys in (("lack", missing), ("have unknown", strange), ("differ in the shape of", other))
        if keys
    ]
    if faults:
        raise LearningError(
            f"The weights from {origin} are not those of {name}: they {'; '.join(faults)}.",
            "Choose the backbone they were made for with --backbone.",
        )
    network.load_state_dict(kept, strict=False)


def state_digest(network: nn.Module) -> str:
    """SHA-256 of all weights, by name."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
