"""`onetag worker`: takes in what annotators did, trains, and sends suggestions back."""

from __future__ import annotations

from annotator.commands.with_settings import with_settings
from annotator.flags import Panel
from annotator.private import private_folder
from annotator.settings import Settings
from model_backend.commands.logs import logging_to_stderr
from model_backend.stack.installation import migrated_store
from model_backend.stack.liveness import beating
from model_backend.worker.priority import stand_back
from model_backend.worker.stopping import asked_to_stop


@with_settings(
    Panel.STORE,
    Panel.STUDIO,
    Panel.IMAGES,
    Panel.LEARNING,
    Panel.RETRAINING,
    Panel.SUGGESTIONS,
    Panel.LOGS,
    without=("predict_batch",),
)
def worker(settings: Settings) -> None:
    """Run the background worker: inbox, trainings, suggestions, periodic checks."""
    stop = asked_to_stop()
    stand_back()
    from model_backend.worker.run import run_worker  # noqa: PLC0415 (the engine brings the learning libraries)

    with private_folder(settings.data_dir), logging_to_stderr(settings), beating(settings.data_dir):
        run_worker(migrated_store(settings), settings, stop)
