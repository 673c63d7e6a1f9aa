"""What doctor and connect look at on our side, and how they say it."""

from __future__ import annotations

import io
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from rich.console import Console

from annotator.backend_url import backend_url
from annotator.errors import OnetagError
from annotator.labelstudio.health import Check
from annotator.settings import Settings
from annotator.store import get_or_create_folder_project, open_store, upgrade
from annotator.store.states import Work
from model_backend.commands import console, doctor
from model_backend.commands.connect import Request, link
from model_backend.commands.doctor import backend, examine, failing, images, inbox, training
from model_backend.stack import checks
from model_backend.stack.liveness import beating, worker_silence
from model_backend.stack.secret import with_secret
from tests.free_ports import free_port
from tests.strangers import stranger


def settings(folder: Path) -> Settings:
    return Settings(data_dir=folder, port=free_port(), secret=SecretStr("s3cret"))


def test_in_an_empty_folder_every_broken_link_says_what_to_do(tmp_path: Path) -> None:
    found = {check.name: check for check in examine(settings(tmp_path))}
    for name in ("database", "ML backend", "worker", "Label Studio"):
        assert not found[name].ok
        assert "onetag" in found[name].detail + found[name].fix
    assert "s3cret" not in repr(found)


def test_another_program_on_the_port_is_told(tmp_path: Path) -> None:
    here = settings(tmp_path)
    with stranger(here.port):
        found = {check.name: check for check in backend(here)}
    assert not found["secret"].ok
    assert "Another program answers" in found["secret"].detail
    assert "--port" in found["secret"].fix


def test_a_worker_counts_while_it_gives_signs_of_life(tmp_path: Path) -> None:
    assert worker_silence(tmp_path) is None
    with beating(tmp_path):
        for _ in range(100):
            if worker_silence(tmp_path) is not None:
                break
            time.sleep(0.02)
        assert checks.worker(settings(tmp_path)).ok
    assert not checks.worker(settings(tmp_path)).ok
    (tmp_path / "worker-there-1.beat").write_text(json.dumps({"at": time.time() - 60}))
    silent = checks.worker(settings(tmp_path))
    assert not silent.ok
    assert "60 s" in silent.detail


def test_a_worker_of_this_machine_goes_by_no_time_of_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with beating(tmp_path, lambda: 1000.0):
        while worker_silence(tmp_path) is None:
            time.sleep(0.02)
        for step in (-3600, 3600):
            now = time.time() + step
            with monkeypatch.context() as changed:
                changed.setattr(time, "time", lambda now=now: now)
                assert worker_silence(tmp_path, clock=lambda: 1030.0) == 30.0


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"[]", b"null", b"{}", b'{"at": "noon"}', b'{"up": 1}']
)
def test_a_rotten_sign_of_life_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "worker-there-1.beat").write_bytes(content)
    assert worker_silence(tmp_path) is None


def test_a_failed_training_and_a_full_inbox_are_told() -> None:
    row = {
        "key": "p1",
        "project": 3,
        "version": None,
        "events_waiting": 999,
        "events_set_aside": 0,
        "training": {"state": "failed", "error": "No disk."},
    }
    assert "No disk." in training(row).detail
    assert not training(row).ok
    assert not inbox(row).ok
    assert training(row | {"training": None}).ok
    assert inbox(row | {"events_waiting": 0}).ok
    aside = inbox(row | {"events_waiting": 0, "events_set_aside": 2, "events_set_aside_error": "DataError."})
    assert not aside.ok
    assert "2 events are set aside: DataError." in aside.detail
    assert "onetag events retry" in aside.fix


def test_what_fails_again_and_again_is_told_with_its_cure() -> None:
    failure = {
        "work": Work.PUBLICATION,
        "error": "Label Studio refuses the token. Run `onetag connect`.",
        "failed_at": datetime(2026, 11, 5, 12, 30, tzinfo=UTC),
        "since": datetime(2026, 11, 5, 12, 0, tzinfo=UTC),
        "times": 4,
    }
    row = {"key": "p1", "failures": [failure, failure | {"work": Work.TRAINING}]}
    (check,) = failing(row)  # of the training its own check tells
    assert not check.ok
    assert check.name == "publication of p1"
    assert "2026-11-05 12:30 UTC, 4 times in a row" in check.detail
    assert "Label Studio refuses the token. Run `onetag connect`." in check.detail
    assert list(failing(row | {"failures": []})) == []


