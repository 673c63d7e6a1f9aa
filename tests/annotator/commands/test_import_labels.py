"""`onetag import`: which project, what it tells, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from sqlalchemy import func, select
from typer.testing import CliRunner, Result

from annotator.commands import import_labels
from annotator.commands.import_labels import import_command
from annotator.commands.label_files import read_label_names
from annotator.errors import OnetagError
from annotator.store import Image, Observation, Project, Store

MakeProject = Callable[..., Project]
Run = Callable[..., Result]


def command() -> typer.Typer:
    app = typer.Typer()
    app.command()(import_command)
    return app


@pytest.fixture
def run(store: Store) -> Run:
    """Runs `onetag import` on the store."""
    url = store.url.render_as_string(hide_password=False)

    def invoke(*arguments: object, given: str | None = None) -> Result:
        return CliRunner().invoke(
            command(), [str(each) for each in arguments], env={"ONETAG_DATABASE_URL": url}, input=given
        )

    return invoke


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    root.mkdir()
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (root / name).touch()
    return root


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    file = tmp_path / "labels.csv"
    file.write_text(
        "image,cat,dog,notes\na.jpg,1,0,x\na.jpg,1,1,y\ngone.jpg,0,1,z\nb.jpg,0,1,\n", encoding="utf-8"
    )
    return file


def test_it_tells_people_everything(run: Run, folder: Path, labels: Path) -> None:
    said = run(labels, "--images", folder, "--as", "verified")
    assert said.exit_code == 0, said.output
    for line in (
        f"{labels} (csv, verified) into 'photos': 2 of its 3 images are in the project.",
        "1 named in the file, but not in the project: gone.jpg",
        "1 in the project, but not named in the file: c.jpg",
        "1 named more than once: a.jpg",
        "1 labels called present and absent, and so unknown: a.jpg: dog",
        "1 columns that hold no labels: notes",
        "2 new labels: cat, dog",
        "Added 2 present and 1 absent; 0 were there already",
    ):
        assert line in said.output


def test_json_for_scripts(run: Run, folder: Path, labels: Path) -> None:
    report = json.loads(run(labels, "--images", folder, "--title", "Pets", "--json").stdout)
    assert report["project"] == "Pets"
    assert (report["matched"], report["missing_names"], report["present"]) == (2, ["gone.jpg"], 2)
    assert report["new_labels"] == ["cat", "dog"]


def test_a_dry_run_leaves_no_trace(run: Run, store: Store, folder: Path, labels: Path) -> None:
    said = run(labels, "--images", folder, "--dry-run")
    assert "Would add 2 present and 0 absent" in said.output
    assert "Nothing was written" in said.output
    with store.reading() as session:
        assert session.scalar(select(func.count(Project.id))) == 0


def test_a_dry_run_makes_no_data_folder(tmp_path: Path, folder: Path, labels: Path) -> None:
    data = tmp_path / "data"
    arguments = [str(labels), "--images", str(folder), "--dry-run", "--data-dir", str(data)]
    said = CliRunner().invoke(command(), arguments)
    assert "Would add 2 present" in said.output
    assert not data.exists()


def test_nothing_is_made_before_the_folder_and_the_file_are_there(
    tmp_path: Path, folder: Path, labels: Path
) -> None:
    data = tmp_path / "data"
    for wrong in ([str(labels), "--images", str(tmp_path / "nope")], ["nope.csv", "--images", str(folder)]):
        said = CliRunner().invoke(command(), [*wrong, "--data-dir", str(data)])
        assert isinstance(said.exception, OnetagError)
    assert not data.exists()


def test_into_the_project_that_is_there(
    run: Run, store: Store, make_project: MakeProject, tmp_path: Path
) -> None:
    with store.session() as session:
        make_project(session, labels="cat, dog")
    file = tmp_path / "labels.csv"
    file.write_text("image,labels\n1.jpg,cat\n3.jpg,dog\n", encoding="utf-8")
    said = run(file)
    assert "into 'Pets': 2 of its 2 images" in said.output
    with store.reading() as session:
        found = session.scalars(select(Image.studio_task).join(Observation, Observation.image_id == Image.id))
        assert sorted(filter(None, found)) == [101, 103]


def test_labels_of_label_studio_are_not_added_where_it_is_not_known(
    run: Run, store: Store, make_project: MakeProject, tmp_path: Path
) -> None:
    with store.session() as session:
        make_project(session, labels="cat, dog")
    file = tmp_path / "labels.csv"
    file.write_text("image,labels\n1.jpg,fox\n", encoding="utf-8")
    assert "--add-labels" in str(run(file).exception)
    assert "kept in Label Studio" in str(run(file, "--add-labels").exception)
    assert "1 labels left out: fox" in run(file, "--skip-labels").output


def test_on_a_terminal_it_asks(
    run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labels: Path
) -> None:
    run(labels, "--images", folder)
    file = tmp_path / "more.csv"
    file.write_text("image,labels\nc.jpg,fox\n", encoding="utf-8")
    asked: list[list[str]] = []

    def yes(names: list[str]) -> bool:
        asked.append(names)
        return True

    monkeypatch.setattr(import_labels, "_ask", yes)
    assert run(file, "--images", folder).exit_code == 1
    monkeypatch.setattr(import_labels, "on_a_terminal", lambda: True)
    assert run(file, "--images", folder).exit_code == 0
    assert asked == [["fox"]]
    assert run(file, "--images", folder, "--json").exit_code == 0


def test_the_question_names_the_labels(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typer, "confirm", lambda question, **more: question == "Add them?")
    assert import_labels._ask(["fox", "wolf"])
    assert "The project lacks 2 labels: fox, wolf" in capsys.readouterr().err


def test_two_projects_at_once_and_two_wishes_at_once_are_refused(
    run: Run, folder: Path, labels: Path
) -> None:
    assert "both name a project" in str(run(labels, "--images", folder, "--project", 1).exception)
    both = run(labels, "--images", folder, "--add-labels", "--skip-labels")
    assert "exclude each other" in str(both.exception)


def test_without_any_project_the_folder_is_asked_for(run: Run, labels: Path) -> None:
    assert "Give --images FOLDER" in str(run(labels).exception)


def test_names_of_labels_by_number_or_by_code(tmp_path: Path) -> None:
    file = tmp_path / "names.txt"
    file.write_text("\ufeffcat\n\nnaïve dog\n", encoding="utf-8")
    assert read_label_names(file) == (("cat", "naïve dog"), {})
    file.write_text('/m/1,Cat\n/m/2,"Dog, tame"\n', encoding="utf-8")
    assert read_label_names(file) == ((), {"/m/1": "Cat", "/m/2": "Dog, tame"})
    assert read_label_names(None) == ((), {})
    with pytest.raises(OnetagError, match=r"nope\.txt cannot be read"):
        read_label_names(tmp_path / "nope.txt")
