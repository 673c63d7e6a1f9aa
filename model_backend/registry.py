"""What the registries share: finding an entry by its name, and options that it does not have."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from model_backend.errors import LearningError

Entry = TypeVar("Entry")


def find(entries: Mapping[str, Entry], kind: str, name: str) -> Entry:
    """The entry of that name; capitals make no difference, nor does the choice between - and _.

    kind: what the entries are, "loss" for instance. Raises LearningError with the names there are.

    >>> find({"an-ls": 1, "bce": 2}, "loss", "AN_LS")
    1
    """
    plain = {key.replace("_", "-"): entry for key, entry in entries.items()}
    found = plain.get(name.lower().replace("_", "-"))
    if found is None:
        raise LearningError(f"There is no {kind} {name!r}.", f"Choose one of: {', '.join(entries)}.")
    return found


def check_options(
    what: str, build: Callable[..., Any], options: Mapping[str, Any], given: Collection[str] = ()
) -> None:
    """Raises LearningError for options that `build` does not take, with those that it does.

    what: the thing built, "loss an" for instance; given: parameters of `build` that are no options.
    """
    known = [name for name in inspect.signature(build).parameters if name not in given]
    if strange := sorted(set(options) - set(known)):
        raise LearningError(
            f"The {what} has no option {', '.join(strange)}.", f"Its options: {', '.join(known) or 'none'}."
        )