def test_images_that_are_not_used_are_told_and_many_are_a_broken_link() -> None:
    example = {"task": 5, "uri": "/x.png", "problem": "It is no image. Upload it again."}
    problem = {"reason": "It is no image.", "count": 2, "examples": [example]}
    row = {"key": "p1", "images": 100, "images_with_a_problem": 2, "image_problems": [problem]}
    few = images(row)
    assert few.ok
    assert "2 of 100" in few.detail
    assert "task 5: It is no image. Upload it again." in few.detail
    many = images(row | {"images": 10})
    assert not many.ok
    assert "onetag train" in many.fix
    assert images(row | {"images_with_a_problem": 0, "image_problems": []}).ok


@pytest.mark.parametrize("as_json", [False, True])
def test_checks_are_shown_with_their_way_out(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    stream = io.StringIO()
    found = [Check("disk", True, "[big]"), Check("worker", False, "is gone", "Start [it].")]
    assert not console.show_checks(found, Console(file=stream, width=100), as_json=as_json)
    shown = capsys.readouterr().out if as_json else stream.getvalue()
    assert "[big]" in shown
    assert "Start [it]." in shown
    assert console.show_checks(found[:1], Console(file=io.StringIO()), as_json=as_json)


@pytest.mark.parametrize(
    ("given", "missing"),
    [({}, "--url"), ({"label_studio_url": "http://127.0.0.1:1", "label_studio_token": "x"}, "--project")],
)
def test_connect_names_what_is_missing(tmp_path: Path, given: dict[str, str], missing: str) -> None:
    with pytest.raises(OnetagError, match=missing):
        link(Settings(data_dir=tmp_path, **given), Request(project=None))  # type: ignore[arg-type]


def test_connect_to_nothing_says_so_and_keeps_the_token_to_itself(tmp_path: Path) -> None:
    token = SecretStr("f" * 40)
    nowhere = f"http://127.0.0.1:{free_port()}"
    (check,) = link(
        Settings(data_dir=tmp_path, label_studio_url=nowhere, label_studio_token=token), Request(project=1)
    )
    assert not check.ok
    assert nowhere in check.detail
    assert "f" * 40 not in repr(check)


def test_a_secret_is_made_once_and_kept_for_its_owner(tmp_path: Path) -> None:
    first = with_secret(Settings(data_dir=tmp_path))
    assert first.secret
    again = with_secret(Settings(data_dir=tmp_path, secret=first.secret))
    assert again.secret == first.secret
    assert (tmp_path / "credentials.json").stat().st_mode & 0o777 == 0o600
    assert {file.name for file in tmp_path.iterdir()} <= {
        *("credentials.json", "credentials.copy.json", "credentials.json.lock")
    }


@pytest.mark.parametrize(("host", "url"), [("0.0.0.0", "http://127.0.0.1:"), ("::1", "http://[::1]:")])
def test_the_backend_is_asked_where_it_answers(tmp_path: Path, host: str, url: str) -> None:
    assert backend_url(settings(tmp_path).model_copy(update={"host": host})).startswith(url)


def test_answers_that_are_not_used_are_told_with_what_to_do() -> None:
    row: dict[str, Any] = {"project": 3, "answers_unused": []}
    assert list(doctor.answers(row)) == []
    for reason, well in (("unknown label", False), ("untouched", True)):
        found = {"reason": reason, "answers": 2, "detail": "2 answers name zebra", "fix": "Add it."}
        (told,) = doctor.answers(row | {"answers_unused": [found]})
        assert told.ok is well
        assert "2 answers name zebra" in told.detail
        assert told.fix == ("" if well else "Add it.")


def test_a_project_of_a_folder_needs_no_backend_no_worker_and_no_label_studio(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    store = open_store(chosen.store_url)
    upgrade(store)
    with store.session() as session:
        get_or_create_folder_project(session, tmp_path, "photos", "")
    store.close()
    found = {check.name: check for check in examine(chosen)}
    assert {"ML backend", "worker", "secret"}.isdisjoint(found)
    assert found["Label Studio"].ok
    assert found["training of p1"].ok
