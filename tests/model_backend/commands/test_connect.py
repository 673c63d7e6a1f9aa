"""`onetag connect` on projects of other people: what it asks, what it mends, and what it leaves alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from annotator.backend_url import page_url
from annotator.labelstudio.choosing import Wanted
from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import build_config
from annotator.labelstudio.health import Check
from annotator.settings import Settings, load_settings
from annotator.store.states import Unticked
from model_backend.commands.connect import Request, backend, kept, link
from model_backend.stack.label_studio import LabelStudioProcess
from tests.free_ports import free_port
from tests.strangers import stranger

pytestmark = pytest.mark.studio

PETS = '<Choice value="Cat" alias="c" hint="meows"/><Choice value="Dog" alias="d"/>'
QUALITY = '<Choices name="quality" toName="img"><Choice value="good"/><Choice value="bad"/></Choices>'
CASE = (
    '<View><Image name="img" value="$image"/>'
    f'<Choices name="choice" toName="img">{PETS}</Choices>{QUALITY}</View>'
)
MANY = CASE.replace('name="choice" toName="img"', 'name="choice" toName="img" choice="multiple"')


def region(*written: str, control: str = "choice") -> dict[str, Any]:
    return {"from_name": control, "to_name": "img", "type": "choices", "value": {"choices": list(written)}}


@pytest.fixture
def settings(label_studio: LabelStudioProcess, tmp_path: Path) -> Settings:
    """An empty data folder, and no backend: what connect does before it looks for one."""
    return Settings(
        data_dir=tmp_path,
        port=free_port(),
        label_studio_url=label_studio.url,
        label_studio_token=label_studio.credentials.token,
    )


@pytest.fixture
def connect(settings: Settings) -> Callable[..., dict[str, Check]]:
    """`link` with what the flags say; the checks by name."""

    def run(project: int, wanted: Wanted = Wanted(), **more: Any) -> dict[str, Check]:  # noqa: B008 (frozen)
        request = replace(Request(project, wanted=wanted), **more)
        return {check.name: check for check in link(settings, request)}

    return run


@pytest.fixture
def answered(studio: Studio, new_studio_project: Callable[..., int]) -> Callable[..., int]:
    """A function that makes a project with one answered task."""

    def make(xml: str, *regions: dict[str, Any]) -> int:
        project = new_studio_project(label_config=xml)
        studio.import_tasks(project, [{"data": {"image": "data:,1"}}, {"data": {"image": "data:,2"}}])
        studio.annotate(next(studio.tasks(project))["id"], regions)
        return project

    return make


def test_where_people_reach_the_page_is_kept_for_the_worker(settings: Settings) -> None:
    given = load_settings(
        **settings.model_dump(include=set(settings.given)), address="https://onetag.example.org/"
    )
    kept(given, "http://studio.test", "t", "http://server:9090/")
    worker = load_settings(data_dir=settings.data_dir)
    assert worker.address == "https://onetag.example.org"
    assert page_url(worker) == "https://onetag.example.org/page"
    kept(worker, "http://studio.test", "t", None)
    assert load_settings(data_dir=settings.data_dir).address == "https://onetag.example.org", "it stays"


def test_where_nobody_can_be_asked_the_controls_are_listed(
    connect: Callable[..., dict[str, Check]], answered: Callable[..., int]
) -> None:
    found = connect(answered(CASE, region("c")))["label config"]
    assert not found.ok
    assert "choice (<Choices>: Cat, Dog); quality (<Choices>: good, bad)" in found.detail
    assert "--control NAME" in found.fix


def test_of_a_config_without_labels_what_it_has_is_listed(
    connect: Callable[..., dict[str, Check]], new_studio_project: Callable[..., int]
) -> None:
    xml = '<View><Image name="img" value="$image"/><Rating name="stars" toName="img"/></View>'
    found = connect(new_studio_project(label_config=xml))["label config"]
    assert "<Rating name='stars'>" in found.detail
    assert "--fix-config" in found.fix


def test_ours_come_beside_and_no_control_alias_hint_or_answer_is_lost(
    connect: Callable[..., dict[str, Check]], answered: Callable[..., int], studio: Studio
) -> None:
    project = answered(CASE, region("c"), region("good", control="quality"))
    asked = {"wanted": Wanted("choice"), "fix_config": True}
    shown = connect(project, dry_run=True, **asked)
    assert all(check.ok for check in shown.values())
    assert "2 labels in 'choice' (choices: one label)" in shown["label config"].detail
    assert "they say 1 times present" in shown["answers"].detail
    assert shown["  Cat"].detail == "1 present, 0 absent"
    assert studio.project(project)["label_config"] == CASE, "a dry run writes nothing"

    connect(project, **asked)
    config = studio.project(project)["label_config"]
    assert [config.count(f'name="{name}"') for name in ("choice", "quality", "suggested", "review")] == [
        1
    ] * 4
    assert config.count('alias="c"') == config.count('hint="meows"') == 2
    assert "good" not in config.partition('name="suggested"')[2]
    (made,) = studio.task(next(studio.tasks(project))["id"])["annotations"]
    assert [each["value"] for each in made["result"]] == [{"choices": ["c"]}, {"choices": ["good"]}]
    again = studio.project(project)["label_config"]
    connect(project, **asked)
    assert studio.project(project)["label_config"] == again, "done again, nothing changes"


def test_answers_of_a_control_for_all_that_apply_count_on_beside_ours(
    connect: Callable[..., dict[str, Check]], answered: Callable[..., int]
) -> None:
    project = answered(MANY, region("c"))
    wanted = Wanted("choice", unticked=Unticked.ABSENT)
    shown = connect(project, wanted, fix_config=True, dry_run=True)
    assert "answers in 'choice' count as well" in shown["label config"].detail
    assert "1 times present and 1 times absent (1 imported, 1 complete)" in shown["answers"].detail


def test_a_label_added_to_one_of_our_controls_comes_into_all(
    connect: Callable[..., dict[str, Check]], new_studio_project: Callable[..., int], studio: Studio
) -> None:
    ours = build_config(["cat", "dog"])
    edited = ours.replace(
        '<Choice value="dog" hotkey="2" />', '<Choice value="dog"/><Choice value="tree"/>', 1
    )
    project = new_studio_project(label_config=edited)
    assert "differ in tree" in connect(project)["label config"].detail
    connect(project, fix_config=True)
    config = studio.project(project)["label_config"]
    assert config.count('value="tree"') == 3  # the labels, the suggestions, and what a question is about
    assert config.count("Suggestions checked") == config.count("All labels marked") == 1


def test_an_answer_that_no_label_fits_is_shown_and_stands_in_nobodys_way(
    connect: Callable[..., dict[str, Check]], answered: Callable[..., int], studio: Studio
) -> None:
    project = answered(CASE, region("zebra"))
    shown = connect(project, Wanted("choice"), dry_run=True)
    assert "1 answers name what is no label of the project: zebra" in shown["not used"].detail
    assert "0 of 0 images" in shown["answers"].detail
    assert "label config" not in connect(project, Wanted("choice"), fix_config=True)
    assert 'name="suggested"' in studio.project(project)["label_config"]
    (made,) = studio.task(next(studio.tasks(project))["id"])["annotations"]
    assert made["result"][0]["value"] == {"choices": ["zebra"]}


def test_a_refusal_of_label_studio_is_passed_on_and_nothing_is_changed(
    connect: Callable[..., dict[str, Check]],
    answered: Callable[..., int],
    studio: Studio,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = answered(MANY, region("c"))
    # What drops a control with answers is refused: as if ours were put in its place.
    monkeypatch.setattr("model_backend.commands.connect.mended", lambda *_asked: build_config(["Cat", "Dog"]))
    refused = connect(project, Wanted("choice"), fix_config=True)["label config"]
    assert "Nothing was changed" in refused.detail
    assert "from_name=choice" in refused.detail
    assert studio.project(project)["label_config"] == MANY


@pytest.mark.parametrize("answer", [HTTPStatus.NOT_FOUND, HTTPStatus.UNAUTHORIZED])
def test_another_backend_on_the_usual_port_is_not_ours(tmp_path: Path, answer: HTTPStatus) -> None:
    ours = Settings(data_dir=tmp_path, port=free_port(), secret=SecretStr("s3cret"))
    (nothing,) = backend(ours, patience=0)
    assert "Nothing answers" in nothing.detail
    with stranger(ours.port, answer):
        (other,) = backend(ours, patience=0)
    assert "does not take the secret" in other.detail
    assert "--port" in other.fix
    assert "s3cret" not in repr(other)
    with stranger(ours.port, HTTPStatus.OK):
        assert backend(ours) == []


def test_the_command_line_takes_it_all(settings: Settings, answered: Callable[..., int]) -> None:
    project = answered(MANY, region("c", "d"))
    flags = ["--control", "choice", "--unticked", "absent", "--suggest", "order", "--dry-run", "--json"]
    where = ["--url", str(settings.label_studio_url), "--data-dir", str(settings.data_dir)]
    assert settings.label_studio_token is not None
    token = {"ONETAG_LABEL_STUDIO_TOKEN": settings.label_studio_token.get_secret_value()}
    run = subprocess.run(
        [sys.executable, "-m", "model_backend.cli", "connect", "--project", str(project), *flags, *where],
        capture_output=True,
        text=True,
        env=os.environ | token,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    told = {check["name"]: check["detail"] for check in json.loads(run.stdout)["checks"]}
    assert "what an answer leaves out is absent; suggestions order the queue alone" in told["label config"]
    assert "2 times present" in told["answers"]
    assert not list(settings.data_dir.iterdir())
