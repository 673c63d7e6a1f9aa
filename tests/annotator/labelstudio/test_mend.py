"""Our controls come beside what a label config has, and nothing of it is lost."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree as Xml

import pytest

from annotator.errors import OnetagError
from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import Chosen, build_config, parse_config
from annotator.labelstudio.controls import Role
from annotator.labelstudio.errors import LabelStudioRefused
from annotator.labelstudio.mend import mended
from tests.annotator.labelstudio.test_screen import EARLIER

PETS = '<Choice value="Cat" alias="c" hint="meows"/><Choice value="Dog" alias="d"/>'
QUALITY = '<Choices name="quality" toName="img"><Choice value="good"/><Choice value="bad"/></Choices>'
TWO_CONTROLS = (
    '<View><!-- ours --><Image name="img" value="$image"/>'
    f'<Choices name="choice" toName="img"{{more}}>{PETS}</Choices>{QUALITY}</View>'
)
TEXTS = '<Text name="t" value="$t"/><Choices name="c" toName="t"><Choice value="a"/></Choices>'
SINGLE, MANY = TWO_CONTROLS.format(more=""), TWO_CONTROLS.format(more=' choice="multiple"')


def names(xml: str) -> list[str]:
    return [each.get("name", "") for each in Xml.fromstring(xml).iter() if each.get("name")]


def test_the_labels_of_one_control_with_their_aliases_and_the_other_control_is_left_alone() -> None:
    xml = mended(SINGLE, "choice")
    config = parse_config(xml, Chosen("choice"))
    assert config.labels == ("Cat", "Dog")
    assert config.control.name == "choice", "it asks for one label already"
    assert config.suggested is not None
    assert config.suggested.written == {"Cat": ("c",), "Dog": ("d",)}
    assert config.review == "review"
    assert names(xml)[:3] == ["img", "choice", "quality"]
    assert xml.count('hint="meows"') == 2
    assert "<!-- ours -->" in xml
    quality = next(each for each in Xml.fromstring(xml).iter() if each.get("name") == "quality")
    assert [each.get("value") for each in quality] == ["good", "bad"]


def test_beside_a_control_that_asks_for_all_ours_ask_for_one_and_its_answers_count_on() -> None:
    config = parse_config(mended(MANY, "choice"), Chosen("choice"))
    assert (config.control.name, config.control.role) == ("label", Role.ONE)
    assert config.control.written == {"Cat": ("c",), "Dog": ("d",)}
    assert config.earlier is not None
    assert (config.earlier.name, config.earlier.role) == ("choice", Role.MANY)


def test_which_control_is_asked_when_there_are_several() -> None:
    with pytest.raises(OnetagError, match=r"choice .*Cat, Dog.*; quality .*good, bad"):
        mended(SINGLE)


def test_a_label_that_was_added_to_one_of_our_controls_comes_into_both_and_nothing_else() -> None:
    ours = build_config(["cat", "dog"])
    added = '<Choice value="dog" hotkey="2" /><Choice value="tree" alias="t" hint="green"/>'
    edited = ours.replace('<Choice value="dog" hotkey="2" />', added, 1)
    assert edited != ours
    with pytest.raises(OnetagError, match="differ in tree"):
        parse_config(edited)
    config = parse_config(mended(edited))
    assert config.labels == ("cat", "dog", "tree")
    assert config.suggested is not None
    assert config.suggested.written == config.control.written
    assert config.control.written["tree"] == ("t",)


@pytest.mark.parametrize("count", [2, 61])
def test_an_edited_screen_of_ours_gets_labels_wherever_it_lists_them(count: int) -> None:
    labels = [f"label {number}" for number in range(count)]
    edited = build_config(labels).replace("Choose one thing", "Choose one animal", 1)
    config = parse_config(mended(edited, None, [*labels, "bird"]))
    assert config.asks
    assert config.labels == (*labels, "bird")
    assert config.suggested is not None
    assert config.suggested.labels == config.labels
    given = [each.get("hotkey") for each in Xml.fromstring(mended(edited, None, ["bird"])).iter("Choice")]
    keys = [key for key in given if key]
    assert len(set(keys)) == len(keys)
    assert len(keys) == len(given) if count == 2 else keys


def test_the_screen_of_version_01_becomes_that_of_today() -> None:
    assert mended(EARLIER) == build_config(["cat", "yak"], before=EARLIER)
    assert parse_config(mended(EARLIER, None, ["cat", "yak", "ant"])).labels == ("cat", "yak", "ant")


def test_a_config_that_has_our_controls_stays_as_it_was() -> None:
    ours = build_config(["cat", "dog"])
    assert parse_config(mended(ours)) == parse_config(ours)
    assert names(mended(ours)) == names(ours)


def test_labels_that_are_named_besides_are_added_to_both() -> None:
    config = parse_config(mended(build_config(["cat"]), None, ["cat", "bird"]))
    assert config.labels == ("cat", "bird")


def test_a_choice_that_the_review_lost_comes_back() -> None:
    lost = build_config(["cat"]).replace('<Choice value="All labels marked" />', "")
    assert parse_config(mended(lost)).review == "review"


def test_names_that_are_taken_are_not_taken_twice() -> None:
    boxes = (
        '<RectangleLabels name="label" toName="img"><Label value="Car" background="red"/></RectangleLabels>'
    )
    xml = mended(f'<View><Image name="img" value="$photo"/>{boxes}</View>')
    assert len(names(xml)) == len(set(names(xml)))
    config = parse_config(xml, Chosen("label"))
    assert (config.control.name, config.image_field) == ("onetag_label", "photo")
    assert config.earlier is not None
    assert config.earlier.role is Role.REGIONS


def test_a_nested_taxonomy_stays_nested() -> None:
    tree = '<Choice value="animal"><Choice value="cat" alias="c"/></Choice><Choice value="tree"/>'
    control = f'<Taxonomy name="kinds" toName="img" leafsOnly="true">{tree}</Taxonomy>'
    config = parse_config(
        mended(f'<View><Image name="img" value="$image"/>{control}</View>'), Chosen("kinds")
    )
    assert config.control.name == "label"
    assert config.control.written == {"animal / cat": ("animal", "c"), "tree": ("tree",)}


def test_an_empty_config_gets_ours_for_the_labels_named() -> None:
    assert parse_config(mended("<View/>", None, ["x"])).labels == ("x",)
    with pytest.raises(OnetagError, match="--labels"):
        mended("<View/>")
    with pytest.raises(OnetagError, match="--labels"):
        mended('<View><Image name="img" value="$image"/></View>')
    with pytest.raises(OnetagError, match="no image"):
        mended(f"<View>{TEXTS}</View>")


@pytest.mark.studio
@pytest.mark.parametrize("xml", [SINGLE, MANY])
def test_label_studio_takes_ours_beside_a_control_with_answers(
    studio: Studio, new_studio_project: Callable[..., int], xml: str
) -> None:
    project = new_studio_project(label_config=xml)
    studio.import_tasks(project, [{"data": {"image": "data:,x"}}])
    task = next(studio.tasks(project))["id"]
    region = {"from_name": "choice", "to_name": "img", "type": "choices", "value": {"choices": ["c"]}}
    studio.annotate(task, [region])
    dropped = xml.replace('name="choice"', 'name="other"')
    with pytest.raises(LabelStudioRefused, match="400"):
        studio.update_project(project, label_config=dropped)
    studio.update_project(project, label_config=mended(xml, "choice"))
    there = parse_config(studio.project(project)["label_config"], Chosen("choice"))
    assert there.labels == ("Cat", "Dog")
    assert studio.task(task)["annotations"][0]["result"][0]["value"] == {"choices": ["c"]}


@pytest.mark.studio
def test_label_studio_takes_the_screen_of_today_in_place_of_an_answered_one_of_version_01(
    studio: Studio, new_studio_project: Callable[..., int]
) -> None:
    project = new_studio_project(label_config=EARLIER)
    studio.import_tasks(project, [{"data": {"image": "data:,x"}}])
    task = next(studio.tasks(project))["id"]
    answers = {"label": "yak", "suggested": "cat", "review": "All labels marked"}
    said = [
        {"from_name": name, "to_name": "image", "type": "choices", "value": {"choices": [value]}}
        for name, value in answers.items()
    ]
    studio.annotate(task, said)
    studio.update_project(project, label_config=mended(EARLIER))
    assert parse_config(studio.project(project)["label_config"]).asks
    kept = studio.task(task)["annotations"][0]["result"]
    assert [each["value"]["choices"] for each in kept] == [[value] for value in answers.values()]
