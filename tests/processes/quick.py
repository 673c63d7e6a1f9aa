"""The command `onetag`, as it is but for its pauses: what it does after a minute, it does after seconds."""

from __future__ import annotations

from datetime import timedelta

from annotator.labelstudio import patience
from annotator.store import problems, runs
from model_backend import cli
from model_backend.engine import runs as engine_runs
from model_backend.worker import jobs, queue

if __name__ == "__main__":
    runs.SILENT_SECONDS, engine_runs.HEARTBEAT_SECONDS = 3.0, 0.3
    runs.RETRY_AFTER = problems.FIRST_PAUSE = timedelta(seconds=2)
    jobs.TRY_AGAIN_SECONDS = patience.PAUSE = 1.0
    queue._Scheduler.periodic_task_seconds = 1
    cli.main()
