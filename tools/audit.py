"""`python -m tools.audit`: known vulnerabilities of what is installed, less the exceptions of pyproject.toml.

Without a network nothing is audited: that is said aloud and fails nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
COMMAND = (
    *(sys.executable, "-m", "pip_audit", "--local", "--skip-editable", "--progress-spinner", "off"),
    *("--vulnerability-service", "osv", "--format", "json", "--timeout", "10"),
)
OFFLINE = ("connection", "timed out", "timeout", "resolve", "proxy", "unreachable", "ssl")
"""What errors say, in small letters, where the network is what is missing."""

Run = Callable[[], "subprocess.CompletedProcess[str]"]


def exceptions(project: Path = PROJECT) -> dict[str, str]:
    """The vulnerabilities that are no concern here, by id, each with why."""
    table = tomllib.loads(project.read_text(encoding="utf-8"))["tool"].get("onetag", {}).get("audit", {})
    return dict(table.get("exceptions", {}))


def audit(run: Run, excepted: Mapping[str, str], say: Callable[[str], None]) -> int:
    """Say what was found; 1 where something must be done, else 0."""
    done = run()
    try:
        report = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (done.stderr.strip().splitlines() or ["no reason was given"])[-1][:300]
        if any(word in done.stderr.lower() for word in OFFLINE):
            say(f"NOT AUDITED: the database of vulnerabilities cannot be reached ({last}).")
            return 0
        say(f"The audit failed: {last}")
        return 1
    found = [line for package in report for line in _lines(package, excepted)]
    for line in found:
        say(line)
    if not found:
        say(f"No known vulnerability in {len(report)} packages ({len(excepted)} exceptions).")
    return 1 if found else 0


def _lines(package: dict[str, Any], excepted: Mapping[str, str]) -> list[str]:
    """A line for each vulnerability of a package that is not excepted, by its id or another name of it."""
    lines = []
    for each in package.get("vulns", ()):
        names = {each["id"], *each.get("aliases", ())}
        if names.isdisjoint(excepted):
            fixed = ", ".join(each.get("fix_versions", ())) or "no version yet"
            lines.append(f"{package['name']} {package['version']}: {each['id']}, fixed in {fixed}.")
    return lines


def _run() -> subprocess.CompletedProcess[str]:
    return subprocess.run(COMMAND, capture_output=True, text=True, check=False, timeout=600)  # noqa: S603


if __name__ == "__main__":
    sys.exit(audit(_run, exceptions(), lambda line: print(line, file=sys.stderr)))  # noqa: T201
