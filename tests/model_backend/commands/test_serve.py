from __future__ import annotations

import logging
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path

import pytest

from model_backend.cli import main
from model_backend.commands import serve


@pytest.mark.parametrize(("host", "told"), [("127.0.0.1", 0), ("0.0.0.0", 1)])
def test_says_once_what_listening_beyond_this_machine_means(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    host: str,
    told: int,
) -> None:
    monkeypatch.setattr(import_module("model_backend.server.serve"), "serve", lambda *_: None)
    monkeypatch.setattr(serve, "logging_to_stderr", lambda _settings: nullcontext())
    with caplog.at_level(logging.WARNING), pytest.raises(SystemExit) as ended:
        main(["serve", "--data-dir", str(tmp_path), "--host", host])
    assert ended.value.code == 0
    assert [record.levelname for record in caplog.records if "TLS" in record.message] == ["WARNING"] * told
