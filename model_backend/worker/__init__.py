"""Background work: the inbox, the trainings, and the periodic checks that find what was lost."""

from model_backend.worker.queue import JobQueue, QueueUnreachable, open_job_queue
from model_backend.worker.run import run_worker

__all__ = ["JobQueue", "QueueUnreachable", "open_job_queue", "run_worker"]
