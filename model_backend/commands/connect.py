"""`onetag connect`: ties a project of a Label Studio that exists already to this backend, link by link."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated
from xml.etree import ElementTree as Xml

import typer

from annotator.commands.options import Json, StudioProject
from annotator.commands.values import label_names
from annotator.commands.with_settings import with_settings
from annotator.errors import OnetagError
from annotator.flags import Panel
from annotator.labelstudio.backends import Json as JsonObject
from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import build_config, parse_config
from annotator.labelstudio.health import Check, check_project, check_studio
from annotator.settings import Settings, renewed, save_credentials
from model_backend.commands.console import show_checks, standard
from model_backend.stack.addresses import BACKEND_URL, address_for_studio, backend_url
from model_backend.stack.installation import migrated_store
from model_backend.stack.liveness import ask
from model_backend.stack.projects import connect_project
from model_backend.stack.secret import with_secret

PATIENCE = 15.0
"""Seconds that an ML backend which was just started may take to answer."""

BackendUrl = Annotated[
    str | None,
    typer.Option(
        "--backend-url",
        envvar="ONETAG_BACKEND_URL",
        help="Where Label Studio reaches the ML backend.",
        show_default="http://HOST:PORT",
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        "--labels",
        envvar="ONETAG_LABELS",
        help="With --fix-config: a,b,c or @labels.txt.",
        show_default="the choices that are there",
    ),
]
FixConfig = Annotated[
    bool,
    typer.Option(
        "--fix-config", envvar="ONETAG_FIX_CONFIG", help="Replace a label config that lacks our controls."
    ),
]
RemoveOrphans = Annotated[
    bool,
    typer.Option(
        "--remove-orphans",
        envvar="ONETAG_REMOVE_ORPHANS",
        help="Delete webhooks whose ML backend is gone; each slows every Submit.",
    ),
]


@dataclass(frozen=True)
class Request:
    """What `onetag connect` is asked to do."""

    project: int | None
    backend_url: str | None = None
    labels: tuple[str, ...] | None = None
    fix_config: bool = False
    remove_orphans: bool = False
    say: Callable[[str], None] = lambda _: None
    """Told what was put right."""


@with_settings(Panel.STORE, Panel.BACKEND, Panel.STUDIO)
def connect(
    settings: Settings,
    project: StudioProject = None,
    backend_url: BackendUrl = None,
    labels: Labels = None,
    *,
    fix_config: FixConfig = False,
    remove_orphans: RemoveOrphans = False,
    json: Json = False,
) -> None:
    """Connect a project of an existing Label Studio, and check every link; start `onetag serve` first."""
    request = Request(
        project=project,
        backend_url=backend_url,
        labels=None if labels is None else tuple(label_names(labels)),
        fix_config=fix_config,
        remove_orphans=remove_orphans,
        say=standard(quiet=json).print,
    )
    if not show_checks(link(settings, request), standard(), as_json=json):
        raise typer.Exit(1)


def link(settings: Settings, request: Request) -> list[Check]:
    """Connect as far as it goes, and return every link with what to do about a broken one.

    Raises OnetagError when an address, a token or the project's number is missing.
    """
    if settings.label_studio_url is None or settings.label_studio_token is None:
        raise OnetagError(
            "Label Studio's address or its token is missing.",
            "Give the address with --url and the token in ONETAG_LABEL_STUDIO_TOKEN.",
        )
    if request.project is None:
        raise OnetagError(
            "The project's number is missing.",
            "Give it with --project: it stands in its address, /projects/N.",
        )
    studio = Studio(settings.label_studio_url, settings.label_studio_token, timeout=settings.request_timeout)
    found = check_studio(studio)
    if not all(check.ok for check in found):
        return found
    settings = kept(settings, studio.url, settings.label_studio_token.get_secret_value(), request.backend_url)
    found += label_config(studio, request.project, request)
    request.say("Looking for the ML backend ...")
    found += backend(settings)
    settings = renewed(settings)
    if all(check.ok for check in found):
        store = migrated_store(settings)
        connect_project(settings, studio, request.project, store, say=request.say)
        store.close()
    if request.remove_orphans:
        for orphan in studio.orphans(request.project):
            studio.delete_webhook(int(orphan["id"]))
    if settings.secret is None or not all(check.ok for check in found):
        return found
    where = address_for_studio(settings)
    return found[:1] + check_project(studio, request.project, where, settings.secret)


def kept(settings: Settings, url: str, token: str, backend_url: str | None) -> Settings:
    """The settings with a secret; all of it stays in the data folder, for `serve` and `worker`."""
    values = {"label_studio_url": url, "label_studio_token": token}
    if backend_url:
        values[BACKEND_URL] = backend_url.rstrip("/")
    save_credentials(settings.data_dir, **values)
    return with_secret(settings)


def label_config(studio: Studio, project: int, request: Request) -> list[Check]:
    """Whether the project's label config has our controls; with `fix_config` it gets them."""
    try:
        there = studio.project(project)
    except OnetagError as error:
        return [Check.broken(f"project {project}", error.problem, error.fix)]
    try:
        parse_config(there["label_config"])
    except OnetagError as error:
        if not request.fix_config:
            fix = "Add --fix-config to have it replaced; answers given so far stay."
            return [Check.broken("label config", str(error), fix)]
        studio.update_project(project, label_config=mended(there, request.labels))
    return []


def mended(project: JsonObject, labels: tuple[str, ...] | None) -> str:
    """A label config with our controls, for the labels given or those that the old one offers."""
    try:
        old = Xml.fromstring(project["label_config"])  # noqa: S314 (Label Studio has parsed it before)
    except Xml.ParseError:
        old = Xml.Element("View")
    offered = dict.fromkeys(choice.get("value", "") for choice in old.iter("Choice"))
    image = next(old.iter("Image"), None)
    field = (image.get("value") or "").removeprefix("$") if image is not None else ""
    names = labels or tuple(name for name in offered if name)
    if not names:
        raise OnetagError(
            "The label config offers no choices to take over.", "Name the labels with --labels a,b,c."
        )
    return build_config(names, image_field=field or "image")


def backend(settings: Settings, patience: float = PATIENCE) -> list[Check]:
    """Whether our ML backend runs: Label Studio asks it at once when it is connected.

    One that was started just before is given `patience` seconds to answer.
    """
    deadline = time.monotonic() + patience
    while True:
        settings = renewed(settings)  # `onetag serve` tells its port there
        if any(ask(f"{url}/health") == 200 for url in (backend_url(settings), address_for_studio(settings))):
            return []
        if time.monotonic() > deadline:
            break
        time.sleep(0.3)
    fix = f"Start `onetag serve --data-dir {settings.data_dir}`, then run this again."
    return [Check.broken("ML backend", f"Nothing answers at {address_for_studio(settings)}.", fix)]
