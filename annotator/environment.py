"""Settings handed to a child process: as variables, so that no secret stands on a command line."""

from __future__ import annotations

import os
from typing import Any

from pydantic import SecretStr

from annotator.settings import Settings


def environment(settings: Settings) -> dict[str, str]:
    """This process's environment with every `ONETAG_` variable replaced by these settings.

    A secret that the data folder keeps is left there, where a child learns of its rotation.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ONETAG_")}
    names = [name for name in Settings.model_fields if name != "secret" or name in settings.given]
    given = {name: getattr(settings, name) for name in names}
    own = {f"ONETAG_{name.upper()}": _text(value) for name, value in given.items() if value is not None}
    return inherited | own | {"PYTHONUNBUFFERED": "1"}


def _text(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, tuple):
        return ",".join(str(item) for item in value)
    return str(value)
