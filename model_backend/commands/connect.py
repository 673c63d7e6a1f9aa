"""`onetag connect`: ties a project of a Label Studio that exists already to this backend, link by link."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Annotated

import typer
from click import Choice

from annotator.backend_url import BACKEND_URL, address_for_studio
from annotator.commands.options import Json, StudioProject
from annotator.commands.values import label_names
from annotator.commands.with_settings import with_settings
from annotator.errors import OnetagError
from annotator.flags import Panel
from annotator.labelstudio.choosing import Ask, Wanted, choose
from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import Chosen, parse_config
from annotator.labelstudio.errors import LabelStudioRefused
from annotator.labelstudio.health import Check, check_project, check_studio, in_words
from annotator.labelstudio.mend import mended
from annotator.labelstudio.preview import preview, what_is_known
from annotator.labelstudio.projects import Identity, find_project
from annotator.labelstudio.reading import chosen_of
from annotator.labelstudio.reconcile import ReconcileProgress
from annotator.settings import Settings, renewed, save_credentials
from annotator.store import check, open_store
from model_backend.commands.console import show_checks, stage_bar, standard
from model_backend.commands.label_config_options import (
    Control,
    DryRun,
    FixConfig,
    ImageField,
    Labels,
    SuggestOption,
    UntickedOption,
)
from model_backend.stack.installation import migrated_store
from model_backend.stack.liveness import answers_to
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
RemoveOrphans = Annotated[
    bool,
    typer.Option(
        "--remove-orphans",
        envvar="ONETAG_REMOVE_ORPHANS",
        help="Delete webhooks whose ML backend is gone; each slows every Submit.",
    ),
]


Bar = Callable[[str], AbstractContextManager[ReconcileProgress]]
"""Opens a progress bar with a title."""


@contextmanager
def unseen(_title: str) -> Iterator[ReconcileProgress]:
    """No progress bar."""
    yield lambda _stage, _share: None


@dataclass(frozen=True)
class Request:
    """What `onetag connect` is asked to do."""

    project: int | None
    backend_url: str | None = None
    labels: tuple[str, ...] | None = None
    fix_config: bool = False
    remove_orphans: bool = False
    wanted: Wanted = field(default_factory=Wanted)
    dry_run: bool = False
    say: Callable[[str], None] = lambda _: None
    """Told what was put right."""


@with_settings(Panel.STORE, Panel.BACKEND, Panel.STUDIO)
def connect(  # noqa: PLR0913 (a flag each)
    settings: Settings,
    project: StudioProject = None,
    backend_url: BackendUrl = None,
    labels: Labels = None,
    control: Control = None,
    image_field: ImageField = None,
    *,
    unticked: UntickedOption = None,
    suggest: SuggestOption = None,
    fix_config: FixConfig = False,
    remove_orphans: RemoveOrphans = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Connect a project of an existing Label Studio, and check every link; start `onetag serve` first."""
    console = standard(quiet=json)
    request = Request(
        project=project,
        backend_url=backend_url,
        labels=None if labels is None else tuple(label_names(labels)),
        fix_config=fix_config,
        remove_orphans=remove_orphans,
        wanted=Wanted(control, image_field, unticked, suggest),
        dry_run=dry_run,
        say=standard(quiet=json).print,
    )
    ask = _ask if console.is_terminal and sys.stdin.isatty() and not json else None
    checks = link(settings, request, ask, partial(stage_bar, standard(quiet=True)))
    if not show_checks(checks, standard(), as_json=json):
        raise typer.Exit(1)


def _ask(question: str, answers: Sequence[str]) -> str:
    return str(typer.prompt(question, type=Choice(list(answers)), err=True))


