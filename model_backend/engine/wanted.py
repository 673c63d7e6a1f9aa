"""What a request for predictions needs computed, and the end of its time. Imports nothing that learns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Wanted:
    """A task without a stored suggestion: its place in the request, its number and its image's address."""

    place: int
    task: int
    uri: str


class TooLate(Exception):  # noqa: N818 (not an error: the request's time is over)
    """The time for an answer is over."""
