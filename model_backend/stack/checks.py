"""Whether this machine has what the work needs: room, a worker, the default network."""

from __future__ import annotations

import shutil

from annotator.labelstudio.health import Check
from annotator.settings import Settings
from annotator.store.current import FIRST
from model_backend.stack.liveness import SILENT_AFTER, worker_silence

LEAST_FREE = 2**30
"""Bytes of free disk below which training may fail."""


def backbone(settings: Settings) -> Check:
    """Whether photographs are seen by the default network, or by what `auto` falls back to."""
    from model_backend.backbones.lite0 import lite0_problem  # noqa: PLC0415 (torch is slow to import)

    problem = lite0_problem() if settings.backbone == "auto" else None
    if problem is not None:
        return Check.broken(
            "backbone", f"`auto` falls back to handcrafted features: {problem.problem}", problem.fix
        )
    return Check.good("backbone", settings.backbone)


def disk(settings: Settings) -> Check:
    """Whether the data folder's disk has room."""
    folder = settings.data_dir
    if not folder.is_dir():
        return Check.broken("disk", f"{folder} is not there.", FIRST)
    free = shutil.disk_usage(folder).free
    detail = f"{free / 2**30:.1f} GiB free in {folder}"
    return Check("disk", free >= LEAST_FREE, detail, "" if free >= LEAST_FREE else "Free some space.")


def worker(settings: Settings) -> Check:
    """Whether a worker gave a sign of life lately."""
    silent = worker_silence(settings.data_dir)
    if silent is None:
        return Check.broken("worker", "No worker runs in this data folder.", "Start `onetag worker`.")
    if silent > SILENT_AFTER:
        fix = "Restart `onetag worker`; its log says why it stopped."
        return Check.broken("worker", f"The worker has been silent for {silent:.0f} s.", fix)
    return Check.good("worker", f"gave a sign of life {silent:.0f} s ago")
