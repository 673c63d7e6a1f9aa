"""Label Studio as a child process: its own folder, on loopback, with generated credentials.

Measured with 1.23: 25-40 s to the first answer in an empty folder, 3 s later. It takes another port without a
word when its own is in use, and keeps half a database when its first start is cut short; both are seen to.
"""

from __future__ import annotations

import os
import secrets
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from pydantic import SecretStr

from annotator.errors import OnetagError
from annotator.labelstudio.client import Studio
from annotator.labelstudio.errors import LabelStudioUnauthorized, LabelStudioUnreachable
from annotator.labelstudio.lock import FolderLock, end_group, processes_with
from annotator.settings import load_credentials, save_credentials

MODULE = "label_studio.server"
EMAIL = "onetag@localhost.local"
DATABASE = "label_studio.sqlite3"
START_TIMEOUT = 300.0  # seconds; a first start on a busy machine
STOP_TIMEOUT = 10.0  # seconds between asking to end and ending
PORT_TIMEOUT = 3.0  # seconds until a port counts as taken by somebody else
FOREIGN = (
    "LABEL_STUDIO_",
    "HEARTEX_",
    "DJANGO_",
    "ONETAG_",
    "POSTGRE_",
)  # variables that the child must not see


@dataclass(frozen=True)
class StudioCredentials:
    """The login of Label Studio's first user, for people and for the API."""

    email: str
    password: SecretStr
    token: SecretStr


def studio_credentials(data_dir: Path) -> StudioCredentials:
    """The credentials kept in the data folder, generated and kept there (0600) when there are none."""
    kept = load_credentials(data_dir)
    made = {
        "label_studio_email": EMAIL,
        "label_studio_password": secrets.token_urlsafe(12),
        "label_studio_token": secrets.token_hex(20),
    }
    missing = {name: value for name, value in made.items() if name not in kept}
    if missing:
        kept = save_credentials(data_dir, **missing)
    return StudioCredentials(
        kept["label_studio_email"],
        SecretStr(kept["label_studio_password"]),
        SecretStr(kept["label_studio_token"]),
    )


