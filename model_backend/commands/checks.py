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
            raise OnetagError(state.message, state.fix)
        return state.message

    return attempt("database", look)


def disk(settings: Settings) -> Check:
    """Whether the data folder's disk has room."""
    folder = settings.data_dir
    if not folder.is_dir():
        return Check.broken("disk", f"{folder} is not there.", "Start with `onetag up` or `onetag connect`.")
    free = shutil.disk_usage(folder).free
    detail = f"{free / 2**30:.1f} GiB free in {folder}"
    return Check("disk", free >= LEAST_FREE, detail, "" if free >= LEAST_FREE else "Free some space.")


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
    if ask(f"{url}/versions", secret) == 401:
        fix = "Restart `onetag serve` with this data folder, or give both the same ONETAG_SECRET."
        yield Check.broken("secret", "The ML backend refuses the secret of this data folder.", fix)
    elif ask(f"{url}/versions") != 401:
        yield Check.broken("secret", f"{url} answers without the secret.", "Restart `onetag serve`.")
    else:
        yield Check.good("secret", "the ML backend takes it, and refuses others")


def worker(settings: Settings) -> Check:
    """Whether a worker gave a sign of life lately."""
    silent = seconds_since_beat(settings.data_dir)
    if silent is None:
        return Check.broken("worker", "No worker runs in this data folder.", "Start `onetag worker`.")
    if silent > SILENT_AFTER:
        fix = "Restart `onetag worker`; its log says why it stopped."
        return Check.broken("worker", f"The worker has been silent for {silent:.0f} s.", fix)
    return Check.good("worker", f"gave a sign of life {silent:.0f} s ago")


def show(checks: Sequence[Check], console: Console, *, as_json: bool) -> bool:
    """Print the checks as a list, or as JSON; whether all hold."""
    good = all(each.ok for each in checks)
    if as_json:
        print_json({"ok": good, "checks": [asdict(each) for each in checks]})
        return good
    for each in checks:
        mark = "[green]✓[/]" if each.ok else "[red]✗[/]"
        console.print(f"{mark} [bold]{escape(each.name)}[/] {escape(each.detail)}")
        if each.fix and not each.ok:
            console.print(f"    [yellow]{escape(each.fix)}[/]")
    return good
