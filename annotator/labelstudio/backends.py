"""Tying a project of Label Studio to this backend, once however often it is done, and untying it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from annotator.labelstudio.errors import LabelStudioRefused
from annotator.labelstudio.http import Http

Json = dict[str, Any]

SECRET_HEADER = "X-Onetag-Secret"  # noqa: S105 (a header's name)
BACKEND_USER = "onetag"
BACKEND_TITLE = "onetag"  # until there is a version, whose name it then bears
ACTIONS = (
    "ANNOTATION_CREATED",
    "ANNOTATIONS_CREATED",
    "ANNOTATION_UPDATED",
    "ANNOTATIONS_DELETED",
    "TASKS_CREATED",
    "TASKS_DELETED",
    "PROJECT_UPDATED",
)


@dataclass(frozen=True)
class Connection:
    """What ties a project to this backend: the numbers of the ML backend and of its webhook."""

    backend: int
    webhook: int


class Backends:
    """The part of Label Studio's API that is about ML backends and webhooks."""

    http: Http

    def backends(self, project: int) -> list[Json]:
        """The ML backends of a project."""
        return list(self.http.get("/api/ml", project=project))

    def backend(self, backend: int) -> Json:
        """One ML backend; Label Studio asks it for health and setup, and gives the `state` it found."""
        return dict(self.http.get(f"/api/ml/{backend}"))

    def webhooks(self, project: int) -> list[Json]:
        """The webhooks of a project. Their headers hold secrets: never log them."""
        return list(self.http.get("/api/webhooks/", project=project))

    def connect_backend(self, project: int, url: str, title: str, secret: SecretStr) -> Connection:
        """Tie the backend at `url` to a project, once however often it is called; the backend must be up.

        The webhook comes first, with the secret in its header and only the actions that we use: Label Studio
        makes an open one for all actions only if there is none at that address.
        """
        webhook = self._connect_webhook(project, f"{url.rstrip('/')}/webhook", secret)
        return Connection(self.upsert_backend(project, url, title, secret), webhook)

    def upsert_backend(self, project: int, url: str, title: str, secret: SecretStr) -> int:
        """Add the ML backend at `url` or change it, leaving one where there were several; returns its id.

        Label Studio calls /health and /setup.
        Only while `title` is the project's model version does the queue ask /predict for unpredicted tasks.
        Measured: where the old title is the model version, the model version becomes the new title; so give
        the version that is current, or the next one once its predictions are pushed.
        """
        same = [each for each in self.backends(project) if _same(each.get("url"), url)]
        sent = {
            "project": project,
            "url": url.rstrip("/"),
            "title": title,
            "auth_method": "BASIC_AUTH",
            "basic_auth_user": BACKEND_USER,
            "basic_auth_pass": secret.get_secret_value(),
            "is_interactive": False,
        }
        for surplus in same[1:]:
            self.http.request("DELETE", f"/api/ml/{surplus['id']}")
        method, path = ("PATCH", f"/api/ml/{same[0]['id']}") if same else ("POST", "/api/ml")
        try:
            return int(self.http.request(method, path, json=sent)["id"])
        except LabelStudioRefused as error:
            raise _explained(error, url) from None

    def _connect_webhook(self, project: int, url: str, secret: SecretStr) -> int:
        same = [each for each in self.webhooks(project) if _same(each.get("url"), url)]
        sent = {
            "url": url,
            "project": project,
            "headers": {SECRET_HEADER: secret.get_secret_value()},
            "actions": list(ACTIONS),
            "send_payload": True,
            "send_for_all_actions": False,
            "is_active": True,
        }
        for surplus in same[1:]:
            self.http.request("DELETE", f"/api/webhooks/{surplus['id']}/")
        method, path = ("PATCH", f"/api/webhooks/{same[0]['id']}/") if same else ("POST", "/api/webhooks/")
        try:
            return int(self.http.request(method, path, json=sent)["id"])
        except LabelStudioRefused as error:
            raise _explained(error, url) from None

    def orphans(self, project: int) -> list[Json]:
        """Webhooks to a `/webhook` whose ML backend is gone: each adds up to 1 s to every Submit."""
        alive = [f"{str(each.get('url')).rstrip('/')}/webhook" for each in self.backends(project)]
        return [
            each
            for each in self.webhooks(project)
            if str(each.get("url")).endswith("/webhook")
            and not any(_same(each.get("url"), url) for url in alive)
        ]

    def delete_webhook(self, webhook: int) -> None:
        """Delete a webhook."""
        self.http.request("DELETE", f"/api/webhooks/{webhook}/")


def _same(one: Any, other: str) -> bool:
    return str(one).rstrip("/") == other.rstrip("/")


def _explained(error: LabelStudioRefused, url: str) -> LabelStudioRefused:
    """A refusal to connect, with its cause as a person can mend it."""
    text = str(error)
    if "reserved" in text or error.status == 403:
        return LabelStudioRefused(
            f"Label Studio's network guard refuses {url}: it is a private address.",
            "Start Label Studio with LABEL_STUDIO_USE_DEFAULT_BANNED_SUBNETS=false, or give the backend "
            "a public address.",
            error.status,
        )
    if "authentication" in text:
        return LabelStudioRefused(
            f"The backend at {url} refuses the secret.",
            "Give `serve` and `connect` the same ONETAG_SECRET.",
            error.status,
        )
    if "health check" in text:
        return LabelStudioRefused(
            f"Label Studio cannot reach the backend at {url}.",
            "Start `onetag serve`, and give the address as Label Studio sees it.",
            error.status,
        )
    return error
