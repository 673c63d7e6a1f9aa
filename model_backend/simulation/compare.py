"""A comparison of policies on the same images, in a folder where it goes on after an interruption."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from model_backend.simulation.results import Results
from model_backend.simulation.run import Images, Setup, full_score
from model_backend.simulation.together import run_all

Report = Callable[[int, int], None]


def compare(
    out: Path,
    policies: Sequence[str],
    images: tuple[Images, Images],
    setup: Setup,
    seeds: int,
    report: Report,
) -> tuple[Results, float]:
    """Do the runs that the folder lacks; the results, and the mAP (%) that every label of all images teaches.

    images: to ask about, and to score on. report: called with the runs done, of how many.
    Raises OnetagError where the folder holds a comparison of other images or settings.
    """
    learn, score = images
    results = Results(out, setup, _digest(learn, score))
    lacking = results.lacking(policies, seeds)
    files = out / "learn.npz", out / "score.npz"
    for part, file in zip(images, files, strict=True):
        part.save(file)
    try:
        report(0, len(lacking))
        for done, points in enumerate(run_all(lacking, *files, setup, os.cpu_count() or 1), start=1):
            results.add(points)
            report(done, len(lacking))
    finally:
        for file in files:
            file.unlink(missing_ok=True)
    return results, 100 * full_score(learn, score, 0)


def _digest(*parts: Images) -> str:
    """What tells these images from others."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.features.tobytes())
        digest.update(part.truth.tobytes())
        digest.update(b"" if part.areas is None else part.areas.tobytes())
    return digest.hexdigest()