class LabelStudioProcess:
    """One Label Studio in one folder. May be killed at any moment and started again."""

    def __init__(
        self,
        folder: Path,
        port: int,
        credentials: StudioCredentials,
        *,
        host: str = "127.0.0.1",
        files_root: Path | None = None,
    ) -> None:
        """`files_root` is the folder below which `/data/local-files/` serves; see `Studio.serve_folder`."""
        self.folder = folder.absolute()
        self.port = port
        self.host = host
        self.credentials = credentials
        self.files_root = files_root
        self.log = self.folder / "label-studio.log"
        self._lock = FolderLock(self.folder)
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address, for browsers and for the API."""
        return f"http://{self.host}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The process, while it is alive."""
        return self._child.pid if self._child and self._child.poll() is None else None

    def studio(self, timeout: float = 30.0) -> Studio:
        """A client of it."""
        return Studio(self.url, self.credentials.token, timeout=timeout)

    def start(self) -> None:
        """Start it, without waiting for it. What a killed run left over is ended first.

        Raises OnetagError: label-studio not installed, folder in use or not writable, port in use.
        """
        if find_spec("label_studio") is None:
            raise OnetagError(
                "Label Studio is not installed here.",
                "Install it with: pip install 'onetag[studio]', or connect to one that runs elsewhere with "
                "`onetag connect`.",
            )
        self._lock.take()
        try:
            self._end_leftover()
            self._check_port()
            self._start_over_if_cut_short()
            self._let_readers_and_writers_meet()
            self._child = self._spawn()
        except OSError as error:
            self._lock.release()
            raise OnetagError(
                f"Label Studio cannot be started in {self.folder} ({error.strerror}).",
                "Check the folder's rights and the free space, or choose another with --data-dir.",
            ) from None
        except OnetagError:
            self._lock.release()
            raise

    def wait_ready(
        self, timeout: float = START_TIMEOUT, waiting: Callable[[float], None] | None = None
    ) -> str:
        """Wait until it answers and knows our user; returns its version. `waiting` hears the seconds spent.

        Raises OnetagError when it ends, does not answer in time, or has another user than ours.
        """
        began = time.monotonic()
        studio = self.studio(timeout=10)
        while (spent := time.monotonic() - began) < timeout:
            if self._child is None or self._child.poll() is not None:
                raise OnetagError(
                    "Label Studio ended while it was starting.", f"Its log {self.log} says why."
                )
            if waiting:
                waiting(spent)
            if self._listens():
                with suppress(LabelStudioUnreachable):
                    return self._first_answer(studio)
            time.sleep(0.2)
        raise OnetagError(
            f"Label Studio did not answer in {timeout:g} s.", f"Its log {self.log} may say why."
        )

    def _listens(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex((self.host, self.port)) == 0

    def _first_answer(self, studio: Studio) -> str:
        try:
            studio.whoami()
        except LabelStudioUnauthorized:
            raise OnetagError(
                f"Label Studio in {self.folder} was set up with other credentials than those kept beside it.",
                "Put the old credentials.json back, or move that folder away to start with an empty one.",
            ) from None
        self._first_start.unlink(missing_ok=True)
        return studio.version()

    def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """Ask it to end, end it after `timeout` seconds, with everything it started. Safe to call twice."""
        child, self._child = self._child, None
        if child is not None:
            end_group(child.pid, timeout, lambda: child.poll() is not None)
            child.wait()
        self._lock.release()

    def __enter__(self) -> LabelStudioProcess:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    @property
    def _first_start(self) -> Path:
        """There from the first start until its first answer: a database that lies beside it is half made."""
        return self.folder / "first-start"

    def _end_leftover(self) -> None:
        """End a Label Studio whose `onetag up` was killed: the lock is ours, so nobody minds it any more."""
        for pid in processes_with(MODULE, str(self.folder)):
            end_group(pid, STOP_TIMEOUT, lambda: not processes_with(MODULE, str(self.folder)))

    def _check_port(self) -> None:
        # The command line of a killed process is gone a moment before its sockets are.
        deadline = time.monotonic() + PORT_TIMEOUT
        while (error := self._refused()) and time.monotonic() < deadline:
            time.sleep(0.1)
        if error:
            raise OnetagError(
                f"Port {self.port} on {self.host} cannot be used for Label Studio ({error.strerror}).",
                "Stop what uses it, or choose another with --studio-port.",
            )

    def _refused(self) -> OSError | None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
            except OSError as error:
                return error
        return None

    def _start_over_if_cut_short(self) -> None:
        database = self.folder / DATABASE
        if self._first_start.exists():
            for half_made in self.folder.glob(f"{DATABASE}*"):
                half_made.unlink()
        if not database.exists():
            self._first_start.touch()

    def _let_readers_and_writers_meet(self) -> None:
        """Put its SQLite into WAL mode, which lasts: else whoever reads fails when others write for 5 s."""
        damaged = sqlite3.DatabaseError  # is for Label Studio to tell
        with suppress(damaged), closing(sqlite3.connect(self.folder / DATABASE)) as database:
            database.execute("PRAGMA journal_mode = WAL")

    def _spawn(self) -> subprocess.Popen[bytes]:
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))
        self.log.touch(mode=0o600)
        with self.log.open("wb") as log:
            return subprocess.Popen(  # noqa: S603 (our own interpreter)
                self._command(),
                env=self._environment(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches us alone; we end it in order
                umask=0o077,
            )

    def _command(self) -> list[str]:
        # The folder among the arguments is how a leftover is recognised; the password is not among them.
        start = [sys.executable, "-P", "-m", MODULE, "start", "--no-browser"]
        here = ["--internal-host", self.host, "--port", str(self.port), "--data-dir", str(self.folder)]
        return [*start, *here, "--enable-legacy-api-token"]

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        loopback = f"127.0.0.1,localhost,{self.host}"
        ours = {
            "BASE_DATA_DIR": str(self.folder),
            "DATABASE_NAME": str(self.folder / DATABASE),
            "DJANGO_DB": "sqlite",
            "HOST": "",
            "DEBUG": "false",
            "CI": "false",  # it would read ours, and end when that is no boolean
            "USERNAME": self.credentials.email,
            "PASSWORD": self.credentials.password.get_secret_value(),
            "USER_TOKEN": self.credentials.token.get_secret_value(),
            "DISABLE_SIGNUP_WITHOUT_LINK": "true",
            "USE_DEFAULT_BANNED_SUBNETS": "false",  # or it refuses our backend on loopback
            "COLLECT_ANALYTICS": "false",
            "LATEST_VERSION_CHECK": "false",
            "SENTRY_DSN": "",
            "FRONTEND_SENTRY_DSN": "",
            "LOCAL_FILES_SERVING_ENABLED": "true" if self.files_root else "false",
            "LOCAL_FILES_DOCUMENT_ROOT": str(self.files_root.resolve() if self.files_root else self.folder),
        }
        proxies = {"NO_PROXY": loopback, "no_proxy": loopback}
        return kept | {f"LABEL_STUDIO_{name}": value for name, value in ours.items()} | proxies
