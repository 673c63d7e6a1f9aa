"""Links of the chain that lie on our side, each looked at from outside, and how checks are shown."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.markup import escape

from annotator.errors import OnetagError
from annotator.labelstudio.health import Check
from annotator.store import check, open_store
from model_backend.commands.console import print_json
from model_backend.commands.serving import SILENT_AFTER, ask, backend_url, seconds_since_beat

if TYPE_CHECKING:
    from rich.console import Console

    from annotator.settings import Settings

LEAST_FREE = 2**30
"""Bytes of free disk below which training may fail."""


def attempt(name: str, look: Callable[[], str]) -> Check:
    """A check that holds when `look` returns (its detail) and is broken when it raises OnetagError."""
    try:
        return Check(name, True, look(), "")
    except OnetagError as error:
        return Check(name, False, error.problem, error.fix)


def database(settings: Settings) -> Check:
    """Whether the store is there and has the tables of this release."""

    def look() -> str:
        store = open_store(settings.store_url)
        try:
            state = check(store)
        finally:
            store.close()
        if not state.ok:
            raise OnetagError(state.message, state.fix)
        return state.message

    return attempt("database", look)


def disk(settings: Settings) -> Check:
    """Whether the data folder's disk has room."""
    folder = settings.data_dir
    if not folder.is_dir():
        return Check("disk", False, f"{folder} is not there.", "Start with `onetag up` or `onetag connect`.")
    free = shutil.disk_usage(folder).free
    detail = f"{free / 2**30:.1f} GiB free in {folder}"
    return Check("disk", free >= LEAST_FREE, detail, "" if free >= LEAST_FREE else "Free some space.")


def backend(settings: Settings) -> Iterator[Check]:
    """Whether the ML backend answers, takes our secret, and refuses strangers."""
    url = backend_url(settings)
    if ask(f"{url}/health") != 200:
        yield Check(
            "ML backend", False, f"Nothing answers at {url}.", "Start `onetag serve`, or `onetag up`."
        )
        return
    yield Check("ML backend", True, f"answers at {url}", "")
    secret = settings.secret.get_secret_value() if settings.secret else ""
    if ask(f"{url}/versions", secret) == 401:
        fix = "Restart `onetag serve` with this data folder, or give both the same ONETAG_SECRET."
        yield Check("secret", False, "The ML backend refuses the secret of this data folder.", fix)
    elif ask(f"{url}/versions") != 401:
        yield Check("secret", False, f"{url} answers without the secret.", "Restart `onetag serve`.")
    else:
        yield Check("secret", True, "the ML backend takes it, and refuses others", "")


def worker(settings: Settings) -> Check:
    """Whether a worker gave a sign of life lately."""
    silent = seconds_since_beat(settings.data_dir)
    if silent is None:
        return Check("worker", False, "No worker runs in this data folder.", "Start `onetag worker`.")
    if silent > SILENT_AFTER:
        fix = "Restart `onetag worker`; its log says why it stopped."
        return Check("worker", False, f"The worker has been silent for {silent:.0f} s.", fix)
    return Check("worker", True, f"gave a sign of life {silent:.0f} s ago", "")


def show(checks: Sequence[Check], console: Console, as_json: bool) -> bool:
    """Print the checks as a list, or as JSON; whether all hold."""
    good = all(check.ok for check in checks)
    if as_json:
        print_json({"ok": good, "checks": [asdict(check) for check in checks]})
        return good
    for check in checks:
        mark = "[green]✓[/]" if check.ok else "[red]✗[/]"
        console.print(f"{mark} [bold]{escape(check.name)}[/] {escape(check.detail)}")
        if check.fix and not check.ok:
            console.print(f"    [yellow]{escape(check.fix)}[/]")
    return good
