"""The systemd units: valid, with few rights, and stopped in order."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .conftest import UNITS, required, unit

MOST_EXPOSED = 2.0
"""Of systemd's own measure, 0 (nothing) to 10."""


@pytest.fixture(params=UNITS, ids=lambda file: file.stem)
def file(request: pytest.FixtureRequest) -> Path:
    """Each unit."""
    return Path(request.param)


@pytest.fixture
def runnable(file: Path, tmp_path: Path) -> Path:
    """The unit with a command that this machine has: systemd looks for it."""
    required(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    copy = tmp_path / file.name
    copy.write_text(file.read_text("utf-8").replace("/opt/onetag/bin/onetag", "/bin/true"))
    return copy


def analyze(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        env={"SYSTEMD_LOG_LEVEL": "warning", "PATH": "/usr/bin:/bin"},
    )


def test_systemd_understands_it(runnable: Path) -> None:
    ran = analyze("verify", runnable)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_it_can_do_little_harm(runnable: Path) -> None:
    ran = analyze("security", "--offline=true", runnable)
    found = re.search(r"exposure level .*: ([\d.]+)", ran.stdout)
    assert found, ran.stdout + ran.stderr
    assert float(found[1]) <= MOST_EXPOSED


def test_it_is_asked_to_stop_and_given_time(file: Path) -> None:
    service = unit(file)["Service"]
    assert service["KillSignal"] == "SIGTERM"
    assert int(service["TimeoutStopSec"]) >= 60
    assert service["Restart"] == "on-failure"


def test_no_secret_is_in_its_environment(file: Path) -> None:
    service = unit(file)["Service"]
    assert "onetag_secret" in service["LoadCredential"]
    assert not re.search(r"ONETAG_(SECRET|LABEL_STUDIO_TOKEN)=", service["Environment"])
