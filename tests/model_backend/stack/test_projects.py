"""The project that `onetag up` keeps in its own Label Studio has the labels that were asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import Chosen, build_config, parse_config
from annotator.labelstudio.options import renamed
from annotator.store import Project, Store
from model_backend.stack.projects import MARK, ensure_project, kept_as
from tests.annotator.labelstudio.standing import Standing


class Own(Standing):
    """A Label Studio with one project, made by onetag."""

    def projects(self) -> list[dict[str, Any]]:
        return [{"id": 7}]

    def project(self, number: int) -> dict[str, Any]:
        return {**super().project(number), "description": MARK}


def test_a_renamed_label_may_be_named_as_before() -> None:
    config = renamed(build_config(("cat", "dog", "tree")), Chosen(), "dog", "hound")
    own = Own(config)
    assert ensure_project(cast("Studio", own), "Pets", ("cat", "dog", "tree")) == 7
    assert own.label_config == config
    ensure_project(cast("Studio", own), "Pets", ("cat", "dog", "tree", "bird"))
    assert parse_config(own.label_config).labels == ("cat", "hound", "tree", "bird")
    assert parse_config(own.label_config).control.written["hound"] == ("dog",)


def test_the_labels_that_go_are_told_before_they_do() -> None:
    own, told = Own(build_config(("cat", "dog"))), list[Any]()
    ensure_project(cast("Studio", own), "Pets", ("cat",), leave=lambda *gone: told.append(gone))
    assert told == [(7, ["dog"])]
    assert parse_config(own.label_config).labels == ("cat",)


def test_labels_are_those_that_the_names_mean_now() -> None:
    own, asked = Own(build_config(("cat", "hound"))), list[Any]()

    def known_as(number: int, names: Sequence[str]) -> Sequence[str]:
        asked.append((number, tuple(names)))
        return [{"dog": "hound"}.get(name, name) for name in names if name != "archived"]

    ensure_project(cast("Studio", own), "Pets", ("cat", "dog"), ("archived", "bird"), known_as=known_as)
    assert asked == [(7, ("cat", "dog", "archived", "bird"))]
    assert parse_config(own.label_config).labels == ("cat", "hound", "bird")
    ensure_project(cast("Studio", own), "Pets", None, ("dog", "fox"), known_as=known_as)
    assert parse_config(own.label_config).labels == ("cat", "hound", "bird", "fox")


def test_a_project_is_the_one_of_its_own_label_studio(
    sqlite_store: Store, make_project: Callable[..., Project]
) -> None:
    own = cast("Studio", Own(build_config(("cat", "dog"))))
    assert kept_as(sqlite_store, own, 7) is None
    with sqlite_store.session() as session:
        elsewhere = make_project(session, "cat, dog")
        elsewhere.studio_project, elsewhere.studio_url = 7, "http://elsewhere.example"
        ours = make_project(session, "cat, dog")
        ours.studio_project, ours.studio_url = 7, own.url
        session.flush()
        wanted = ours.id
    assert kept_as(sqlite_store, own, 7) == wanted
