"""The links between Label Studio and this backend, each checked, with what to do where one is broken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from annotator.errors import OnetagError
from annotator.labelstudio.backends import ACTIONS, SECRET_HEADER
from annotator.labelstudio.client import UNCERTAINTY, Studio
from annotator.labelstudio.config import Chosen, LabelConfig, parse_config
from annotator.labelstudio.controls import Role

RECONNECT = "Run `onetag connect` again: it puts this right."
REACHABLE = "Start `onetag serve`, and give its address as Label Studio sees it to `onetag connect`."
CONNECTED = "CO"  # Label Studio's word for a backend that answered


@dataclass(frozen=True)
class Check:
    """One link: whether it holds, what was seen, and what to do if it does not."""

    name: str
    ok: bool
    detail: str
    fix: str = ""

    @classmethod
    def good(cls, name: str, detail: str) -> Check:
        """A link that holds."""
        return cls(name, ok=True, detail=detail)

    @classmethod
    def broken(cls, name: str, detail: str, fix: str = "") -> Check:
        """A link that does not hold."""
        return cls(name, ok=False, detail=detail, fix=fix)


def check_studio(studio: Studio) -> list[Check]:
    """Whether Label Studio answers and takes the token."""
    try:
        version = studio.version()
        who = studio.whoami().get("email", "?")
    except OnetagError as error:
        return [_broken("Label Studio", error)]
    return [Check.good("Label Studio", f"{studio.url} answers: version {version}, signed in as {who}")]


@dataclass(frozen=True)
class Published:
    """The version that was published last, and what it can still order.

    left: images that nobody has answered. suggested: those of them that it has a suggestion for.
    """

    version: str
    left: int
    suggested: int


def check_project(
    studio: Studio,
    project: int,
    backend_url: str,
    secret: SecretStr,
    *,
    published: Published | None = None,
    chosen: Chosen = Chosen(),  # noqa: B008 (frozen)
) -> list[Check]:
    """Every link of one project with the backend at `backend_url`, in the order in which they matter.

    `published` is there once a version was; `chosen` is what was chosen of the label config. Nothing in Label
    Studio is changed. What is checked after a failure to read is left out.
    """
    checks: list[Check] = []
    try:
        for check in _links(studio, project, backend_url.rstrip("/"), secret, published, chosen):
            checks.append(check)  # noqa: PERF402 (what was found before a failure is kept)
    except OnetagError as error:
        checks.append(_broken(f"project {project}", error))
    return checks


def _links(
    studio: Studio, project: int, url: str, secret: SecretStr, published: Published | None, chosen: Chosen
) -> Iterator[Check]:
    found = studio.project(project)
    yield Check.good(f"project {project}", str(found.get("title")))
    yield _controls(str(found.get("label_config", "")), chosen)
    backends = [each for each in studio.backends(project) if str(each.get("url")).rstrip("/") == url]
    yield _backend(url, [studio.backend(each["id"]) for each in backends])
    yield _webhook([each for each in studio.webhooks(project) if each.get("url") == f"{url}/webhook"], secret)
    yield _orphans(studio.orphans(project))
    if published is not None:
        yield _queue(found, backends, published)


def _controls(label_config: str, chosen: Chosen) -> Check:
    try:
        config = parse_config(label_config, chosen)
    except OnetagError as error:
        return _broken("label config", error)
    return Check.good("label config", in_words(config))


def in_words(config: LabelConfig) -> str:
    """What was read off a label config: the control, its role, the image, and where suggestions go."""
    parts = [f"{len(config.labels)} labels in {config.control.name!r} ({config.kind}: {config.control.role})"]
    others = [name for name in config.image_fields if name != config.image_field]
    field_told = f"image in the field {config.image_field!r}"
    parts.append(f"{field_told} (and not {', '.join(others)}: --image-field)" if others else field_told)
    if config.control.role is not Role.ONE:
        parts.append(f"what an answer leaves out is {config.unticked}")
    if config.earlier is not None:
        parts.append(f"answers in {config.earlier.name!r} count as well")
    ticks = config.ticks
    parts.append(f"suggestions ticked in {ticks.name!r}" if ticks else "suggestions order the queue alone")
    return "; ".join(parts)


def _backend(url: str, backends: list[dict[str, Any]]) -> Check:
    """What Label Studio finds when it is asked for one backend: it then asks for our health and setup."""
    if len(backends) != 1:
        return Check.broken("ML backend", f"{len(backends)} backends at {url}, one is needed", RECONNECT)
    if backends[0].get("state") != CONNECTED:
        reason = str(backends[0].get("error_message") or "its health check failed")[:300]
        return Check.broken("ML backend", f"Label Studio does not reach {url}: {reason}", REACHABLE)
    return Check.good("ML backend", f"Label Studio reaches {url}, its network guard lets it")


def _webhook(webhooks: list[dict[str, Any]], secret: SecretStr) -> Check:
    if len(webhooks) != 1:
        return Check.broken("webhook", f"{len(webhooks)} webhooks to the backend, one is needed", RECONNECT)
    webhook = webhooks[0]
    given = set(webhook.get("actions", ()))
    signs = {
        "is switched off": not webhook.get("is_active"),
        "sends no payload": not webhook.get("send_payload"),
        "lacks the secret": webhook.get("headers", {}).get(SECRET_HEADER) != secret.get_secret_value(),
        "lacks actions": not webhook.get("send_for_all_actions") and not given.issuperset(ACTIONS),
    }
    wrong = [what for what, is_so in signs.items() if is_so]
    if wrong:
        return Check.broken("webhook", f"it {', '.join(wrong)}", RECONNECT)
    return Check.good("webhook", "carries the secret, and is sent what we need")


def _orphans(orphans: list[dict[str, Any]]) -> Check:
    if not orphans:
        return Check.good("orphan webhooks", "none")
    urls = ", ".join(str(each.get("url")) for each in orphans)
    detail = f"{len(orphans)} to backends that are gone ({urls}): each adds up to 1 s to every Submit"
    return Check.broken("orphan webhooks", detail, "Delete them in the project's Settings > Webhooks.")


def _queue(project: dict[str, Any], backends: list[dict[str, Any]], published: Published) -> Check:
    version = published.version
    if not published.left:
        return Check.good("queue", "all answered: nothing is left to order")
    if not published.suggested:
        return Check.good("queue", f"{published.left} images are left, of which {version} knows none")
    current, sampling = str(project.get("model_version")), str(project.get("sampling"))
    titles = [str(each.get("title")) for each in backends]
    if current != version or sampling != UNCERTAINTY:
        detail = f"ordered by {sampling} of {current!r} and not by {UNCERTAINTY} of {version!r}"
        return Check.broken("queue", detail, "Run `onetag train` to publish a version.")
    if titles != [version]:
        detail = f"the backend's title is {', '.join(titles) or 'missing'} and not {version}"
        return Check.broken("queue", f"{detail}: tasks without suggestions do not ask for them", RECONNECT)
    return Check.good("queue", f"most useful first, by {version}")


def _broken(name: str, error: OnetagError) -> Check:
    """A check that failed with an error."""
    return Check.broken(name, error.problem, error.fix)
