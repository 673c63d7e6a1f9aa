"""Nobody but its owner can look into a data folder, whatever the umask, and however it was made before."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from annotator.private import make_private, private_folder
from annotator.settings import Settings, load_settings, save_credentials
from annotator.store import open_store, upgrade
from model_backend.worker.queue import open_job_queue


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def open_to_others(folder: Path) -> dict[str, str]:
    """Everything in the folder that others have rights to, itself included."""
    found = [folder, *folder.rglob("*")]
    modes = {str(path): path.lstat().st_mode for path in found if not path.is_symlink()}
    return {path: oct(stat.S_IMODE(mode)) for path, mode in modes.items() if mode & 0o077}


def test_whatever_is_made_first_is_private_under_every_umask(tmp_path: Path, umask: int) -> None:
    for name in ("store", "credentials", "queue"):
        settings = Settings(data_dir=tmp_path / name, secret=SecretStr("s"))
        if name == "store":
            store = open_store(settings.store_url)
            upgrade(store)
            with store.session() as session:
                session.connection().exec_driver_sql("DELETE FROM events")
                assert not open_to_others(settings.data_dir), "the journal beside it included"
            store.close()
        elif name == "credentials":
            save_credentials(settings.data_dir, secret="s")
        else:
            open_job_queue(settings).close()
            assert stat.S_IMODE(settings.data_dir.stat().st_mode) == 0o700
            continue
        assert not open_to_others(settings.data_dir)


def test_a_folder_of_before_is_mended(tmp_path: Path) -> None:
    folder, outside = tmp_path / "data", tmp_path / "mine.txt"
    (folder / "versions" / "v1").mkdir(parents=True)
    outside.write_text("x")
    for name in ("onetag.db", "onetag.db-wal", "versions/v1/model.json", "run"):
        (folder / name).write_text("x")
    (folder / "run").chmod(0o755)  # what its owner may execute stays so
    (folder / "link").symlink_to(outside)
    folder.chmod(0o755)
    outside.chmod(0o644)
    make_private(folder)
    assert not open_to_others(folder)
    assert stat.S_IMODE((folder / "run").stat().st_mode) == 0o700
    assert stat.S_IMODE(outside.stat().st_mode) == 0o644, "what a link leads to is not ours"


def test_what_is_made_meanwhile_is_private_and_then_all_is_as_before(tmp_path: Path, umask: int) -> None:
    with private_folder(tmp_path / "data"):
        (tmp_path / "data" / "cache").mkdir()
        (tmp_path / "data" / "cache" / "features").write_text("x")
    assert not open_to_others(tmp_path / "data")
    assert os.umask(umask) == umask


SERVE = """
import os
from importlib import import_module
from model_backend.cli import main

def write(app, settings):
    (settings.data_dir / "run").mkdir()
    app.test_client().post("/webhook", json={"action": "X"}, headers={"X-Onetag-Secret": "s"})

os.umask(0)
import_module("model_backend.server.serve").serve = write
main(["serve"])
"""


def test_serve_opens_nothing_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    environment = os.environ | {"ONETAG_DATA_DIR": str(folder), "ONETAG_SECRET": "s"}
    done = subprocess.run([sys.executable, "-c", SERVE], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (folder / "onetag.db").exists()
    assert (folder / "queue.sqlite").exists()
    assert not open_to_others(folder)


def test_rights_that_cannot_be_changed_are_told_and_stop_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_descriptor: int, _mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    (tmp_path / "onetag.db").write_text("x")
    (tmp_path / "onetag.db").chmod(0o644)
    monkeypatch.setattr(os, "fchmod", refuse)
    make_private(tmp_path)
    assert "onetag.db" in caplog.text


def test_the_settings_of_a_private_folder_are_read(tmp_path: Path) -> None:
    save_credentials(tmp_path, port="9191")
    make_private(tmp_path)
    assert load_settings(data_dir=tmp_path).port == 9191