def link(
    settings: Settings,
    request: Request,
    ask: Ask | None = None,
    bar: Bar = unseen,
) -> list[Check]:
    """Connect as far as it goes, and return every link with what to do about a broken one.

    `ask` chooses between controls that could hold the labels, `bar` shows how far reading is. Raises
    OnetagError when an address, a token or the project's number is missing.
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
    before = chosen_before(settings, studio.url, request.project)
    if request.dry_run:
        return found + looked_at(studio, request.project, request, before, ask, bar)
    settings = kept(settings, studio.url, settings.label_studio_token.get_secret_value(), request.backend_url)
    chosen, problems = label_config(studio, request.project, request, before, ask)
    found += problems
    request.say("Looking for the ML backend ...")
    found += backend(settings)
    settings = renewed(settings)
    known: list[Check] = []
    if chosen is not None and all(check.ok for check in found):
        store = migrated_store(settings, request.say)
        with bar("Connecting") as progress:
            project_id = connect_project(
                settings, studio, request.project, store, chosen, say=request.say, progress=progress
            )
        with store.reading() as session:
            known = list(what_is_known(session, project_id).checks())
        store.close()
    if request.remove_orphans:
        for orphan in studio.orphans(request.project):
            studio.delete_webhook(int(orphan["id"]))
    if settings.secret is None or chosen is None or not all(check.ok for check in found):
        return found
    where = address_for_studio(settings)
    links = check_project(studio, request.project, where, settings.secret, chosen=chosen)
    return found[:1] + links + known


def kept(settings: Settings, url: str, token: str, backend_url: str | None) -> Settings:
    """The settings with a secret; all of it stays in the data folder, for `serve` and `worker`."""
    values = {"label_studio_url": url, "label_studio_token": token}
    if backend_url:
        values[BACKEND_URL] = backend_url.rstrip("/")
    if "address" in settings.given:
        values["address"] = settings.address
    save_credentials(settings.data_dir, **values)
    return with_secret(settings)


def chosen_before(settings: Settings, url: str, project: int) -> Chosen:
    """What was chosen when the project was connected before; nothing, where it was not."""
    store = open_store(settings.store_url)
    try:
        if not check(store).ok:
            return Chosen()
        with store.reading() as session:
            row = find_project(session, url, Identity(project))
            return chosen_of(row) if row is not None else Chosen()
    finally:
        store.close()


def label_config(
    studio: Studio, project: int, request: Request, before: Chosen, ask: Ask | None
) -> tuple[Chosen | None, list[Check]]:
    """What is chosen of the project's label config, or why it cannot be read.

    With `fix_config` our controls are added to it first.
    """
    try:
        there = str(studio.project(project)["label_config"])
    except OnetagError as error:
        return None, [Check.broken(f"project {project}", error.problem, error.fix)]
    try:
        chosen, config = settled(there, request, before, ask)
        if config != there:
            studio.update_project(project, label_config=config)
    except LabelStudioRefused as error:
        fix = "Correct those answers, or add these labels to their control; then run this again."
        detail = f"Nothing was changed: Label Studio does not take our controls beside it. {error.problem}"
        return None, [Check.broken("label config", detail, fix)]
    except OnetagError as error:
        return None, [Check.broken("label config", error.problem, error.fix)]
    return chosen, []


def settled(there: str, request: Request, before: Chosen, ask: Ask | None) -> tuple[Chosen, str]:
    """What is chosen, and the label config that it is chosen of: with our controls, where asked for.

    Raises OnetagError when it cannot be read that way.
    """
    if not request.fix_config:
        return choose(there, request.wanted, before, ask), there
    control = request.wanted.control or before.control
    with suppress(OnetagError):  # what is wrong with it may be mended; if not, that is told below
        control = choose(there, request.wanted, before, ask).control
    config = mended(there, control, request.labels)
    return choose(config, replace(request.wanted, control=control), before), config


def looked_at(
    studio: Studio,
    project: int,
    request: Request,
    before: Chosen,
    ask: Ask | None,
    bar: Bar,
) -> list[Check]:
    """What the label config and the answers say, with nothing written anywhere."""
    try:
        there = str(studio.project(project)["label_config"])
        chosen, config = settled(there, request, before, ask)
        found = [Check.good("label config", in_words(parse_config(config, chosen)))]
        if config != there:
            found.append(Check.good("--fix-config", "adds our controls beside what is there"))
        with bar("Looking") as progress:
            return found + list(preview(studio, project, config, chosen, progress).checks())
    except OnetagError as error:
        return [Check.broken(f"project {project}", error.problem, error.fix)]


def backend(settings: Settings, patience: float = PATIENCE) -> list[Check]:
    """Whether our ML backend runs: Label Studio asks it at once when it is connected.

    It is ours when it takes our secret; another one may have the port that is usual. One that was started
    just before is given `patience` seconds to answer.
    """
    deadline = time.monotonic() + patience
    while True:
        settings = renewed(settings)  # `onetag serve` tells its port there
        answers = answers_to(settings, settings.secret)
        if 200 in answers:
            return []
        if time.monotonic() > deadline:
            break
        time.sleep(0.3)
    where = address_for_studio(settings)
    start = f"`onetag serve --data-dir {settings.data_dir}`"
    if answers == {0}:
        fix = f"Start {start}, then run this again."
        return [Check.broken("ML backend", f"Nothing answers at {where}.", fix)]
    detail = f"What answers at {where} does not take the secret of this data folder."
    fix = f"Start {start} with a --port of its own, then run this again."
    return [Check.broken("ML backend", detail, fix)]
