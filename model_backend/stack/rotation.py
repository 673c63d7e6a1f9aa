"""A new shared secret for an installation that runs on, and for each of its projects in Label Studio."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout
from pydantic import SecretStr
from sqlalchemy import select

from annotator.backend_url import address_for_studio
from annotator.errors import OnetagError
from annotator.labelstudio.backends import BACKEND_TITLE, SECRET_HEADER
from annotator.labelstudio.errors import LabelStudioMissing
from annotator.shared_secret import begin_rotation, finish_rotation, is_under_way, take_back, valid_secrets
from annotator.store import Project
from model_backend.stack.liveness import answers_to

if TYPE_CHECKING:
    from annotator.labelstudio.client import Studio
    from annotator.settings import Settings
    from annotator.store import Store

LOCK = "rotation.lock"


@dataclass(frozen=True)
class Followed:
    """Whether one project of Label Studio has the new secret, and what was done there."""

    project: int
    ok: bool
    detail: str


@dataclass(frozen=True)
class Rotation:
    """What came of it; `old_until` is None while projects are left that have the old secret only."""

    resumed: bool
    projects: tuple[Followed, ...]
    old_until: datetime | None


def rotate(
    settings: Settings,
    store: Store,
    studio: Studio | None,
    keep: timedelta,
    told: Callable[[Followed], None] = lambda _: None,
) -> Rotation:
    """Make a new secret, give it to every connected project, and let the old one end after `keep`.

    A rotation that was interrupted goes on with the secret that it made. told: hears of each project. Raises
    OnetagError, with nothing changed, where the secret cannot be changed or the server does not follow.
    """
    with _alone(settings):
        projects = _projects(store, studio)
        resumed = is_under_way(settings)
        secret = begin_rotation(settings)
        if projects:
            _require_server(settings, secret, resumed=resumed)
        followed = []
        for project in projects:
            followed.append(_follow(settings, studio, project, secret))
            told(followed[-1])
        done = all(each.ok for each in followed)
        return Rotation(resumed, tuple(followed), finish_rotation(settings, keep) if done else None)


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    lock = FileLock(settings.data_dir / LOCK, mode=0o600)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise OnetagError("The secret is being rotated already.", "Wait until that has ended.") from None
    try:
        yield
    finally:
        lock.release()


def _projects(store: Store, studio: Studio | None) -> list[int]:
    """The numbers of the projects that the store knows of this Label Studio."""
    connected = select(Project.studio_project).where(Project.studio_project.is_not(None))
    if studio is not None:
        connected = connected.where(Project.studio_url == studio.url)
    with store.reading() as session:
        return [int(number) for number in session.scalars(connected.order_by(Project.id)) if number]


def _require_server(settings: Settings, secret: SecretStr, *, resumed: bool) -> None:
    """Raise OnetagError unless the running server takes the new secret; then the old one alone holds."""
    answers = answers_to(settings, secret)
    if answers - {0, 401}:
        return
    if not resumed:
        take_back(settings)
    if 401 in answers:
        raise OnetagError(
            "The running server does not take a new secret; nothing was changed.",
            "It runs with ONETAG_SECRET or another data folder: restart it with this folder alone.",
        )
    raise OnetagError(
        f"Nothing answers at {address_for_studio(settings)}; nothing was changed.",
        "Start `onetag serve`: Label Studio asks it when it is given the new secret.",
    )


def _follow(settings: Settings, studio: Studio | None, project: int, secret: SecretStr) -> Followed:
    if studio is None:
        return Followed(project, ok=False, detail="No address or token of Label Studio is known.")
    try:
        urls = _addresses(settings, studio, project)
        for url, title in urls.items():
            studio.connect_backend(project, url, title, secret)
    except LabelStudioMissing:
        return Followed(project, ok=True, detail="is gone from Label Studio")
    except OnetagError as error:
        return Followed(project, ok=False, detail=str(error))
    if not urls:
        return Followed(project, ok=True, detail="is not connected to this backend")
    return Followed(project, ok=True, detail=f"webhook and ML backend have it ({', '.join(urls)})")


def _addresses(settings: Settings, studio: Studio, project: int) -> dict[str, str]:
    """The addresses at which the project knows this backend, with the backends' titles.

    Webhooks that bring one of our secrets are ours, whatever address they were given.
    """
    ours = {secret.get_secret_value() for secret in valid_secrets(settings)}
    titles = {_clean(each.get("url")): str(each.get("title")) for each in studio.backends(project)}
    hooks = {
        _clean(each.get("url")).removesuffix("/webhook"): (each.get("headers") or {}).get(SECRET_HEADER)
        for each in studio.webhooks(project)
    }
    own = _clean(address_for_studio(settings))
    urls = [url for url, secret in hooks.items() if secret in ours or url == own]
    urls += [own] if own in titles and own not in urls else []
    return {url: titles.get(url, BACKEND_TITLE) for url in urls}


def _clean(url: object) -> str:
    return str(url).rstrip("/")
