"""Who may import whom: the rooms of ARCHITECTURE.md, held by a test."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LEARNING_ROOMS = ("losses", "estimators", "backbones", "features", "acquisition", "training", "planning")
JOINING_ROOMS = ("model_backend.engine", "model_backend.server", "model_backend.worker")
LEARNING_PACKAGES = {"torch", "numpy", "sklearn", "skimage", "scipy", "PIL", "safetensors", "model_backend"}
OWN_PACKAGES = {"pretrained.py": {"torchvision"}, "timm_networks.py": {"timm", "huggingface_hub"}}


def modules(folder: Path) -> list[Path]:
    found = sorted(folder.rglob("*.py"))
    assert found, f"{folder} holds no module"
    return found


def imports(file: Path) -> set[str]:
    """Every dotted name that a file imports, wherever in the file it does so."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
            names.add(str(node.module))
    return names


def roots(file: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(file)}


@pytest.mark.parametrize("file", modules(ROOT / "annotator"), ids=lambda file: str(file.relative_to(ROOT)))
def test_annotator_never_imports_the_side_of_learning(file: Path) -> None:
    assert roots(file).isdisjoint({"model_backend", "torch", "torchvision"})


@pytest.mark.parametrize("room", LEARNING_ROOMS)
def test_a_learning_room_needs_only_the_packages_of_a_bare_gpu_machine(room: str) -> None:
    for file in modules(ROOT / "model_backend" / room):
        allowed = LEARNING_PACKAGES | OWN_PACKAGES.get(file.name, set())
        foreign = roots(file) - allowed - set(sys.stdlib_module_names)
        assert not foreign, f"{file.relative_to(ROOT)} imports {foreign}"


@pytest.mark.parametrize("room", LEARNING_ROOMS)
def test_a_learning_room_knows_no_store_and_no_web(room: str) -> None:
    for file in modules(ROOT / "model_backend" / room):
        for name in imports(file):
            outside = name.startswith(
                ("model_backend.engine", "model_backend.server", "model_backend.worker")
            )
            assert not outside, f"{file.relative_to(ROOT)} imports {name}"


@pytest.mark.parametrize(
    ("package", "file"), [("torchvision", "pretrained.py"), ("timm", "timm_networks.py")]
)
def test_exactly_one_module_imports_each_library_of_networks(package: str, file: str) -> None:
    files = [file for side in ("annotator", "model_backend") for file in modules(ROOT / side)]
    users = [str(file.relative_to(ROOT)) for file in files if package in roots(file)]
    assert users == [f"model_backend/backbones/{file}"]


def test_the_command_line_starts_without_torch_or_the_label_studio_sdk() -> None:
    heavy = "torch", "torchvision", "timm", "sklearn", "skimage", "label_studio_sdk", "pyarrow", "matplotlib"
    program = f"import sys, model_backend.cli; print([name for name in {heavy} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_the_local_stack_knows_no_command_line() -> None:
    for file in modules(ROOT / "model_backend" / "stack"):
        outside = {
            name for name in imports(file) if name.startswith(("model_backend.commands", "typer", "rich"))
        }
        assert not outside, f"{file.relative_to(ROOT)} imports {outside}"
