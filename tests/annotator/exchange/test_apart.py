"""Exports in processes of their own: the same files, and an end with who asked."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from annotator.environment import environment
from annotator.errors import OnetagError
from annotator.exchange import EXPORTS, ExportChoices
from annotator.exchange.apart import ExportLostError, make_apart
from annotator.exchange.order import ExportOrder, HowFar, make_here
from annotator.settings import Settings, load_settings
from annotator.store import Project, Store

MakeProject = Callable[..., Project]


@pytest.fixture
def settings(store: Store, tmp_path: Path) -> Settings:
    """Of an installation that keeps its records in this store."""
    return load_settings(data_dir=tmp_path, database_url=store.url.render_as_string(hide_password=False))


@pytest.fixture
def order(store: Store, make_project: MakeProject, tmp_path: Path) -> ExportOrder:
    """Five images as CSV."""
    with store.session() as session:
        project = make_project(session, images=5)
    (tmp_path / "apart").mkdir()
    return ExportOrder(project.id, EXPORTS["csv"], ExportChoices(), tmp_path / "apart")


def test_a_process_of_its_own_makes_the_same_files(
    store: Store, settings: Settings, order: ExportOrder, tmp_path: Path
) -> None:
    told: list[HowFar] = []
    others = psutil.Process().children()
    made = make_apart(settings, order, told.append)
    (tmp_path / "here").mkdir()
    here = make_here(store, settings, replace(order, folder=tmp_path / "here"), print)
    assert [file.name for file in made.files] == [file.name for file in here.files]
    assert made.files[0].read_bytes() == here.files[0].read_bytes()
    assert made.report.images == 5
    assert told[-1] == HowFar(5, 5)
    assert not {*psutil.Process().children()} - {*others}, "it ends with the export"


def test_what_is_wrong_comes_back_with_its_cure(
    store: Store, settings: Settings, make_project: MakeProject, tmp_path: Path
) -> None:
    with store.session() as session:
        empty = make_project(session, images=0)
    order = ExportOrder(empty.id, EXPORTS["csv"], ExportChoices(), tmp_path)
    with pytest.raises(OnetagError, match=r"has no images yet\. Add some in Label Studio"):
        make_apart(settings, order, print)


@pytest.mark.parametrize("command", ["/bin/false", "/bin/true"])
def test_a_process_that_ends_without_a_word_has_failed(
    settings: Settings, order: ExportOrder, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", command)
    with pytest.raises(ExportLostError, match="ended with"):
        make_apart(settings, order, print)


def test_it_ends_when_nobody_wants_the_export_any_more(settings: Settings, order: ExportOrder) -> None:
    command = [sys.executable, "-m", "annotator.exchange.apart"]
    child = subprocess.run(  # its input is closed behind the order
        command,
        env=environment(settings),
        input=json.dumps(order.plain()) + "\n",
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (child.returncode, child.stdout) == (1, "")
    assert list(order.folder.iterdir()) == []
