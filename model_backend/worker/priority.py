"""The worker stands back: whoever waits for an answer on this machine goes first."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

NICENESS = 5  # of a processor that others want too, about a third of what each of them gets
LAST = 19
AUTOGROUP = Path("/proc/self/autogroup")


def stand_back(niceness: int = NICENESS) -> None:
    """Let the backend, Label Studio and the database have the processors before this process has them.

    A webhook has to be answered within a second, whatever a training takes. Linux may share the processors
    between sessions before it looks at processes (autogroups); a worker that leads a session of its own, as
    under `onetag up`, has it stand back too.
    """
    if not hasattr(os, "nice"):  # Windows
        return
    os.nice(niceness)
    if os.getsid(0) == os.getpid():
        with suppress(OSError):  # another system, a kernel without autogroups, or one that does not let us
            AUTOGROUP.write_text(str(os.getpriority(os.PRIO_PROCESS, 0)))


def in_background(work: Callable[[], None]) -> None:
    """Do work in a thread of its own that stands back behind all others, where the system lets it; and wait.

    What the work raises goes on.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="background", initializer=_go_last) as alone:
        alone.submit(work).result()


def _go_last() -> None:
    if hasattr(os, "setpriority"):
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LAST)
