"""The README's commands for a Label Studio that runs already, in its order, with nothing set up before."""

from __future__ import annotations

import base64
import io
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image as Picture
from sqlalchemy import select

from annotator.labelstudio.client import Studio
from annotator.store import Annotation, Image, ModelVersion, Project, Store, TrainingRun, open_store
from model_backend.stack.label_studio import LabelStudioProcess
from tests.acceptance.conftest import environment, until
from tests.free_ports import free_port

pytestmark = [pytest.mark.studio, pytest.mark.timeout(600)]

README = Path(__file__).parents[2] / "README.md"
COLOURS = {"cat": (200, 20, 20), "dog": (20, 200, 20), "tree": (20, 20, 200)}


def picture(number: int, colour: tuple[int, int, int]) -> str:
    """A small picture as the address of a task."""
    stream = io.BytesIO()
    Picture.new("RGB", (48, 48), tuple((part + number) % 256 for part in colour)).save(stream, "PNG")
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"


def commands_of_the_readme(url: str, project: int) -> list[list[str]]:
    """The arguments of the commands in the README's block about connecting, with our address and number."""
    (block,) = re.findall(r"```sh\n(export ONETAG_LABEL_STUDIO_TOKEN.*?)```", README.read_text(), re.DOTALL)
    lines = [line.split("#")[0].rstrip(" &") for line in block.splitlines() if "bin/onetag" in line]
    put_in = {"https://labels.example": url, "7": str(project)}
    return [[put_in.get(word, word) for word in shlex.split(line)[1:]] for line in lines]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `onetag` in the background, as a shell does with `&`; all are ended at the end."""
    running: list[subprocess.Popen[str]] = []
    port = str(free_port())

    def start(arguments: list[str], **variables: str) -> subprocess.Popen[str]:
        more = {"ONETAG_DATA_DIR": str(tmp_path / "data"), "ONETAG_BACKBONE": "handcrafted"}
        if arguments[0] == "serve":
            more["ONETAG_PORT"] = port  # the only one that is told: the others find it in the data folder
        running.append(
            subprocess.Popen(
                [sys.executable, "-m", "model_backend.cli", *arguments],
                env=environment(**(more | variables)),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        return running[-1]

    yield start
    for process in running:
        process.terminate()
    for process in running:
        process.communicate(timeout=60)


def test_serve_worker_connect_in_the_order_of_the_readme(
    started: Callable[..., subprocess.Popen[str]],
    label_studio: LabelStudioProcess,
    studio: Studio,
    new_studio_project: Callable[..., int],
    tmp_path: Path,
) -> None:
    uris = tuple(picture(number, colour) for number in range(5) for colour in COLOURS.values())
    project = new_studio_project(uris=uris)
    token = {"ONETAG_LABEL_STUDIO_TOKEN": label_studio.credentials.token.get_secret_value()}
    commands = commands_of_the_readme(studio.url, project)
    assert [words[0] for words in commands] == ["serve", "worker", "connect"]

    for arguments in commands[:-1]:
        started(arguments, **token, ONETAG_RETRAIN_AFTER="6", ONETAG_RETRAIN_IDLE="1")
    connect = started(commands[-1], **token)
    shown, _ = connect.communicate(timeout=180)
    assert connect.returncode == 0, shown

    for task, label in zip(studio.tasks(project), [*COLOURS, *COLOURS, *COLOURS], strict=False):
        value = {"choices": [label]}
        studio.annotate(
            int(task["id"]),
            [{"from_name": "label", "to_name": "image", "type": "choices", "id": "a", "value": value}],
        )
    store = open_store(f"sqlite:///{tmp_path / 'data' / 'onetag.db'}")
    try:
        until(lambda: answers(store) >= 9, 60, "the answers reach the project that connect made")
        with store.reading() as session:
            rows = session.scalars(select(Project)).all()
            assert [(row.studio_url, row.studio_project) for row in rows] == [(studio.url, project)]
            assert len(session.scalars(select(Image.id)).all()) == len(uris)
        until(lambda: trained(store), 180, "a training, which reads the images")
        until(lambda: studio.versions(project), 60, "suggestions in Label Studio")
        doctor = started(["doctor"], **token)
        told, _ = doctor.communicate(timeout=60)
        assert "Nothing answers" not in told, told
        elsewhere = studio.url.replace("127.0.0.1", "localhost")
        moved = started(["connect", "--url", elsewhere, "--project", str(project)], **token)
        told, _ = moved.communicate(timeout=180)
        assert "its records go on here" in told
        with store.reading() as session:
            (row,) = session.scalars(select(Project)).all()
            assert row.studio_url == elsewhere
            assert len(session.scalars(select(Image.id)).all()) == len(uris)
        assert answers(store) >= 9
    finally:
        store.close()


def answers(store: Store) -> int:
    with store.reading() as session:
        return len(session.scalars(select(Annotation.id).where(Annotation.retired_at.is_(None))).all())


def trained(store: Store) -> bool:
    with store.reading() as session:
        failed = session.scalars(select(TrainingRun.error).where(TrainingRun.state == "failed")).all()
        assert not failed
        return session.scalars(select(ModelVersion.id)).first() is not None
