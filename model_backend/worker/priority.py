"""The worker stands back: whoever waits for an answer on this machine goes first."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

NICENESS = 5  # of a processor that others want too, about a third of what each of them gets
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
