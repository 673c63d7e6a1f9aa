"""`import onetag`: the public names, and nothing loaded before it is used."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib import import_module, metadata
from pathlib import Path

import numpy as np
import pytest

import onetag
from onetag import _ROOMS

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("**/*.md")])


@pytest.mark.parametrize("name", _ROOMS)
def test_every_public_name_is_that_of_its_room(name: str) -> None:
    assert getattr(onetag, name) is getattr(import_module(_ROOMS[name]), name)


def test_all_of_it_is_listed() -> None:
    assert set(onetag.__all__) == {"__version__", "data", *_ROOMS} == set(dir(onetag))


def test_a_type_checker_reads_the_same_names_from_the_same_rooms() -> None:
    tree = ast.parse(Path(onetag.__file__).read_text(encoding="utf-8"))
    (typed,) = [node for node in tree.body if isinstance(node, ast.If)]
    rooms = {
        alias.asname: node.module
        for node in typed.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert rooms == _ROOMS | {"data": "onetag"}


def test_the_version_is_that_of_the_installation() -> None:
    assert onetag.__version__ == metadata.version("onetag")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.name)
def test_a_reader_of_the_documents_imports_nothing_but_the_public_names(document: Path) -> None:
    for program in re.findall(r"```python\n(.*?)```", document.read_text(encoding="utf-8"), flags=re.DOTALL):
        assert not re.findall(r"^\s*(?:from|import) (?:annotator|model_backend)", program, flags=re.MULTILINE)


def test_a_name_that_there_is_not() -> None:
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        onetag.fitt  # noqa: B018 (it is the reading that fails)


def test_importing_loads_nothing_that_learns() -> None:
    slow = "torch", "numpy", "flask", "pydantic", "sqlalchemy", "importlib.metadata"
    program = f"import sys, onetag; print([name for name in {slow} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_training_by_public_names_alone() -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(60, 8)).astype("float32")
    observed = np.zeros((60, 3), dtype="int8")
    observed[np.arange(30), features[:30, :3].argmax(axis=1)] = 1
    result = onetag.fit(onetag.Pool(features, (8,), observed), onetag.Recipe(loss="an"))
    assert result.probabilities.shape == (60, 3)
