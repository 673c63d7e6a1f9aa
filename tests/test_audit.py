"""What the audit of the dependencies says and fails for; nothing here asks a network."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tools.audit import audit, exceptions

FLAW = {"id": "GHSA-aaaa-bbbb-cccc", "aliases": ["CVE-2026-1"], "fix_versions": ["2.0"]}
FOUND = json.dumps({"dependencies": [{"name": "left", "version": "1.0", "vulns": [FLAW]}], "fixes": []})
CLEAN = json.dumps({"dependencies": [{"name": "left", "version": "1.0", "vulns": []}], "fixes": []})


def outcome(
    stdout: str = "", stderr: str = "", code: int = 0, excepted: Mapping[str, str] = {}
) -> tuple[int, str]:
    said: list[str] = []
    done = subprocess.CompletedProcess([], code, stdout, stderr)
    return audit(lambda: done, excepted, said.append), "\n".join(said)


def test_without_a_known_vulnerability_it_passes() -> None:
    code, said = outcome(CLEAN)
    assert code == 0
    assert "1 packages" in said


def test_a_known_vulnerability_fails() -> None:
    code, said = outcome(FOUND, code=1)
    assert code == 1
    assert said == "left 1.0: GHSA-aaaa-bbbb-cccc, fixed in 2.0."


@pytest.mark.parametrize("name", ["GHSA-aaaa-bbbb-cccc", "CVE-2026-1"])
def test_an_exception_counts_by_any_of_its_names(name: str) -> None:
    assert outcome(FOUND, code=1, excepted={name: "not reached"})[0] == 0


@pytest.mark.parametrize(
    "error",
    [
        "requests.exceptions.ConnectionError: Failed to resolve 'api.osv.dev'",
        "ERROR:pip_audit._cli:Could not connect to OSV: Read timed out.",
        "ProxyError('Cannot connect to proxy.')",
    ],
)
def test_without_a_network_it_says_so_aloud_and_passes(error: str) -> None:
    code, said = outcome(stderr=f"Traceback\n{error}\n", code=1)
    assert code == 0
    assert said.startswith("NOT AUDITED")


def test_an_audit_that_breaks_otherwise_fails() -> None:
    assert outcome(stderr="No module named pip_audit", code=1)[0] == 1


def test_every_exception_has_a_reason(tmp_path: Path) -> None:
    for name, reason in exceptions().items():
        assert re.fullmatch(r"(GHSA|CVE|PYSEC)-[\w-]+", name)
        assert len(reason) >= 20, f"why {name} is no concern here, in a sentence"
    file = tmp_path / "pyproject.toml"
    file.write_text('[tool.onetag.audit.exceptions]\nCVE-2026-1 = "Only with a proxy, which we never set."\n')
    assert exceptions(file) == {"CVE-2026-1": "Only with a proxy, which we never set."}
