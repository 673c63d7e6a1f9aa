"""What runs onetag elsewhere: the files, and the command lines and variables in them."""

from __future__ import annotations

import json
import os
import re
import shlex
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "Dockerfile"
COMPOSE = ROOT / "compose.yaml"
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
DEPLOYING = ROOT / "docs" / "deploying.md"


def required(there: object, message: str) -> None:
    """Skip where something is missing; where CI is set, that fails."""
    if not there:
        pytest.skip(message)


def compose() -> dict[str, Any]:
    """The compose file, anchors followed."""
    return dict(yaml.safe_load(COMPOSE.read_text("utf-8")))


def services(*, ours: bool = False) -> dict[str, dict[str, Any]]:
    """The services by name; with `ours`, those that run onetag."""
    found: dict[str, dict[str, Any]] = compose()["services"]
    return {name: each for name, each in found.items() if not ours or each["image"].startswith("onetag:")}


def instructions(file: Path = DOCKERFILE) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile: keyword and the rest, continued lines joined."""
    text = re.sub(r"(?m)^#.*\n", "", file.read_text("utf-8")).replace("\\\n", " ")
    return [(keyword, rest) for keyword, rest in re.findall(r"(?m)^([A-Z]+)\s+(.*)$", text)]


def unit(file: Path) -> ConfigParser:
    """A systemd unit. A key that stands there twice is an error."""
    parser = ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(file, "utf-8")
    return parser


def _of_the_image() -> list[list[str]]:
    said = dict(instructions())
    health = said["HEALTHCHECK"].partition("CMD")[2]
    return [[*json.loads(said["ENTRYPOINT"]), *json.loads(said["CMD"])], json.loads(health)]


def _of_compose() -> list[list[str]]:
    ours = services(ours=True).values()
    return [["onetag", *each["command"]] for each in ours] + [
        each["healthcheck"]["test"][1:] for each in ours
    ]


def _of_systemd() -> list[list[str]]:
    return [["onetag", *unit(file)["Service"]["ExecStart"].split()[1:]] for file in UNITS]


def _of_the_page() -> list[list[str]]:
    shown = "\n".join(re.findall(r"```sh\n(.*?)```", DEPLOYING.read_text("utf-8"), re.DOTALL))
    lines = [line for line in shown.replace("\\\n", " ").splitlines() if "onetag " in line]
    words = [shlex.split(line, comments=True) for line in lines]
    starts = [
        (each, [place for place, word in enumerate(each) if word in ("onetag", "/opt/onetag/bin/onetag")])
        for each in words
    ]
    return [["onetag", *each[places[0] + 1 :]] for each, places in starts if places]


def command_lines() -> list[list[str]]:
    """Every command line of onetag in the files and on the page."""
    return [*_of_the_image(), *_of_compose(), *_of_systemd(), *_of_the_page()]


def variables() -> set[str]:
    """Every ONETAG_ variable that the files and the page name."""
    files = [
        DOCKERFILE,
        COMPOSE,
        DEPLOYING,
        *(file for file in (ROOT / "deploy").rglob("*") if file.is_file()),
    ]
    return {name for file in files for name in re.findall(r"\bONETAG_[A-Z_]+", file.read_text("utf-8"))}


def plain_environment() -> dict[str, str]:
    """This process's environment without a setting of the developer's own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ONETAG_")}
