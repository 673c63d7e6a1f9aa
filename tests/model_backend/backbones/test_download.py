"""Weights from the internet: whole, or fetched again."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

from model_backend.backbones.download import download


def test_a_damaged_download_is_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    content, file = b"weights", tmp_path / "net.pth"
    digest = hashlib.sha256(content).hexdigest()

    def fetch(url: str, place: str, hash_start: str) -> None:
        assert digest.startswith(hash_start)
        Path(place).write_bytes(content)

    monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)
    monkeypatch.setattr("model_backend.backbones.download.reach", lambda _: len(content))
    for there in (None, b"", b"weightz", content):
        if there is not None:
            file.write_bytes(there)
        assert download("http://weights.test/net.pth", file, name="net", hash_start=digest[:8]) == file
        assert file.read_bytes() == content
    assert caplog.text.count("fetched again") == 2
