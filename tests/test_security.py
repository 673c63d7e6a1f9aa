"""Every promise of SECURITY.md names tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
PROMISES = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TEXT.partition("## What is promised")[2].partition("## What is not")[0].splitlines()
    if line.startswith("|") and "---" not in line and not line.startswith("| promise ")
]
NAMED = [test for _, kept_by in PROMISES for test in re.findall(r"`([^`]+)`", kept_by)]


def names_in(file: Path) -> set[str]:
    """The tests of a file, as pytest names them."""
    found = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        inside = node.body if isinstance(node, ast.ClassDef) else [node]
        before = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        found |= {f"{before}{each.name}" for each in inside if isinstance(each, ast.FunctionDef)}
    return {name for name in found if name.rpartition("::")[2].startswith("test_")}


def test_there_are_promises() -> None:
    assert len(PROMISES) >= 15


@pytest.mark.parametrize("promise", [promise for promise, _ in PROMISES])
def test_each_promise_names_a_test(promise: str) -> None:
    (kept_by,) = [tests for said, tests in PROMISES if said == promise]
    assert re.findall(r"`tests/[^`]+::[^`]+`", kept_by)


@pytest.mark.parametrize("named", NAMED)
def test_each_named_test_exists(named: str) -> None:
    path, _, name = named.partition("::")
    assert (ROOT / path).is_file(), path
    assert name in names_in(ROOT / path)
