"""One real Label Studio for all tests marked `studio`, each with a project of its own."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import build_config
from annotator.settings import CREDENTIALS_FILE
from model_backend.stack.installation import LABEL_STUDIO
from model_backend.stack.label_studio import DATABASE, LabelStudioProcess, studio_credentials
from tests.free_ports import free_port

LABELS = ("cat", "dog", "tree")


@pytest.fixture(scope="session")
def fresh_label_studio(run_folder: Path) -> Path:
    """A data folder whose Label Studio is empty and has started before, to be copied.

    A first start takes half a minute, and a later one seconds, so whichever process of the tests comes first
    makes it for all. Where the `studio` extra is not installed the tests are skipped; where CI is set they
    fail.
    """
    if find_spec("label_studio") is None:
        pytest.skip("label-studio is not installed: pip install -e '.[studio]'")
    fresh, making = run_folder / "fresh-label-studio", run_folder / "first-label-studio"
    with FileLock(run_folder / "label-studio.lock"):
        if not fresh.exists():
            process = LabelStudioProcess(making / LABEL_STUDIO, free_port(), studio_credentials(making))
            with process:
                process.wait_ready()
                _keep(making, making / "kept")
            (making / "kept").rename(fresh)
    return fresh


def _keep(folder: Path, kept: Path) -> None:
    """Put what Label Studio made at its first start into a new data folder, as `onetag up` has it."""
    (kept / LABEL_STUDIO).mkdir(parents=True)
    shutil.copy(folder / CREDENTIALS_FILE, kept)
    databases = (folder / LABEL_STUDIO / DATABASE, kept / LABEL_STUDIO / DATABASE)
    with closing(sqlite3.connect(databases[0])) as running, closing(sqlite3.connect(databases[1])) as copy:
        running.backup(copy)


@pytest.fixture(scope="session")
def label_studio(
    fresh_label_studio: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LabelStudioProcess]:
    """A running Label Studio, one for all tests of this process; it serves local files below `files_root`."""
    folder = shutil.copytree(fresh_label_studio, tmp_path_factory.mktemp("label-studio") / "data")
    files = folder / "files"
    files.mkdir()
    server, credentials = folder / LABEL_STUDIO, studio_credentials(folder)
    process = LabelStudioProcess(server, free_port(), credentials, files_root=files)
    with process:
        process.wait_ready()
        yield process


@pytest.fixture
def studio(label_studio: LabelStudioProcess) -> Studio:
    """A client of the real Label Studio."""
    return label_studio.studio()


@pytest.fixture
def files_root(label_studio: LabelStudioProcess) -> Path:
    """The folder below which the real Label Studio serves local files."""
    assert label_studio.files_root is not None
    return label_studio.files_root


@pytest.fixture
def new_studio_project(studio: Studio, request: pytest.FixtureRequest) -> Iterator[Callable[..., int]]:
    """Makes projects in the real Label Studio, named after the test, and deletes them at its end."""
    made: list[int] = []

    def make(labels: tuple[str, ...] = LABELS, uris: tuple[str, ...] = (), **fields: Any) -> int:
        config = fields.pop("label_config", None) or build_config(labels)
        made.append(int(studio.create_project(request.node.name, config, **fields)["id"]))
        if uris:
            studio.import_tasks(made[-1], [{"data": {"image": uri}} for uri in uris])
        return made[-1]

    yield make
    for project in made:
        studio.delete_project(project)
