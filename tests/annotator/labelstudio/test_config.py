"""Label configs: written for Label Studio, read back, and refused with the way out."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree as Xml

import pytest

from annotator.errors import OnetagError
from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import build_config, parse_config
from annotator.labelstudio.controls import Role
from annotator.labelstudio.predictions import prediction

HARD_NAMES = (
    'a "quoted" & <tagged>',
    "it's",
    "日本語",
    "ελληνικά",
    "مرحبا",
    "naïve",
    "a / b",
    "</Choices><View/>",
    "cat😀",
    "Cat",
    "cat",
)


@pytest.mark.parametrize(
    ("labels", "kind", "below"),
    [
        (("cat",), "choices", "choices"),
        (HARD_NAMES, "choices", "choices"),
        (tuple(f"label {n}" for n in range(60)), "choices", "choices"),
        (tuple(f"label {n}" for n in range(61)), "choices", "taxonomy"),
        (tuple(f"label {n}" for n in range(1000)), "choices", "taxonomy"),
        (tuple(f"label {n}" for n in range(1001)), "taxonomy", "taxonomy"),
    ],
    ids=["one", "hard names", "60", "61", "1000", "1001"],
)
def test_a_config_is_read_back_as_it_was_meant(labels: tuple[str, ...], kind: str, below: str) -> None:
    config = parse_config(build_config(labels))
    assert (config.labels, config.image_field, config.kind) == (labels, "image", kind)
    assert (config.control.role, config.review) == (Role.ONE, "review")
    assert config.ticks == config.suggested
    assert config.suggested is not None
    assert (config.suggested.labels, config.suggested.kind) == (labels, below)
    assert config.about is not None
    assert (config.about.labels, config.about.kind) == (
        labels,
        "choices" if len(labels) <= 60 else "textarea",
    )
    assert config.asks


def test_the_field_of_the_image_can_be_another() -> None:
    assert parse_config(build_config(["cat"], image_field="photo")).image_field == "photo"


def test_names_are_compared_composed_and_without_stray_spaces() -> None:
    assert parse_config(build_config([" cafe\u0301  noir "])).labels == ("caf\u00e9 noir",)


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ([], "no labels"),
        (["cat", " "], "no name"),
        (["cat", "dog", "cat"], "named twice: cat"),
        (["caf\u00e9", "cafe\u0301"], "named twice"),
        (["cat\x00"], "control characters"),
        (["$100"], "leading \\$"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(labels: list[str], told: str) -> None:
    with pytest.raises(OnetagError, match=told):
        build_config(labels)


def without(control: str) -> str:
    root = Xml.fromstring(build_config(["cat", "dog"]))
    for parent in root.iter():
        for child in list(parent):
            if child.get("name") == control:
                parent.remove(child)
    return Xml.tostring(root, encoding="unicode")


def test_a_missing_image_is_named() -> None:
    with pytest.raises(OnetagError, match='lacks <Image name="image"'):
        parse_config(without("image"))


def test_of_our_controls_those_that_are_there_are_used() -> None:
    bare = parse_config(without("suggested"))
    assert (bare.control.name, bare.control.role, bare.ticks) == ("label", Role.ONE, None)
    assert parse_config(without("review")).review is None
    plain = parse_config(without("label"))
    assert (plain.control.name, plain.control.role) == ("suggested", Role.MANY)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('choice="multiple"', 'choice="single"', "Several controls could hold the labels"),
        ('value="$image"', 'value="image"', 'name="image"'),
        ('value="All labels marked"', 'value="Done"', "lacks the choice All labels marked"),
        ('<Choice value="dog" hotkey="2" />', "", "differ in dog"),
        ('value="dog"', 'value="cat"', "twice"),
        ('value="dog"', "", "without a value"),
        ("<Image", "<Video", 'name="image"'),
        ("</View>", "", "is not XML"),
    ],
)
def test_a_control_that_was_edited_into_uselessness_is_told(old: str, new: str, told: str) -> None:
    whole = build_config(["cat", "dog"])
    assert old in whole
    edited = whole.replace(old, new, 2 if "dog" not in old else 1)
    with pytest.raises(OnetagError, match=told):
        parse_config(edited)


def test_nested_choices_are_refused() -> None:
    nested = build_config(["cat"]).replace(
        '<Choice value="cat" hotkey="1" />', '<Choice value="pet"><Choice value="cat"/></Choice>'
    )
    with pytest.raises(OnetagError, match="one level"):
        parse_config(nested)


def test_an_alias_is_how_results_write_a_label() -> None:
    config = parse_config(build_config(["cat"]).replace('value="cat"', 'value="Katze" alias="cat"'))
    assert config.labels == ("Katze",)
    assert config.control.written == {"Katze": ("cat",)}
    assert config.control.label_of(["cat"]) == config.control.label_of(["Katze"]) == "Katze"


@pytest.mark.parametrize("xml", ["", "<View", "nonsense", '<!DOCTYPE x [<!ENTITY a "b">]><View>&a;</View>'])
def test_what_is_no_config_is_refused(xml: str) -> None:
    with pytest.raises(OnetagError):
        parse_config(xml)


@pytest.mark.studio
@pytest.mark.parametrize("count", [1, len(HARD_NAMES), 500])
def test_label_studio_takes_the_config_and_its_predictions(
    studio: Studio, new_studio_project: Callable[..., int], count: int
) -> None:
    labels = HARD_NAMES if count == len(HARD_NAMES) else tuple(f"label {n}" for n in range(count))
    config = build_config(labels)
    project = new_studio_project(labels, uris=("data:,x",))
    studio.validate_config(project, config)
    assert parse_config(studio.project(project)["label_config"]).labels == labels
    ticks = parse_config(config).ticks
    task = next(studio.tasks(project))["id"]
    assert studio.push_predictions(project, [prediction(labels, "v1", 0.5, ticks, task=task)]) == 1
