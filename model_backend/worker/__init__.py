"""Background work: the inbox, the trainings, and the periodic checks that find what was lost."""

from model_backend.worker.jobs import Jobs, QueueUnreachable, open_jobs
from model_backend.worker.run import run_worker

__all__ = ["Jobs", "QueueUnreachable", "open_jobs", "run_worker"]
