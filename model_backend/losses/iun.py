"""Ignore unobserved positives: every known negative."""

from __future__ import annotations

from model_backend.losses.bce import BCE


class IUN(BCE):
    """Observed positives and every known negative, each weighing 1; unknown cells cost nothing.

    As Cole et al. 2021 describe it: their code looks for -1 among {0, 1} labels and trains no negative. There
    all true negatives are given and positives but one are hidden; on a three-valued matrix, where a known
    negative is an observed one, this is BCE on the known cells.
    """
