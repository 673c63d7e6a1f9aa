"""What the documents show, run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from annotator.flags import Panel, flag_of
from annotator.settings import Settings
from model_backend.cli import PANELS
from model_backend.estimators import ESTIMATORS
from model_backend.losses import LOSSES

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
IN_THE_WHEEL = "annotator/store/migrations"
PROGRAM = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)[0]


def run(program: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(program, "README.md", "exec"), names)
    return names


def test_the_readmes_program_learns() -> None:
    shown = run(PROGRAM)
    vectors, present = shown["vectors"], shown["present"]
    assert vectors.shape == present.shape
    assert vectors[present].mean() > vectors[~present].mean() + 0.1


@pytest.mark.parametrize("loss", [name for name, entry in LOSSES.items() if not entry.uses_estimate])
def test_the_readmes_program_runs_with_every_loss(loss: str) -> None:
    assert run(PROGRAM.replace("Recipe()", f"Recipe(loss={loss!r})"))["vectors"].shape == (200, 6)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_readmes_program_runs_with_every_estimator(estimator: str) -> None:
    shown = run(PROGRAM.replace("Recipe()", f"Recipe(loss='role', estimator={estimator!r})"))
    assert shown["vectors"].shape == (200, 6)


@pytest.mark.parametrize("command", [name for commands in PANELS.values() for name in commands])
def test_the_readme_names_every_command(command: str) -> None:
    assert f"`{command}`" in README


@pytest.mark.parametrize(
    "document", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "benchmarks/README.md"]
)
def test_every_file_that_a_document_names_is_there(document: str) -> None:
    named = re.findall(
        r"`((?:annotator|model_backend|migrations|tests|benchmarks)/[\w/.]*)`", (ROOT / document).read_text()
    )
    missing = [name for name in named if name != IN_THE_WHEEL and not (ROOT / name).exists()]
    assert not missing


DOCUMENTS = [
    ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "benchmarks/README.md")
]
DOCUMENTS += sorted((ROOT / "docs").glob("*.md"))
GENERATED = {
    "settings.md",
    "commands.md",
    "losses.md",
    "estimators.md",
    "backbones.md",
    "acquisitions.md",
    "api.md",
}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_link_of_a_document_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text(encoding="utf-8"))
    assert not [each for each in links if each not in GENERATED and not (document.parent / each).exists()]


@pytest.mark.parametrize(
    "document", [*DOCUMENTS, ROOT / "Makefile"], ids=lambda file: str(file.relative_to(ROOT))
)
def test_every_make_target_and_benchmark_of_a_document_is_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    targets = set(re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))
    assert set(re.findall(r"`make ([a-z]+)|(?m:^make )([a-z]+)", text)) <= {
        pair for name in targets for pair in ((name, ""), ("", name))
    }
    benchmarks = set(re.findall(r'make bench ARGS="?([a-z]+)', text))
    assert not [name for name in benchmarks if not (ROOT / "benchmarks" / f"{name}.py").is_file()]


def test_the_documents_name_every_setting_by_being_made_from_them() -> None:
    """The page of settings is generated: it has a row for each field, or the build fails."""
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert flag_of(field).panel in Panel, name
