"""Every loss by name: one line each, with its source."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from model_backend.errors import LearningError
from model_backend.losses.an import AN
from model_backend.losses.an_ls import ANLS
from model_backend.losses.base import Loss
from model_backend.losses.bce import BCE
from model_backend.losses.bce_ls import BCELS
from model_backend.losses.role import ROLE

COLE = "Cole et al., CVPR 2021, arXiv 2106.09708"


@dataclass(frozen=True)
class LossEntry:
    """A loss in the registry.

    Attributes:
        name: what `build_loss` and `onetag train --loss` take.
        description: one line.
        source: paper, or a word on the idea where there is none.
        build: makes the loss; its keyword arguments are the loss's options.
        uses_estimate: it needs `Batch.estimate`.
        stateful: it remembers images by index: call `on_epoch_end`, keep its state_dict.
    """

    name: str
    description: str
    source: str
    build: Callable[..., Loss]
    uses_estimate: bool = False
    stateful: bool = False


_ENTRIES = (
    LossEntry("bce", "Cross entropy on known cells; the bound with all labels known", COLE, BCE),
    LossEntry("bce-ls", "BCE with targets smoothed to 0.9 and 0.1", COLE, BCELS),
    LossEntry("an", "Assume negative: every unknown cell is read as absent", COLE, AN),
    LossEntry("an-ls", "Assume negative with smoothed targets", COLE, ANLS),
    LossEntry(
        "role",
        "Classifier and label estimator teach each other, held to k positives",
        COLE,
        ROLE,
        uses_estimate=True,
    ),
)
LOSSES: dict[str, LossEntry] = {entry.name: entry for entry in _ENTRIES}


def build_loss(name: str, **options: Any) -> Loss:
    """The loss of that name (`an_ls` and `AN-LS` are `an-ls`).

    Raises:
        LearningError: no such loss, or an option that it does not have; the message lists those there are.
    """
    entry = LOSSES.get(name.lower().replace("_", "-"))
    if entry is None:
        raise LearningError(f"There is no loss {name!r}. Choose one of: {', '.join(LOSSES)}.")
    known = inspect.signature(entry.build).parameters
    strange = sorted(set(options) - set(known))
    if strange:
        raise LearningError(
            f"The loss {entry.name} has no option {', '.join(strange)}. "
            f"Its options: {', '.join(known) or 'none'}."
        )
    return entry.build(**options)
