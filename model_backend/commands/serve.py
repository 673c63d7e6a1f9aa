"""`onetag serve`: the ML backend that Label Studio talks to."""

from __future__ import annotations

from annotator.commands.options import DatabaseUrl, DataDir, Host, Port, open_current
from annotator.settings import load_settings
from model_backend.commands.logs import log_to_stderr
from model_backend.commands.secret import with_secret
from model_backend.server import create_app
from model_backend.server.serve import serve as serve_app
from model_backend.worker.queue import open_job_queue


def serve(
    data_dir: DataDir = None, database_url: DatabaseUrl = None, host: Host = None, port: Port = None
) -> None:
    """Run the ML backend: /health, /setup, /predict, /webhook, /versions, /metrics."""
    log_to_stderr()
    settings = load_settings(data_dir=data_dir, database_url=database_url, host=host, port=port)
    store = open_current(settings)
    settings = with_secret(settings)
    serve_app(create_app(store, settings, open_job_queue(settings)), settings)
