"""What is not as it was written is noticed, whatever became of it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from model_backend.engine.checksums import SUMS_FILE, damaged_file, write_sums


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(bytes(range(256)))
    write_sums(tmp_path)
    return tmp_path


def test_the_sums_are_those_of_sha256sum(folder: Path) -> None:
    lines = (folder / SUMS_FILE).read_text().splitlines()
    assert lines == [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}"
        for name in ("model.json", "model.safetensors")
    ]
    assert damaged_file(folder) is None


def test_every_single_bit_counts(folder: Path) -> None:
    file = folder / "model.safetensors"
    for bit in (0, 1000, 2047):
        content = bytearray(range(256))
        content[bit // 8] ^= 1 << bit % 8
        file.write_bytes(bytes(content))
        assert damaged_file(folder) == file.name


@pytest.mark.parametrize("content", [None, b"", b"\x00"])
def test_a_file_that_is_gone_or_another_is_named(folder: Path, content: bytes | None) -> None:
    file = folder / "model.json"
    file.unlink() if content is None else file.write_bytes(content)
    assert damaged_file(folder) == file.name


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"nonsense", b"0  ../..\n", b"0  a\0b\n"])
def test_rotten_sums_are_damage_too(folder: Path, content: bytes) -> None:
    (folder / SUMS_FILE).write_bytes(content)
    assert damaged_file(folder) is not None


def test_a_folder_without_sums_is_not_judged(folder: Path) -> None:
    (folder / SUMS_FILE).unlink()
    assert damaged_file(folder) is None
