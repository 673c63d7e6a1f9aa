"""`onetag serve`: the ML backend that Label Studio talks to."""

from __future__ import annotations

import logging

from annotator.backend_url import backend_url, exposure
from annotator.commands.with_settings import with_settings
from annotator.flags import Panel
from annotator.private import private_folder
from annotator.settings import Settings
from annotator.store import Store
from annotator.store.people import anybody
from model_backend.commands.logs import logging_to_stderr
from model_backend.ending import ends_when_asked
from model_backend.stack.installation import migrated_store
from model_backend.stack.secret import with_secret
from model_backend.worker.queue import open_job_queue

log = logging.getLogger(__name__)


def who_may(store: Store) -> str:
    """How people get in."""
    with store.reading() as session:
        if anybody(session):
            return "`onetag users` says who may open it."
    return "Nobody may open it yet: `onetag users link` prints a link."


@with_settings(
    Panel.STORE,
    Panel.BACKEND,
    Panel.STUDIO,
    Panel.IMAGES,
    Panel.LOGS,
    "backbone",
    "weights",
    "device",
    "seed",
    "acquisition",
    "clusters",
    "predict_batch",
)
def serve(settings: Settings) -> None:
    """Run the ML backend: /health, /setup, /predict, /webhook, /versions, /metrics, and the page, /page/."""
    with ends_when_asked():
        from model_backend.server import create_app  # noqa: PLC0415 (every command would import the page)
        from model_backend.server.serve import serve as serve_app  # noqa: PLC0415 (the same)

        with private_folder(settings.data_dir), logging_to_stderr(settings := with_secret(settings)):
            exposed = exposure(settings)
            if exposed is not None:
                log.warning(exposed)
            store = migrated_store(settings)
            log.info("The page for people is at %s/page/. %s", backend_url(settings), who_may(store))
            serve_app(create_app(store, settings, open_job_queue(settings)), settings)
