"""`onetag export`: which project, which format, where to, and what it tells."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from annotator.commands.export import choose_format, export
from annotator.errors import OnetagError
from annotator.store import Project, Store

MakeProject = Callable[..., Project]


@pytest.fixture
def run(store: Store) -> Callable[..., Result]:
    """Runs `onetag export` on the store."""
    app = typer.Typer()
    app.command()(export)

    def invoke(*arguments: str, **variables: str) -> Result:
        url = store.url.render_as_string(hide_password=False)
        environment = {"DATABASE_URL": url} | variables
        prefixed = {f"ONETAG_{name}": value for name, value in environment.items()}
        return CliRunner().invoke(app, list(arguments), env=prefixed)

    return invoke


@pytest.fixture
def pets(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        make_project(session)


@pytest.mark.usefixtures("pets")
def test_the_only_project_goes_to_a_csv_file(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run()
    assert result.exit_code == 0, result.output
    assert len((tmp_path / "labels.csv").read_text().splitlines()) == 4
    assert result.stdout.startswith("labels.csv: 3 images x 3 labels, model version none yet.")
    assert "unknown: 9" in result.stdout


@pytest.mark.usefixtures("pets")
def test_a_script_reads_json(run: Callable[..., Result], tmp_path: Path) -> None:
    output = tmp_path / "labels.parquet"
    report = json.loads(
        run("--json", "--output", str(output), "--format", "parquet", "--project", "7").stdout
    )
    assert report["file"] == str(output)
    assert (report["project"], report["format"], report["images"], report["unknown"]) == (
        "Pets",
        "parquet",
        3,
        9,
    )
    assert output.is_file()


@pytest.mark.usefixtures("pets")
def test_every_flag_has_a_variable(run: Callable[..., Result], tmp_path: Path) -> None:
    output = tmp_path / "labels"
    result = run(FORMAT="jsonl", OUTPUT=str(output), PROJECT="7", JSON="1")
    assert json.loads(result.stdout)["format"] == "jsonl"
    refused = run(OUTPUT=str(output), MODEL_VERSION="v9")
    assert "no model version 'v9'" in str(refused.exception)


@pytest.mark.usefixtures("pets")
def test_an_unknown_project_is_refused(run: Callable[..., Result], tmp_path: Path) -> None:
    result = run("--project", "8", "--output", str(tmp_path / "labels.csv"))
    assert isinstance(result.exception, OnetagError)
    assert "no project 8" in str(result.exception)
    assert "Pets" in str(result.exception)
    assert list(tmp_path.glob("labels*")) == []


def test_without_a_project(run: Callable[..., Result]) -> None:
    result = run()
    assert isinstance(result.exception, OnetagError)
    assert "no project yet" in str(result.exception)


@pytest.mark.parametrize(
    ("name", "output", "chosen"),
    [
        (None, None, "csv"),
        (None, "labels.parquet", "parquet"),
        (None, "labels.JSONL", "jsonl"),
        (None, "labels", "csv"),
        ("jsonl", "labels.txt", "jsonl"),
    ],
)
def test_the_format_is_named_or_read_off_the_output(
    name: str | None, output: str | None, chosen: str
) -> None:
    assert choose_format(name, Path(output) if output else None).name == chosen


@pytest.mark.parametrize(("name", "output"), [("xlsx", None), (None, "labels.xlsx")])
def test_an_unknown_format_is_refused_with_those_that_there_are(name: str | None, output: str | None) -> None:
    with pytest.raises(OnetagError, match=r"'xlsx'.*--format: csv, jsonl, parquet, coco"):
        choose_format(name, Path(output) if output else None)


def test_a_json_file_needs_its_format_named() -> None:
    with pytest.raises(OnetagError, match="coco or labelstudio"):
        choose_format(None, Path("labels.json"))
    assert choose_format("coco", Path("labels.json")).name == "coco"


@pytest.mark.usefixtures("pets")
def test_values_and_split_are_chosen(run: Callable[..., Result], tmp_path: Path) -> None:
    output = str(tmp_path / "labels.jsonl")
    report = json.loads(
        run("--values", "human", "--split", "0.5", "--seed", "3", "-o", output, "--json").stdout
    )
    assert (report["values"], report["train"] + report["validation"]) == ("human", 3)
    splits = [json.loads(line)["split"] for line in Path(output).read_text("utf-8").splitlines()]
    assert splits.count("train") == report["train"]
    by_variable = json.loads(run(VALUES="human", SPLIT="0.5", SEED="3", OUTPUT=output, JSON="1").stdout)
    assert by_variable == report
    assert "Training: " in run("--split", "0.5", "-o", output).stdout


@pytest.mark.parametrize(
    "wrong", [("--split", "1.5"), ("--split", "-1"), ("--values", "certain"), ("--seed", "-1")]
)
def test_choices_that_make_no_sense_are_refused(run: Callable[..., Result], wrong: tuple[str, str]) -> None:
    result = run(*wrong)
    assert result.exit_code == 2
    assert wrong[0] in result.output


@pytest.mark.usefixtures("pets")
def test_a_folder_is_made_where_a_format_is_one(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("--format", "npy")
    assert result.stdout.startswith("labels-npy: 3 images x 3 labels")
    assert "Data card: labels-npy/card.json" in result.stdout
    assert (tmp_path / "labels-npy" / "formatted_train_images.npy").is_file()


@pytest.mark.usefixtures("pets")
def test_pictures_are_read_below_the_root_that_is_given(run: Callable[..., Result], tmp_path: Path) -> None:
    result = run("--format", "imagefolder", "--local-files-root", str(tmp_path), "-o", str(tmp_path / "out"))
    assert "None of the 3 pictures can be read" in str(result.exception)
