"""Our screen is kept as it should be in a real Label Studio: buttons, the way to the page, instructions."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import build_config, parse_config
from annotator.labelstudio.keeping import keep_screen
from annotator.labelstudio.projects import Identity, get_or_create_project
from annotator.labelstudio.reconcile import reconcile
from annotator.labelstudio.screen_before import keys_of, often_in, progress_in
from annotator.labelstudio.untouched import is_untouched
from annotator.store import Project, Store

pytestmark = pytest.mark.studio
PAGE = "https://onetag.example.org/page"
MANY = tuple(f"label {n}" for n in range(70))
CONFIG, TOLD = "label_config", "expert_instruction"


@pytest.fixture
def connected(
    studio: Studio, sqlite_store: Store, new_studio_project: Callable[..., int]
) -> Callable[..., tuple[int, int]]:
    """Makes a project with three images; its numbers in Label Studio and in the store."""

    def make(xml: str) -> tuple[int, int]:
        number = new_studio_project(label_config=xml, uris=("data:,1", "data:,2", "data:,3"))
        with sqlite_store.session() as session:
            made = get_or_create_project(session, studio.url, Identity(number), xml)
            return number, made.id

    return make


def answer(studio: Studio, store: Store, number: int, project: int, *names: str, by: str = "label") -> None:
    """One answer a task."""
    for task, name in zip(studio.tasks(number), names, strict=False):
        region = {
            "from_name": by,
            "to_name": "image",
            "type": "choices",
            "value": {"choices": [name]},
            "origin": "manual",
        }
        studio.annotate(task["id"], [region])
    reconcile(store, studio, project)


def test_what_is_chosen_often_comes_beside_a_long_list_and_stays(
    studio: Studio, sqlite_store: Store, connected: Callable[..., tuple[int, int]]
) -> None:
    number, project = connected(build_config(MANY))
    assert keep_screen(sqlite_store, studio, project, "") == (TOLD,), "nobody has chosen anything yet"
    answer(studio, sqlite_store, number, project, "label 69", "label 69", "label 3")
    assert keep_screen(sqlite_store, studio, project, "") == (CONFIG,)
    there = str(studio.project(number)[CONFIG])
    assert often_in(there) == ("label 69",)
    assert is_untouched(there)
    assert parse_config(there).labels == MANY
    with sqlite_store.reading() as session:
        assert session.get_one(Project, project).label_config == there
    assert keep_screen(sqlite_store, studio, project, "") == (), "nothing is written without need"

    answer(studio, sqlite_store, number, project, "label 3")
    keep_screen(sqlite_store, studio, project, "")
    after = str(studio.project(number)[CONFIG])
    assert often_in(after) == ("label 69", "label 3")
    assert keys_of(after) == {"label 69": "1", "label 3": "2"}, "the key of the first did not move"


def test_the_way_to_the_page_follows_its_address(
    studio: Studio, sqlite_store: Store, connected: Callable[..., tuple[int, int]]
) -> None:
    number, project = connected(build_config(["cat", "dog"]))
    assert keep_screen(sqlite_store, studio, project, PAGE) == (CONFIG, TOLD)
    there = studio.project(number)
    assert progress_in(there[CONFIG]) == f"{PAGE}/p{project}/"
    assert f'href="{PAGE}/p{project}/"' in there[TOLD]
    assert keep_screen(sqlite_store, studio, project, PAGE) == ()
    assert keep_screen(sqlite_store, studio, project, "http://10.0.0.7:9090/page") == (CONFIG, TOLD)
    assert progress_in(studio.project(number)[CONFIG]).startswith("http://10.0.0.7:9090/")
    keep_screen(sqlite_store, studio, project, "")
    gone = studio.project(number)
    assert progress_in(gone[CONFIG]) == ""
    assert "href" not in gone[TOLD]


def test_a_screen_that_somebody_edited_stays_and_its_instructions_tell_the_way(
    studio: Studio, sqlite_store: Store, connected: Callable[..., tuple[int, int]]
) -> None:
    edited = build_config(["cat", "dog"]).replace("Choose one thing", "Choose one animal")
    number, project = connected(edited)
    assert keep_screen(sqlite_store, studio, project, PAGE) == (TOLD,)
    assert studio.project(number)[CONFIG] == edited


def test_another_label_config_and_its_instructions_are_left_alone(
    studio: Studio, sqlite_store: Store, connected: Callable[..., tuple[int, int]]
) -> None:
    other = (
        '<View><Image name="image" value="$image"/>'
        '<Choices name="c" toName="image"><Choice value="cat"/></Choices></View>'
    )
    number, project = connected(other)
    assert keep_screen(sqlite_store, studio, project, PAGE) == ()
    assert not studio.project(number)[TOLD]
