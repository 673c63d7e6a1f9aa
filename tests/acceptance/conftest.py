"""A real `onetag up`, run, killed and run again as a person would, over a folder of digit scenes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from playwright.sync_api import sync_playwright
from pydantic import SecretStr

from annotator.labelstudio.client import Studio
from annotator.store import Store, open_store
from model_backend.demo.dataset import Dataset, read_dataset
from model_backend.demo.scenes import NAMES, write_scenes
from model_backend.stack.process import end_processes, marked_processes
from tests.free_ports import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Page

PARTS = ("worker", "ml-backend", "label-studio")
CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
IMAGES = 60
SECONDS = 30_000  # milliseconds that a page may take


def required(there: bool, message: str) -> None:
    """Skip where something is missing; where CI is set, fail."""
    if there:
        return
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def environment(**more: str) -> dict[str, str]:
    """This process's environment without a setting of the developer's own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ONETAG_")} | more


def until(true: Callable[[], Any], seconds: float, what: str) -> Any:
    """The first true answer; fails the test when there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = true()
        if answer:
            return answer
        time.sleep(0.1)
    return pytest.fail(f"{what}: not within {seconds:.0f} s")


@contextmanager
def browsing(studio_url: str, email: str, password: str, size: tuple[int, int]) -> Iterator[Page]:
    """A page of a browser of this size whose user is logged in at Label Studio."""
    required(Path(CHROMIUM).exists() or shutil.which("chromium") is not None, f"there is no {CHROMIUM}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=list(FLAGS))
        page = browser.new_page(viewport={"width": size[0], "height": size[1]})
        page.set_default_timeout(SECONDS)
        page.goto(f"{studio_url}/user/login/")
        page.fill("input[name=email]", email)
        page.fill("input[name=password]", password)
        page.click("button[type=submit]")
        page.wait_for_url("**/")
        yield page
        browser.close()


class Up:
    """One data folder and the `onetag up` that may run on it."""

    def __init__(self, images: Path, data_dir: Path) -> None:
        self.images, self.data_dir = images, data_dir
        self.studio_port, self.port = free_port(), free_port()
        self.label_names: Sequence[str] = NAMES
        self.lines: list[str] = []
        self.process: subprocess.Popen[str] | None = None

    questions = "tags"
    """What it asks; pages of other questions have tests of their own."""
    backbone = "handcrafted"
    precision = "0.3"

    def command(self, *more: str) -> list[str]:
        """The command line, always the same."""
        ports = ["--studio-port", str(self.studio_port), "--port", str(self.port)]
        folder = ["--data-dir", str(self.data_dir), "--backbone", self.backbone]
        quick = ["--retrain-after", "10", "--retrain-idle", "1"]
        up = [
            sys.executable,
            "-m",
            "model_backend.cli",
            "up",
            str(self.images),
            "--labels",
            ",".join(self.label_names),
        ]
        return [*up, *ports, *folder, *quick, *more]

    def start(self, *more: str) -> None:
        """Start it, without waiting."""
        self.lines = []
        self.process = subprocess.Popen(
            self.command(*more),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment(
                PYTHONUNBUFFERED="1", ONETAG_PRECISION=self.precision, ONETAG_QUESTIONS=self.questions
            ),
            start_new_session=True,
        )
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout
        with process.stdout:
            for line in process.stdout:
                self.lines.append(line)

    def await_line(self, text: str, seconds: float = 180, after: int = 0) -> str:
        """The first line with `text` behind the first `after` lines; fails when the command ends."""

        def said() -> str:
            assert self.process
            found = [line for line in self.lines[after:] if text in line]
            if not found and self.process.poll() is not None:
                pytest.fail(f"`onetag up` ended with {self.process.returncode}:\n{''.join(self.lines)}")
            return found[0] if found else ""

        return str(until(said, seconds, f"`onetag up` did not say {text!r}:\n{''.join(self.lines)}"))

    def await_ready(self) -> None:
        """Wait until everything is up."""
        self.await_line("Ctrl-C stops everything")

    def kill(self) -> None:
        """kill -9: no handler runs, its children stay."""
        assert self.process
        self.process.kill()
        self.process.wait()

    def interrupt(self) -> int:
        """Ctrl-C; returns the exit status."""
        assert self.process
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)

    def child(self, name: str) -> int:
        """The number of a running part: worker, ml-backend, or label-studio."""
        return self.children(name)[0].pid

    def children(self, name: str) -> list[psutil.Process]:
        """The processes of a part."""
        folder = "label-studio" if name == "label-studio" else "run"
        return marked_processes(str(self.data_dir.resolve() / folder / f"{name}.log"))

    @property
    def credentials(self) -> dict[str, str]:
        """What the 0600 file holds."""
        return dict(json.loads((self.data_dir / "credentials.json").read_text()))

    @property
    def studio_url(self) -> str:
        """Where its Label Studio answers."""
        return f"http://127.0.0.1:{self.studio_port}"

    def studio(self) -> Studio:
        """A client of the Label Studio that it runs."""
        return Studio(self.studio_url, SecretStr(self.credentials["label_studio_token"]))

    @contextmanager
    def browsing(self, size: tuple[int, int] = (1400, 900)) -> Iterator[Page]:
        """A browser that is logged in at the Label Studio that it runs."""
        email, password = (self.credentials[f"label_studio_{name}"] for name in ("email", "password"))
        with browsing(self.studio_url, email, password, size) as page:
            yield page

    def store(self) -> Store:
        """Its database."""
        return open_store(f"sqlite:///{self.data_dir / 'onetag.db'}")

    def onetag(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another command on the same data folder."""
        where = ["--data-dir", str(self.data_dir)]
        command = [sys.executable, "-m", "model_backend.cli", *arguments, *where]
        return subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=120)

    def clean(self) -> None:
        """End whatever is still there."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
        for name in PARTS:
            end_processes(self.children(name), grace=1)


@pytest.fixture(scope="package")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Digit scenes whose truth is known."""
    folder = tmp_path_factory.mktemp("acceptance") / "digits"
    write_scenes(folder, IMAGES, 1, seed=5)
    return read_dataset(folder)


@pytest.fixture(scope="package")
def up(scenes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """An `onetag up` that was killed twice on its first way up, and then came up."""
    required(find_spec("label_studio") is not None, "label-studio is not installed: the extra `studio`")
    images = scenes.files[0].parent
    (images / "broken.png").write_bytes(b"not a picture")
    made = Up(images, tmp_path_factory.mktemp("up") / "data")
    try:
        made.start()
        made.await_line("Starting Label Studio")
        time.sleep(3)  # in the middle of Label Studio's first migrations
        made.kill()
        made.start()
        made.await_line("Importing")
        made.kill()
        made.start()
        made.await_ready()
        yield made
    finally:
        made.clean()
