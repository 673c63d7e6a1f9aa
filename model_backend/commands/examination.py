"""The whole chain, link by link: disk, database, backend, worker, inbox, training, Label Studio, queue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from annotator.commands.status import collect
from annotator.labelstudio.connection import open_studio
from annotator.labelstudio.health import Check, check_project, check_studio
from annotator.settings import Settings
from annotator.store import open_store
from model_backend.commands import checks
from model_backend.commands.serving import address_for_studio


def examine(settings: Settings) -> Iterator[Check]:
    """Every link, in the order in which they matter."""
    yield checks.disk(settings)
    database = checks.database(settings)
    yield database
    yield from checks.backend(settings)
    yield checks.worker(settings)
    rows = _rows(settings) if database.ok else []
    for row in rows:
        yield inbox(row)
        yield training(row)
    yield from label_studio(settings, rows)


def _rows(settings: Settings) -> list[dict[str, Any]]:
    store = open_store(settings.store_url)
    try:
        return collect(store)
    finally:
        store.close()


def inbox(row: dict[str, Any]) -> Check:
    """Whether what Label Studio sent has been taken in."""
    name, waiting = f"inbox of project {row['project']}", row["events_waiting"]
    if waiting > MOST_WAITING:
        return Check.broken(name, f"{waiting} events wait", "Start `onetag worker`, or look at its log.")
    return Check.good(name, f"{waiting} events wait" if waiting else "empty")


MOST_WAITING = 50
"""Events that may wait without anything being wrong."""


def training(row: dict[str, Any]) -> Check:
    """What became of the last training."""
    name, run = f"training of project {row['project']}", row["training"]
    if run is None:
        return Check.good(name, "none yet: it starts by itself once images are answered")
    if run["state"] == "failed":
        fix = "Mend what it says, then run `onetag train`."
        return Check.broken(name, f"the last one failed: {run['error']}", fix)
    return Check.good(name, f"{run['state']}, version {row['version'] or 'none yet'}")


def label_studio(settings: Settings, rows: list[dict[str, Any]]) -> Iterator[Check]:
    """Label Studio itself, then each of its projects that the store knows."""
    studio = open_studio(settings)
    if studio is None:
        yield Check.broken(
            "Label Studio", "No address or token is known.", "Run `onetag up` or `onetag connect`."
        )
        return
    answers = check_studio(studio)
    yield from answers
    if not all(check.ok for check in answers):
        return
    if not rows:
        yield Check.broken(
            "project", "There is none yet.", "Run `onetag up` or `onetag connect --project N`."
        )
    for row in rows:
        if row["label_studio"] == studio.url and settings.secret is not None:
            where = address_for_studio(settings)
            yield from check_project(studio, row["project"], where, settings.secret, version=row["version"])
