"""Every loss by name: one line each, with its source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from model_backend.losses.an import AN
from model_backend.losses.an_ls import ANLS
from model_backend.losses.base import Loss
from model_backend.losses.bce import BCE
from model_backend.losses.bce_ls import BCELS
from model_backend.losses.em import EM
from model_backend.losses.em_apl import EMAPL
from model_backend.losses.epr import EPR
from model_backend.losses.gr import GR
from model_backend.losses.hill import Hill
from model_backend.losses.iu import IU
from model_backend.losses.iun import IUN
from model_backend.losses.ll_cp import LLCp
from model_backend.losses.ll_ct import LLCt
from model_backend.losses.ll_r import LLR
from model_backend.losses.pr import PR
from model_backend.losses.pseudo_negative import PseudoNegative
from model_backend.losses.role import ROLE
from model_backend.losses.softmax import Softmax
from model_backend.losses.splc import SPLC
from model_backend.losses.wan import WAN
from model_backend.registry import check_options, find

COLE = "Cole et al., CVPR 2021, arXiv 2106.09708"
ZHOU = "Zhou et al., ECCV 2022, arXiv 2203.16219"
KIM = "Kim et al., CVPR 2022, arXiv 2206.03740"
ZHANG = "Zhang et al., 2021, arXiv 2112.07368"
CHEN = "Chen et al., IJCAI 2024, arXiv 2405.03501"
MIKOLOV = "Negative sampling, Mikolov et al., NIPS 2013, arXiv 1310.4546"
MAHAJAN = "Mahajan et al., ECCV 2018, arXiv 1805.00932"


@dataclass(frozen=True)
class LossEntry:
    """A loss in the registry.

    Attributes:
        name: what `build_loss` and `onetag train --loss` take.
        description: one line.
        source: the paper, or where the idea is from.
        build: makes the loss; its keyword arguments are the loss's options.
        uses_estimate: it needs `Batch.estimate`.
        uses_positives: it, or what turns its logits into probabilities, reads k, the expected positives.
        is_softmax: its logits are those of a softmax over which label is tagged; that times k is the vector.
    """

    name: str
    description: str
    source: str
    build: Callable[..., Loss]
    uses_estimate: bool = False
    uses_positives: bool = False
    is_softmax: bool = False


_ENTRIES = (
    LossEntry("bce", "Cross entropy on known cells; the upper bound when all labels are known", COLE, BCE),
    LossEntry("bce-ls", "BCE with targets smoothed to 0.9 and 0.1", COLE, BCELS),
    LossEntry("an", "Assume negative: every unknown cell is read as absent", COLE, AN),
    LossEntry("an-ls", "Assume negative with smoothed targets", COLE, ANLS),
    LossEntry("wan", "Assume negative, one positive weighing as much as all that is assumed", COLE, WAN),
    LossEntry("iu", "Ignore the unobserved; an image's negatives weigh one together", COLE, IU),
    LossEntry("iun", "Ignore unobserved positives: the observed ones and every known negative", COLE, IUN),
    LossEntry(
        "pseudo-negative",
        "A random unknown cell an image read as absent, anew each step",
        MIKOLOV,
        PseudoNegative,
    ),
    LossEntry("pr", "Pairwise ranking of observed positives over the other labels", COLE, PR),
    LossEntry(
        "epr", "Observed positives, and the number of positives held to k", COLE, EPR, uses_positives=True
    ),
    LossEntry(
        "role",
        "Classifier and label estimator teach each other, held to k",
        COLE,
        ROLE,
        uses_estimate=True,
        uses_positives=True,
    ),
    LossEntry("em", "Maximise the entropy of what is unknown", ZHOU, EM),
    LossEntry("em-apl", "EM, and soft negatives where p is lowest", ZHOU, EMAPL),
    LossEntry("ll-r", "Assume negative, rejecting the largest losses", KIM, LLR),
    LossEntry("ll-ct", "Assume negative, reading the largest losses as present in the step", KIM, LLCt),
    LossEntry("ll-cp", "Assume negative, reading the largest losses as present for good", KIM, LLCp),
    LossEntry("splc", "Focal margin loss that reads unknown cells above a threshold as present", ZHANG, SPLC),
    LossEntry("hill", "Assumed negatives cost little again where p is very high", ZHANG, Hill),
    LossEntry("gr", "Soft pseudo-labels from p, robust terms, weights moving over the passes", CHEN, GR),
    LossEntry(
        "softmax",
        "Softmax over which label was tagged, smoothed",
        MAHAJAN,
        Softmax,
        uses_positives=True,
        is_softmax=True,
    ),
)
LOSSES: dict[str, LossEntry] = {entry.name: entry for entry in _ENTRIES}


def find_loss(name: str) -> LossEntry:
    """The entry of that name (`an_ls` and `AN-LS` are `an-ls`).

    Raises LearningError with the names there are.

    >>> find_loss("role").source
    'Cole et al., CVPR 2021, arXiv 2106.09708'
    """
    return find(LOSSES, "loss", name)


def build_loss(name: str, **options: Any) -> Loss:
    """The loss of that name, see `find_loss`, a function of logits (B, L) and a `Batch`.

    Raises LearningError for a name that is not in `LOSSES`, or an option that the loss does not have; the
    message lists those there are.

    >>> import torch
    >>> from model_backend.losses import Batch
    >>> loss = build_loss("an-ls", smoothing=0.1)
    >>> logits = torch.zeros(2, 3, requires_grad=True)
    >>> observed = torch.tensor([[1, 0, 0], [0, 1, -1]])
    >>> value = loss(logits, Batch(observed, indices=torch.arange(2)))
    >>> round(value.item(), 3)
    0.693
    >>> value.backward()
    """
    entry = find_loss(name)
    check_options(f"loss {entry.name}", entry.build, options)
    return entry.build(**options)
