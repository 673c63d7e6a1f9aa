"""`onetag doctor`: looks at each link of the chain, says what is wrong and what to do."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from annotator.commands.options import DatabaseUrl, DataDir, Host, Json, Port, Project, StudioToken, StudioUrl

if TYPE_CHECKING:
    from annotator.labelstudio.client import Studio
    from annotator.labelstudio.health import Check
    from annotator.settings import Settings
    from annotator.store import Store

LEAST_FREE = 2**30
"""Bytes of free disk below which the doctor warns."""
