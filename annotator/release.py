"""Which release of onetag this is."""

from __future__ import annotations

from functools import cache
from importlib import metadata


@cache
def release() -> str:
    """The version of the installed package."""
    return metadata.version("onetag")
