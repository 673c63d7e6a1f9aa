"""What is settled before anything starts: the folder, the labels, the root of the files, the ports."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from annotator.errors import OnetagError
from annotator.settings import Settings, load_credentials, save_credentials
from model_backend.stack.installation import (
    LABEL_STUDIO,
    MLBackend,
    Plan,
    check_plan,
    files_root,
    is_first_start,
    port_of_studio,
    running,
)
from model_backend.stack.label_studio import DATABASE
from tests.free_ports import free_port
from tests.strangers import stranger


def plan(images: Path, labels: tuple[str, ...] | None = ("cat",)) -> Plan:
    return Plan(images=images, labels=labels, title="photos", studio_port=8080)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "here" / "photos"
    folder.mkdir(parents=True)
    return folder


def set_up(data_dir: Path) -> None:
    """As after a first start."""
    (data_dir / LABEL_STUDIO).mkdir(parents=True)
    (data_dir / LABEL_STUDIO / DATABASE).touch()


@pytest.mark.parametrize(
    ("name", "labels", "told"), [("nope", ("a",), "not a folder"), ("photos", None, "--labels")]
)
def test_what_cannot_start_is_told_before_anything_is_made(
    photos: Path, tmp_path: Path, name: str, labels: tuple[str, ...] | None, told: str
) -> None:
    data_dir = tmp_path / "data"
    with (
        pytest.raises(OnetagError, match=told),
        running(Settings(data_dir=data_dir), plan(photos.with_name(name), labels), print, None),  # type: ignore[arg-type]
    ):
        pytest.fail("nothing may start")
    assert not data_dir.exists()


def test_a_later_start_needs_no_labels(photos: Path, tmp_path: Path) -> None:
    assert is_first_start(tmp_path)
    set_up(tmp_path)
    assert not is_first_start(tmp_path)
    check_plan(tmp_path, plan(photos, None))


def test_a_root_that_nothing_was_ever_served_from_binds_nobody(photos: Path, tmp_path: Path) -> None:
    """An earlier release kept the root of a folder that was not there, and refused every other one then."""
    save_credentials(tmp_path, local_files_root="/")
    assert files_root(tmp_path, photos) == photos.parent
    set_up(tmp_path)
    with pytest.raises(OnetagError, match="--data-dir"):
        files_root(tmp_path, photos)


def test_label_studio_keeps_its_port(tmp_path: Path) -> None:
    assert port_of_studio(tmp_path, None) == 8080
    save_credentials(tmp_path, studio_port="18080")
    assert port_of_studio(tmp_path, None) == 18080
    assert port_of_studio(tmp_path, 9000) == 9000
    assert load_credentials(tmp_path) == {"studio_port": "18080"}


def test_another_program_that_answers_on_its_port_is_not_the_backend(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", port=free_port(), secret=SecretStr("a shared secret"))
    with (
        stranger(settings.port),
        MLBackend(tmp_path / "run", settings) as backend,
        pytest.raises(OnetagError, match="choose another with --port"),
    ):
        backend.wait_ready()
