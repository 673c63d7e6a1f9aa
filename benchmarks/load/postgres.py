"""A PostgreSQL server of the benchmark's own, with its usual settings: nothing of it is left afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from model_backend.stack.ports import free_port

INSTALLED = Path("/usr/lib/postgresql")  # Debian's place, one folder a version
OWNER = "postgres"


@contextmanager
def own_postgres() -> Iterator[str]:
    """The URL of an empty database, for as long as the context lasts. Exits where PostgreSQL is missing."""
    programs, port = _programs(), free_port()
    with TemporaryDirectory(prefix="onetag-postgres-") as place:
        if os.geteuid() == 0:  # which the server refuses to run as
            owner = pwd.getpwnam(OWNER)
            os.chown(place, owner.pw_uid, owner.pw_gid)
        data, options = f"{place}/data", f"-p {port} -k {place} -c listen_addresses=127.0.0.1"
        _run(
            programs / "initdb",
            "--pgdata",
            data,
            "--username",
            OWNER,
            "--auth",
            "trust",
            "--encoding",
            "UTF8",
        )
        control = programs / "pg_ctl", "--pgdata", data
        _run(*control, "--log", f"{place}/log", "--wait", "--options", options, "start")
        try:
            yield f"postgresql://{OWNER}@127.0.0.1:{port}/postgres"
        finally:
            _run(*control, "--mode", "fast", "--wait", "stop")


def _programs() -> Path:
    """The folder of the newest version's programs."""
    found = sorted(INSTALLED.glob("*/bin/initdb"), key=lambda file: int(file.parts[-3]))
    if found:
        return found[-1].parent
    if on_path := shutil.which("initdb"):
        return Path(on_path).parent
    raise SystemExit("PostgreSQL is not installed here: install it, or give --engine sqlite.")


def _run(program: Path, *arguments: str) -> None:
    user = OWNER if os.geteuid() == 0 else None
    subprocess.run(
        [program, *arguments],
        check=True,
        cwd="/",
        user=user,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
