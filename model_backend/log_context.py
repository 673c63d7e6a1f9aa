"""What the lines of the log are about: a request of Label Studio, a project.

Both go along through calls of one thread; a message of the job queue carries the request to the worker.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from structlog.contextvars import bound_contextvars, get_contextvars

from annotator.store.models import project_key

REQUEST, PROJECT = "request", "project"


@contextmanager
def about(*, request: str | None = None, project: int | None = None) -> Iterator[None]:
    """Every line of the block says the request's id and the project's key; None leaves what was said before.

    project: its id in the store.
    """
    said = {REQUEST: request, PROJECT: None if project is None else project_key(project)}
    with bound_contextvars(**{name: value for name, value in said.items() if value is not None}):
        yield


def current_request() -> str | None:
    """The id of the request that this thread works on, or for."""
    return get_contextvars().get(REQUEST)
