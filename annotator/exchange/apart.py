"""Exports in processes of their own, so that who answers webhooks never waits for one.

The child is `python -m annotator.exchange.apart`. The first line of its input is the order; the input stays
open for as long as somebody wants the export, and the child ends when it is closed, however that comes. Its
output is an object of JSON a line. Settings come as variables, so that no secret stands on a command line.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from annotator.environment import environment
from annotator.errors import OnetagError
from annotator.exchange.export import ExportReport
from annotator.exchange.order import ExportOrder, HowFar, Made, Tell, make_here
from annotator.settings import Settings, load_settings
from annotator.store import open_store

MOST_BYTES = 4 * 2**30
"""Memory that a child may have of its own; 200 MiB are what an export takes."""
NICE = 10
"""How far a child steps back for who answers people: as `nice` counts."""


class ExportLostError(Exception):
    """A child ended without an export, and said nothing that people could use: the log has it."""


def make_apart(settings: Settings, order: ExportOrder, tell: Tell) -> Made:
    """Make an export in a process of its own; returns when it has ended.

    Raises OnetagError where there can be none, and ExportLostError where nobody foresaw why.
    """
    command = [sys.executable, "-m", "annotator.exchange.apart"]
    child = subprocess.Popen(  # noqa: S603 (our own interpreter)
        command, env=environment(settings), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    made = None
    with suppress(BrokenPipeError), child:
        try:
            made = _followed(child, order, tell)
        finally:
            child.kill()  # all is done or lost: nothing is waited for
    if made is None:
        raise ExportLostError(f"The export's process ended with {child.returncode}.")
    return made


def _followed(child: subprocess.Popen[str], order: ExportOrder, tell: Tell) -> Made | None:
    """Hand the order over and listen to the child until it is done; None where it ends before."""
    if child.stdin is None or child.stdout is None:  # never: both are pipes
        return None
    child.stdin.write(f"{json.dumps(order.plain())}\n")
    child.stdin.flush()
    for line in child.stdout:
        told = json.loads(line)
        if "problem" in told:
            raise OnetagError(told["problem"], told["fix"])
        if "report" in told:
            return Made(ExportReport(**told["report"]), [Path(file) for file in told["files"]])
        tell(HowFar(**told))
    return None


def main() -> None:
    """Be the child."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, whose end ends this one
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, MOST_BYTES))
    logging.basicConfig(level=logging.WARNING)
    order = ExportOrder.of_plain(json.loads(sys.stdin.readline()))
    threading.Thread(target=_end_with, args=(sys.stdin,), daemon=True).start()
    try:
        settings = load_settings()
        store = open_store(settings.store_url)
        made = make_here(store, settings, order, lambda far: _say(asdict(far)))
        _say({"report": asdict(made.report), "files": [str(file) for file in made.files]})
    except OnetagError as error:
        _say({"problem": error.problem, "fix": error.fix})


def _end_with(lifeline: TextIO) -> None:
    lifeline.read()
    os._exit(1)


def _say(told: dict[str, Any]) -> None:
    sys.stdout.write(f"{json.dumps(told)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
