"""`onetag reconcile`: what it looked at, and what it found."""

from __future__ import annotations

import json
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from annotator.commands import reconcile as module
from annotator.commands.reconcile import in_words, reconcile_command
from annotator.errors import OnetagError
from annotator.labelstudio.comparing import ReconcileReport
from annotator.store import Project, Store
from tests.annotator.labelstudio.in_memory import InMemory


def run(store: Store, *arguments: str, **variables: str) -> Result:
    app = typer.Typer()
    app.command()(reconcile_command)
    url = {"ONETAG_DATABASE_URL": store.url.render_as_string(hide_password=False)}
    return CliRunner().invoke(app, list(arguments), env=url | variables)


@pytest.fixture
def studio(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> InMemory:
    """A project in both; `open_studio` gives the model of Label Studio."""
    studio = InMemory(5, ("cat", "dog"))
    opened: Any = lambda _settings: studio  # noqa: E731
    monkeypatch.setattr(module, "open_studio", opened)
    with sqlite_store.session() as session:
        session.add(
            Project(title="t", label_config=studio.label_config, studio_project=5, studio_url="http://in")
        )
    studio.add_task()
    studio.wait(600)
    return studio


def test_the_first_time_and_with_full_all_is_read(sqlite_store: Store, studio: InMemory) -> None:
    first = run(sqlite_store)
    assert (first.exit_code, first.stdout) == (
        *(0, "All 1 tasks compared with Label Studio: 1 images added.\n"),
    )
    assert run(sqlite_store).stdout.startswith("0 tasks that changed compared")
    assert run(sqlite_store, "--full").stdout.startswith("All 1 tasks compared")


def test_a_script_reads_json(sqlite_store: Store, studio: InMemory) -> None:
    report = json.loads(run(sqlite_store, "--json").stdout)
    assert (report["full"], report["tasks"], report["images_added"], report["problems"]) == (True, 1, 1, [])


def test_without_label_studio_it_says_what_to_do(sqlite_store: Store) -> None:
    told = run(sqlite_store).exception
    assert isinstance(told, OnetagError)
    assert "onetag connect" in str(told)


def test_what_was_found_is_told_by_its_numbers() -> None:
    report = ReconcileReport(tasks=1200, recorded=3, retired=1, labels=("cat",))
    assert in_words(report) == (
        "All 1,200 tasks compared with Label Studio: 3 answers recorded, 1 answers retired, 1 labels changed."
    )
