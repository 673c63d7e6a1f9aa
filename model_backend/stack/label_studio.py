"""Label Studio as a child process: its own folder, on loopback, with generated credentials.

Measured with 1.23: 25-40 s to the first answer in an empty folder, 3 s later. It takes another port without a
word when its own is in use, and keeps half a database when its first start is cut short; both are seen to.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import sys
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from pydantic import SecretStr

from annotator.errors import OnetagError
from annotator.labelstudio.client import Studio
from annotator.labelstudio.errors import LabelStudioUnauthorized, LabelStudioUnreachable
from annotator.settings import save_missing_credentials
from model_backend.stack.ports import LOOPBACK, listens, require_free_port
from model_backend.stack.process import ChildProcess

MODULE = "label_studio.server"
EMAIL = "onetag@localhost.local"
DATABASE = "label_studio.sqlite3"
START_TIMEOUT = 300.0  # seconds; a first start on a busy machine
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
    made = {
        "label_studio_email": EMAIL,
        "label_studio_password": secrets.token_urlsafe(12),
        "label_studio_token": secrets.token_hex(20),
    }
    kept = save_missing_credentials(data_dir, **made)
    return StudioCredentials(
        kept["label_studio_email"],
        SecretStr(kept["label_studio_password"]),
        SecretStr(kept["label_studio_token"]),
    )


class LabelStudioProcess(ChildProcess):
    """The Label Studio of one folder. May be killed at any moment and started again.

    A start ends whatever else runs in the folder, so whoever starts it holds the lock of the data folder.
    """

    umask = 0o077

    def __init__(
        self, folder: Path, port: int, credentials: StudioCredentials, *, files_root: Path | None = None
    ) -> None:
        """`files_root` is the folder below which `/data/local-files/` serves; see `Studio.serve_folder`."""
        here = folder.resolve()
        self.port = port
        self.credentials = credentials
        self.files_root = files_root
        environment = studio_environment(here, credentials, files_root)
        super().__init__("Label Studio", studio_command(here, port), here, environment)
        self.working_folder = here

    @property
    def url(self) -> str:
        """The address, for browsers and for the API."""
        return f"http://{LOOPBACK}:{self.port}"

    def studio(self, timeout: float = 30.0) -> Studio:
        """A client of it."""
        return Studio(self.url, self.credentials.token, timeout=timeout)

    def prepare(self) -> None:
        """Look after the port and the database. Raises OnetagError: not installed, port in use."""
        if find_spec("label_studio") is None:
            raise OnetagError(
                "Label Studio is not installed here.",
                "Install it with: pip install 'onetag[studio]', or connect to one that runs elsewhere with "
                "`onetag connect`.",
            )
        require_free_port(LOOPBACK, self.port, "--studio-port", PORT_TIMEOUT)
        self._start_over_if_cut_short()
        self._let_readers_and_writers_meet()

    def wait_ready(self, timeout: float = START_TIMEOUT) -> None:
        """Wait until it answers and knows our user.

        Raises OnetagError when it ends, does not answer in time, has another user than ours, or another
        program took its port.
        """
        deadline = time.monotonic() + timeout
        studio = self.studio(timeout=10)
        while time.monotonic() < deadline:
            self.require_own_port(LOOPBACK, self.port, "--studio-port")
            if not self.alive():
                raise OnetagError(
                    "Label Studio ended while it was starting.", f"Its log {self.log} says why."
                )
            if listens(LOOPBACK, self.port):
                with suppress(LabelStudioUnreachable):
                    return self._look_at_first_answer(studio)
            time.sleep(0.2)
        raise OnetagError(
            f"Label Studio did not answer in {timeout:g} s.", f"Its log {self.log} may say why."
        )

    def _look_at_first_answer(self, studio: Studio) -> None:
        try:
            studio.whoami()
        except LabelStudioUnauthorized:
            raise OnetagError(
                f"Label Studio in {self.folder} was set up with other credentials than those kept beside it.",
                "Put the old credentials.json back, or move that folder away to start with an empty one.",
            ) from None
        self._first_start.unlink(missing_ok=True)

    @property
    def _first_start(self) -> Path:
        """There from the first start until its first answer: a database that lies beside it is half made."""
        return self.folder / "first-start"

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


def studio_command(folder: Path, port: int) -> list[str]:
    """The command line of Label Studio in `folder`; no secret stands on it."""
    start = [sys.executable, "-P", "-m", MODULE, "start", "--no-browser", "--enable-legacy-api-token"]
    return [*start, "--internal-host", LOOPBACK, "--port", str(port), "--data-dir", str(folder)]


def studio_environment(
    folder: Path, credentials: StudioCredentials, files_root: Path | None
) -> dict[str, str]:
    """This process's environment without what is not meant for Label Studio, and with its settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    loopback = f"{LOOPBACK},localhost"
    ours = {
        "BASE_DATA_DIR": str(folder),
        "DATABASE_NAME": str(folder / DATABASE),
        "DJANGO_DB": "sqlite",
        "HOST": "",
        "DEBUG": "false",
        "CI": "false",  # it would read ours, and end when that is no boolean
        "USERNAME": credentials.email,
        "PASSWORD": credentials.password.get_secret_value(),
        "USER_TOKEN": credentials.token.get_secret_value(),
        "DISABLE_SIGNUP_WITHOUT_LINK": "true",
        "USE_DEFAULT_BANNED_SUBNETS": "false",  # or it refuses our backend on loopback
        "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
        "LOCAL_FILES_SERVING_ENABLED": "true" if files_root else "false",
        "LOCAL_FILES_DOCUMENT_ROOT": str(files_root.resolve() if files_root else folder),
    }
    proxies = {"NO_PROXY": loopback, "no_proxy": loopback}
    return kept | {f"LABEL_STUDIO_{name}": value for name, value in ours.items()} | proxies
