"""`onetag doctor`: looks at each link of the chain, says what is wrong and what to do.

Disk, database, backbone, ML backend, worker, inbox, training, Label Studio, and each project's queue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import typer

from annotator.backend_url import address_for_studio, backend_url
from annotator.commands.options import Json
from annotator.commands.status import collect, failure_line, problem_line
from annotator.commands.with_settings import with_settings
from annotator.errors import OnetagError
from annotator.flags import Panel
from annotator.labelstudio.config import Chosen
from annotator.labelstudio.connection import open_studio
from annotator.labelstudio.health import Check, Published, check_project, check_studio
from annotator.settings import Settings
from annotator.store import check, open_store
from annotator.store.current import FIRST
from annotator.store.states import Unused, Work
from model_backend.commands.console import show_checks, standard
from model_backend.stack.checks import backbone, disk, worker
from model_backend.stack.liveness import ask

MOST_WAITING = 50
"""Events that may wait without anything being wrong."""
MOST_UNUSABLE = 0.05
"""Share of the images that may be unusable without anything being wrong."""


@with_settings(Panel.STORE, Panel.BACKEND, Panel.STUDIO)
def doctor(settings: Settings, *, json: Json = False) -> None:
    """Check every link of the chain; exit code 1 when one is broken."""
    if not show_checks(list(examine(settings)), standard(), as_json=json):
        raise typer.Exit(1)


def examine(settings: Settings) -> Iterator[Check]:
    """Every link, in the order in which they matter."""
    yield disk(settings)
    state = database(settings)
    yield state
    yield backbone(settings)
    rows = _rows(settings) if state.ok else []
    alone = bool(rows) and all(row["image_folder"] is not None for row in rows)
    if not alone:
        yield from backend(settings)
        yield worker(settings)
    for row in rows:
        yield images(row)
        yield inbox(row)
        yield training(row)
        yield from failing(row)
        yield from answers(row)
    if alone:
        yield Check.good("Label Studio", "no project here needs it, a backend or a worker")
    else:
        yield from label_studio(settings, rows)


def _rows(settings: Settings) -> list[dict[str, Any]]:
    store = open_store(settings.store_url)
    try:
        return collect(store)
    finally:
        store.close()


def attempt(name: str, look: Callable[[], str]) -> Check:
    """A check that holds when `look` returns (its detail) and is broken when it raises OnetagError."""
    try:
        return Check.good(name, look())
    except OnetagError as error:
        return Check.broken(name, error.problem, error.fix)


def database(settings: Settings) -> Check:
    """Whether the store is there and has the tables of this release."""

    def look() -> str:
        store = open_store(settings.store_url)
        try:
            state = check(store)
        finally:
            store.close()
        if not state.ok:
            raise OnetagError(state.message, FIRST if state.current is None else state.fix)
        return state.message

    return attempt("database", look)


def backend(settings: Settings) -> Iterator[Check]:
    """Whether the ML backend answers, takes our secret, and refuses strangers."""
    url = backend_url(settings)
    if ask(f"{url}/health") != 200:
        yield Check.broken(
            "ML backend", f"Nothing answers at {url}.", "Start `onetag serve`, or `onetag up`."
        )
        return
    yield Check.good("ML backend", f"answers at {url}")
    secret = settings.secret.get_secret_value() if settings.secret else ""
    answer = ask(f"{url}/versions", secret)
    if answer == 404:
        fix = "Stop it, or start `onetag serve` with another --port."
        yield Check.broken("secret", f"Another program answers at {url}.", fix)
    elif answer == 401:
        fix = "Restart `onetag serve` with this data folder, or give both the same ONETAG_SECRET."
        yield Check.broken("secret", "The ML backend refuses the secret of this data folder.", fix)
    elif ask(f"{url}/versions") != 401:
        yield Check.broken("secret", f"{url} answers without the secret.", "Restart `onetag serve`.")
    else:
        yield Check.good("secret", "the ML backend takes it, and refuses others")


def images(row: dict[str, Any]) -> Check:
    """Which images are not used, and why; a few are no broken link, many are."""
    name, unused = f"images of {row['key']}", row["images_with_a_problem"]
    if not unused:
        return Check.good(name, f"all {row['images']} can be used")
    told = "; ".join(problem_line(each) for each in row["image_problems"])
    detail = f"{unused} of {row['images']} are not used. {told}"
    if unused <= MOST_UNUSABLE * row["images"]:
        return Check.good(name, detail)
    return Check.broken(name, detail, "Do what each says, then `onetag train`: it tries all of them again.")


def inbox(row: dict[str, Any]) -> Check:
    """Whether what Label Studio sent has been taken in."""
    name, waiting = f"inbox of {row['key']}", row["events_waiting"]
    if waiting > MOST_WAITING:
        return Check.broken(name, f"{waiting} events wait", "Start `onetag worker`, or look at its log.")
    if row["events_set_aside"]:
        detail = f"{row['events_set_aside']} events are set aside: {row['events_set_aside_error']}"
        fix = "See `onetag events list`; then `onetag events retry`, or `onetag events drop`."
        return Check.broken(name, detail, fix)
    return Check.good(name, f"{waiting} events wait" if waiting else "empty")


def training(row: dict[str, Any]) -> Check:
    """What became of the last training."""
    name, run = f"training of {row['key']}", row["training"]
    if run is None:
        return Check.good(name, "none yet: it starts by itself once images are answered")
    if run["state"] == "failed":
        fix = "Mend what it says, then run `onetag train`."
        return Check.broken(name, f"the last one failed: {run['error']}", fix)
    return Check.good(name, f"{run['state']}, version {row['version'] or 'none yet'}")


def failing(row: dict[str, Any]) -> Iterator[Check]:
    """What else the worker tries again and again."""
    for each in row["failures"]:
        if each["work"] != Work.TRAINING:
            fix = "Do what it says; the worker tries again by itself, and then this is gone."
            yield Check.broken(f"{each['work']} of {row['key']}", failure_line(each), fix)


def answers(row: dict[str, Any]) -> Iterator[Check]:
    """Answers that make nothing known, and why; of suggestions left untouched there is nothing to mend."""
    name = f"answers of project {row['project']}"
    for each in row["answers_unused"]:
        mended = each["reason"] == Unused.UNTOUCHED
        yield Check(name, ok=mended, detail=f"not used: {each['detail']}", fix="" if mended else each["fix"])


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
            published = Published(row["version"], row["images_left"], row["suggestions_left"])
            yield from check_project(
                *(studio, row["project"], where, settings.secret),
                published=published if row["version"] else None,
                chosen=Chosen(row["control"], row["image_field"], row["unticked"], row["suggest"]),
            )
