"""What can go wrong with Label Studio, each with its way out. No message ever holds a token."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from annotator.errors import OnetagError
from annotator.unusable import Unusable


class LabelStudioError(OnetagError):
    """Label Studio could not do what was asked."""


class LabelStudioUnreachable(LabelStudioError):  # noqa: N818
    """Nothing answers at the address, or not in time, or not as Label Studio does."""


class LabelStudioUnauthorized(LabelStudioError):  # noqa: N818
    """The token is wrong, expired, revoked, or of a kind that this Label Studio does not take."""


class LabelStudioRefused(LabelStudioError):  # noqa: N818
    """Label Studio understood and said no; `status` is its HTTP status."""

    def __init__(self, problem: str, fix: str, status: int = 0) -> None:
        super().__init__(problem, fix)
        self.status = status


class LabelStudioMissing(LabelStudioRefused):
    """The project, task or annotation does not exist, or not for this user."""


class ImageUnavailable(OnetagError):  # noqa: N818
    """One image cannot be read: it is not there, too large, or lies where we were not told to look.

    reason: of what kind that is, and so whether it is worth another try.
    """

    def __init__(self, problem: str, fix: str, reason: Unusable = Unusable.MISSING) -> None:
        super().__init__(problem, fix)
        self.reason = reason


@contextmanager
def noting(problems: list[str]) -> Iterator[None]:
    """Go on after a part that cannot be used, and note why."""
    try:
        yield
    except OnetagError as error:
        problems.append(str(error))
