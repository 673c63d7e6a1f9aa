"""The image: linted, small, and nobody's root."""

from __future__ import annotations

import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

from model_backend.server.serve import serve as serve_app

from .conftest import DOCKERFILE, ROOT, instructions, required

LINTER = Path(sys.executable).parent / "hadolint"
SAID = instructions()


def last(keyword: str) -> str:
    return [rest for each, rest in SAID if each == keyword][-1]


def test_the_linter_finds_nothing() -> None:
    required(LINTER.exists(), "hadolint is not installed: the extra `dev`")
    found = subprocess.run([LINTER, DOCKERFILE], capture_output=True, text=True, timeout=60)
    assert (found.returncode, found.stdout) == (0, "")


def test_it_runs_as_a_user_without_rights_and_stops_as_asked() -> None:
    assert last("USER").split(":")[0].isdigit()
    assert last("USER").split(":")[0] != "0"
    assert last("STOPSIGNAL") == "SIGTERM"  # which the commands take as a wish to stop in order
    assert serve_app.__doc__
    assert "SIGTERM" in serve_app.__doc__


def test_what_built_it_stays_behind() -> None:
    stages = [place for place, (keyword, _) in enumerate(SAID) if keyword == "FROM"]
    assert len(stages) == 2
    final = SAID[stages[-1] :]
    assert [rest for keyword, rest in final if keyword == "COPY"] == ["--from=build /opt/onetag /opt/onetag"]
    assert "pip install --no-cache-dir" in dict(SAID[: stages[-1]])["RUN"]
    assert "-slim-" in final[0][1]


@pytest.mark.parametrize("index", ["", "https://wheels.example/cpu"])
def test_cuda_is_left_out_by_an_index_of_cpu_builds(index: str) -> None:
    program = next(rest for keyword, rest in SAID if keyword == "RUN" and "pip install" in rest)
    program = program.replace("/opt/onetag/bin/pip", "echo")
    ran = subprocess.run(
        [shutil.which("bash") or "bash", "-c", program],
        env={"TORCH_INDEX": index},
        capture_output=True,
        text=True,
    )
    given = [f"--extra-index-url={index}"] if index else []
    assert ran.stdout.split() == ["install", "--no-cache-dir", *given, ".[postgres]"]


def test_what_is_copied_is_there_and_nothing_else_is_sent() -> None:
    copied = {part.strip("./") for keyword, rest in SAID if keyword == "COPY" for part in rest.split()[:-1]}
    copied = {name for name in copied if not name.startswith("--") and name != "opt/onetag"}
    assert all((ROOT / name).exists() for name in copied)
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert ignored[1] == "*"
    assert {line[1:] for line in ignored if line.startswith("!")} == copied
    assert any(
        fnmatch("annotator/__pycache__", line.removeprefix("**/").join(["*", ""])) for line in ignored[2:]
    )


def test_it_brings_all_that_the_wheel_is_made_of() -> None:
    """What pyproject.toml packs, and the migrations, are sent to the build."""
    import tomllib  # noqa: PLC0415

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *wheel["force-include"], project["project"]["readme"]}
    needed |= set(project["project"]["license-files"])
    copied = {part.strip("./") for keyword, rest in SAID if keyword == "COPY" for part in rest.split()[:-1]}
    assert needed <= copied
