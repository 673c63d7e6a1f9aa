"""Settings survive the way through the environment of a child process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from annotator.environment import environment
from annotator.settings import Settings


def test_a_child_reads_the_very_settings_of_its_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONETAG_LOSS", "of-the-parent")
    settings = Settings(
        data_dir=tmp_path,
        secret=SecretStr("s3cret"),
        image_hosts=("a.example", "b.example"),
        expected_positives=2.5,
        loss=None,
        port=9191,
    )
    given = environment(settings)
    for name in [name for name in os.environ if name.startswith("ONETAG_")]:
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert Settings().model_dump() == settings.model_dump()
