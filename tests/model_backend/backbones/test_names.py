"""What a label's name means to a network that knows ImageNet's classes, written down by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from timm.data.imagenet_info import ImageNetInfo

from model_backend.backbones.names import CLASSES, TABLE, Names, normal, singulars


@pytest.fixture(scope="module")
def names() -> Names:
    return Names()


def test_the_table_has_the_classes_in_the_networks_order() -> None:
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    offsets = [line.partition("\t")[0] for line in lines if not line.startswith("#")]
    info = ImageNetInfo("imagenet-1k")
    assert offsets[:CLASSES] == [info.index_to_label_name(index)[1:] for index in range(CLASSES)]
    assert len(offsets) == len(set(offsets))


def test_the_table_carries_the_notice_that_its_licence_asks_for() -> None:
    head = TABLE.read_text(encoding="utf-8").partition("01440764")[0]
    assert "WordNet 3.0 Copyright 2006 by Princeton University" in head
    assert "THIS SOFTWARE AND DATABASE IS PROVIDED" in head


@pytest.mark.parametrize(
    ("label", "classes"),
    [
        ("tench", {0}),
        ("traffic light", {920}),
        ("Traffic_Light", {920}),
        ("traffic-lights", {920}),
        ("airplane", {404}),
        ("aeroplanes", {404}),
        ("horse", {339}),  # a sorrel
        ("bus", {654, 779, 874}),  # mini, school, trolley
        ("buses", {654, 779, 874}),
        ("elephant", {385, 386}),
        ("mobile-home", {660}),
        ("Mouse", {673}),  # no class is the animal
        ("crane", {517}),  # the machine: WordNet's fourth sense, the bird is its fifth
        ("dining tables", {532}),
        ("cell phone", {487}),  # WordNet writes it as one word
    ],
)
def test_a_label_means_the_classes_that_are_it_or_kinds_of_it(
    names: Names, label: str, classes: set[int]
) -> None:
    assert set(names.classes(label)) == classes


def test_a_dog_is_the_dogs_and_no_wolf(names: Names) -> None:
    dogs = names.classes("dog")
    assert dogs == tuple(range(151, 269))  # the last are wolves, foxes and cats
    assert set(dogs) < set(names.classes("canine"))


def test_a_name_of_several_words_falls_back_on_its_last(names: Names) -> None:
    assert names.classes("stop sign") == (919,)
    assert names.classes("my neighbour's dog") == names.classes("dog")


@pytest.mark.parametrize(
    "label", ["person", "people", "runway", "bare-soil", "artifact", "entity", "", "??", "猫"]
)
def test_a_name_that_says_too_little_does_not_map(names: Names, label: str) -> None:
    assert names.classes(label) == ()


def test_a_name_must_not_cover_too_many_classes_nor_too_few_of_its_kinds(tmp_path: Path) -> None:
    rows = [f"{place}\tclass_{place}#1\t{'half' if place < 500 else 'more'}\t1" for place in range(CLASSES)]
    rows += ["half\thalf#1\t\t50000", "more\tmore#1\t\t50001", "rare\trare#1\t\t1"]
    rows[0] = "0\tfirst#2\thalf more\t1"  # 500 of the classes, and 501 of them
    table = tmp_path / "table.tsv"
    table.write_text("# a comment\n" + "\n".join(rows), encoding="utf-8")
    found = Names(table)
    assert found.classes("half") == tuple(range(500))
    assert found.classes("more") == ()
    assert found.classes("rare") == ()
    assert found.classes("FIRST") == (0,)
    rows[500] = "500\tclass_500#1\t\t1"  # now 500, of 50,001 kinds: fewer than one in a hundred
    table.write_text("\n".join(rows), encoding="utf-8")
    assert Names(table).classes("more") == ()


def test_the_most_frequent_sense_counts_that_is_known(tmp_path: Path) -> None:
    rows = [f"{place}\tclass_{place}#1\t\t1" for place in range(CLASSES)]
    rows[7], rows[8] = "7\tbank#3\t\t1", "8\tbank#2\t\t1"
    table = tmp_path / "table.tsv"
    table.write_text("\n".join(rows), encoding="utf-8")
    assert Names(table).classes("bank") == (8,)


def test_names_are_compared_without_case_and_signs() -> None:
    assert normal("  Traffic__LIGHT ") == "traffic light"
    assert normal("Jack-o'-lantern") == "jack o lantern"


@pytest.mark.parametrize(
    ("plural", "singular"),
    [
        ("dogs", "dog"),
        ("buses", "bus"),
        ("boxes", "box"),
        ("benches", "bench"),
        ("ponies", "pony"),
        ("men", "man"),
    ],
)
def test_plurals_lose_their_ending_and_nothing_else_is_one(plural: str, singular: str) -> None:
    assert singular in singulars(plural)
    assert singulars(plural)[0] == plural
    assert singulars("cat") == ["cat"]
