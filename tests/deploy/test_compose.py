"""The compose file: valid, closed to the outside, and able to start again and to stop in order."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from .conftest import COMPOSE, ROOT, compose, required, services

SERVICES = services()
OURS = services(ours=True)


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def test_it_is_what_the_specification_asks_for() -> None:
    required(find_spec("check_jsonschema"), "check-jsonschema is not installed: the extra `dev`")
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        str(COMPOSE),
    ]
    found = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert found.returncode == 0, found.stdout


def test_docker_compose_takes_it(tmp_path: Path) -> None:
    if shutil.which("docker") is None or subprocess.run(["docker", "compose", "version"]).returncode != 0:
        return  # the schema above has been asked
    copied = shutil.copy(COMPOSE, tmp_path / "compose.yaml")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "label-studio.env").write_text("POSTGRE_PASSWORD=x\n")
    command = ["docker", "compose", "--file", copied, "--profile", "gpu", "config", "--quiet"]
    assert subprocess.run(command, timeout=60).returncode == 0


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_looked_after(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"]
    assert seconds(service["stop_grace_period"]) >= 30
    assert service["volumes"], "what it keeps lies in a named volume"


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_is_published_beyond_this_machine(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))
    assert "network_mode" not in SERVICES[name]


@pytest.mark.parametrize("name", OURS)
def test_ours_have_no_rights_to_lose(name: str) -> None:
    service = OURS[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service


def test_every_volume_and_secret_is_declared_and_used() -> None:
    used = [
        source
        for each in SERVICES.values()
        for volume in each["volumes"]
        for source in [volume.split(":")[0]]
    ]
    assert {source for source in used if not source.startswith(".")} == set(compose()["volumes"])
    assert all((ROOT / source).exists() for source in used if source.startswith("."))
    assert {name for each in SERVICES.values() for name in each.get("secrets", [])} == set(
        compose()["secrets"]
    )


def test_no_secret_stands_in_it() -> None:
    text = COMPOSE.read_text("utf-8")
    given = re.findall(r"(?im)^\s*\w*(?:password|secret|token)\w*:[ \t]*(\S.*)", text)
    assert given
    assert all(value.startswith(("/run/secrets", "{file:", "[")) for value in given), given


def test_the_worker_on_a_gpu_comes_only_when_asked_for() -> None:
    profiles: dict[str, Any] = {name: each.get("profiles") for name, each in SERVICES.items()}
    assert {name for name, asked in profiles.items() if asked} == {"worker-gpu"}
    assert "args" not in OURS["worker-gpu"]["build"]  # CUDA is left out by an argument alone
    assert OURS["worker-gpu"]["environment"]["ONETAG_DEVICE"] == "cuda"
    assert OURS["worker-gpu"]["environment"].items() >= OURS["worker"]["environment"].items()


def test_label_studio_knows_its_variables() -> None:
    """Each variable that compose gives Label Studio is one that it reads."""
    spec = find_spec("label_studio")
    required(spec is not None, "label-studio is not installed: the extra `studio`")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent
    code = "".join(file.read_text("utf-8") for file in [*folder.glob("core/**/*.py"), folder / "server.py"])
    for name in [*SERVICES["label-studio"]["environment"], "LABEL_STUDIO_USERNAME", "LABEL_STUDIO_PASSWORD"]:
        assert re.search(rf"['\"]{name.removeprefix('LABEL_STUDIO_')}['\"]|['\"]{name}['\"]", code), name
