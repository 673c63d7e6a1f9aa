"""The wheel stands on its own: command and migrations work far from any checkout."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(cwd)} | variables
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(
        sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT,
        cwd=folder,
    )  # fmt: skip
    return next(folder.glob("onetag-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment that holds the wheel.

    The dependencies (7 GB) are borrowed from the running environment by a path file; the editable
    install of the checkout is not, since nested path files are not read.
    """
    home = tmp_path_factory.mktemp("clean")
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=home)
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=home).strip())
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home / "bin"


def test_the_code_comes_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    program = (
        "import onetag, annotator, model_backend as m; print(onetag.__file__, annotator.__file__, m.__file__)"
    )
    for place in run(installed / "python", "-c", program, cwd=tmp_path).split():
        assert Path(place).is_relative_to(installed.parent)


def test_the_command_runs_from_anywhere(installed: Path, tmp_path: Path) -> None:
    assert "onetag" in run(installed / "onetag", "--help", cwd=tmp_path)


def test_the_public_names_learn(installed: Path, tmp_path: Path) -> None:
    program = """
import numpy as np
import onetag

random = np.random.default_rng(0)
features = random.normal(size=(40, 4)).astype("float32")
observed = np.zeros((40, 3), dtype="int8")
observed[np.arange(20), features[:20, :3].argmax(axis=1)] = 1
result = onetag.fit(onetag.Pool(features, (4,), observed), onetag.Recipe(loss="an"))
print(result.model.predict(features).shape)
"""
    assert run(installed / "python", "-c", program, cwd=tmp_path).strip() == "(40, 3)"


def test_an_export_can_be_trained_on(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("image,split,p:cat,d:cat,h:cat\na.jpg,,0.7500,,0\n")
    program = "from onetag.data import soft_targets; print(soft_targets('labels.csv').targets)"
    assert run(installed / "python", "-c", program, cwd=tmp_path).strip() == "[[0.75]]"


def test_a_type_checker_finds_the_types(installed: Path, tmp_path: Path) -> None:
    program = (
        "import onetag, annotator, model_backend as m; "
        "print(*onetag.__path__, *annotator.__path__, *m.__path__)"
    )
    for place in run(installed / "python", "-c", program, cwd=tmp_path).split():
        assert (Path(place) / "py.typed").is_file()


def test_the_migrations_travel_with_the_wheel(installed: Path, tmp_path: Path) -> None:
    onetag = installed / "onetag"
    run(onetag, "db", "upgrade", cwd=tmp_path, ONETAG_DATA_DIR=str(tmp_path / "data"))
    state = json.loads(
        run(onetag, "db", "check", "--json", cwd=tmp_path, ONETAG_DATA_DIR=str(tmp_path / "data"))
    )
    assert state["ok"] is True
    assert state["current"] == state["head"]
