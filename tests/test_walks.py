"""The three walks of ARCHITECTURE.md, followed through the code: files, names and imports on the way."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STOP = re.compile(r"(?P<number>\d+)\. `(?P<file>[\w/]+\.py)` `(?P<name>[\w.]+)`(?P<rest>.*)")
PASSED_IN = "(passed in"  # its caller is given it, and so does not import it
MOST_STOPS_TO_A_MODEL = 10


@dataclass(frozen=True)
class Stop:
    """A line of a walk: the file, and the function, class or method that is called there."""

    file: str
    name: str
    passed_in: bool
    first: bool

    @property
    def module(self) -> str:
        return self.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def called(self) -> str:
        """The name under which a caller's code knows it: that of the function or method itself."""
        return self.name.rpartition(".")[2]


def walks() -> dict[str, list[Stop]]:
    section = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").partition("## Three walks")[2]
    section = section.partition("\n## ")[0]
    found = {}
    for part in section.split("\n### ")[1:]:
        title, _, body = part.partition("\n")
        found[title.strip()] = [
            Stop(stop["file"], stop["name"], PASSED_IN in stop["rest"], stop["number"] == "1")
            for stop in STOP.finditer(body)
        ]
    return found


@cache
def tree(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text(encoding="utf-8"))


def defined(file: str) -> set[str]:
    """The functions and classes of a file, and the methods as `Class.method`."""
    names: set[str] = set()
    for node in tree(file).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{each.name}" for each in node.body if isinstance(each, ast.FunctionDef)}
    return names


def imported(file: str) -> set[tuple[str, str]]:
    """(module, name) of everything that a file imports; what a package only hands on, from where it is."""
    pairs: set[tuple[str, str]] = set()
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.ImportFrom) and node.module:
            pairs |= {resolved(node.module, alias.name) for alias in node.names}
    return pairs


def resolved(module: str, name: str) -> tuple[str, str]:
    """Where a name comes from in the end: a package may only hand it on."""
    package = Path(module.replace(".", "/")) / "__init__.py"
    if not (ROOT / package).is_file():
        return module, name
    for node in ast.walk(tree(str(package))):
        if isinstance(node, ast.ImportFrom) and node.module and name in {alias.name for alias in node.names}:
            return resolved(node.module, name)
    return module, name


def mentioned(file: str) -> set[str]:
    """Every name and attribute that a file's code reads."""
    names = {node.id for node in ast.walk(tree(file)) if isinstance(node, ast.Name)}
    return names | {node.attr for node in ast.walk(tree(file)) if isinstance(node, ast.Attribute)}


def test_there_are_three_walks() -> None:
    assert len(walks()) == 3
    assert all(len(stops) >= 4 for stops in walks().values())


@pytest.mark.parametrize("title", walks())
def test_every_stop_is_where_the_walk_says(title: str) -> None:
    for stop in walks()[title]:
        assert stop.name in defined(stop.file), f"{stop.file} defines no {stop.name}"


@pytest.mark.parametrize("title", walks())
def test_each_stop_is_reached_from_one_before_it(title: str) -> None:
    """A stop before it imports something of the next one's file and calls what the walk names."""
    stops = walks()[title]
    for place, stop in enumerate(stops):
        if stop.first:
            continue
        callers = [before.file for before in stops[:place] if stop.passed_in or reaches(before, stop)]
        assert any(stop.called in mentioned(caller) for caller in callers), (
            f"no stop before {stop.file} imports it and calls {stop.called}"
        )


def reaches(before: Stop, stop: Stop) -> bool:
    """Whether the file of one stop is that of the other, or imports something of it."""
    return before.file == stop.file or stop.module in {module for module, _ in imported(before.file)}


def test_little_is_passed_in() -> None:
    """The store's inbox, the two ends of the job queue, in two processes, and Label Studio's client."""
    passed_in = [stop.file for stops in walks().values() for stop in stops if stop.passed_in]
    assert passed_in == [
        "annotator/store/inbox.py",
        "model_backend/worker/queue.py",
        "model_backend/worker/jobs.py",
        "annotator/labelstudio/client.py",
    ]


def test_from_the_observed_matrix_to_a_model_it_is_not_far() -> None:
    (stops,) = (stops for title, stops in walks().items() if "model" in title)
    assert len(stops) <= MOST_STOPS_TO_A_MODEL
    assert len({stop.file for stop in stops}) == len(stops), "no file is returned to"
