"""Which image a name in a file means, and when it is better to say that it could be several."""

from __future__ import annotations

import base64

import pytest

from annotator.exchange.importing.matching import ImageIndex, Match, parts_of


def resolved(uri: str) -> str:
    return f"/tasks/7/resolve/?fileuri={base64.urlsafe_b64encode(uri.encode()).decode()}"


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("a.jpg", ("a.jpg",)),
        ("./x//a.jpg", ("x", "a.jpg")),
        (" C:\\photos\\a.jpg ", ("C:", "photos", "a.jpg")),
        ("100%.jpg?", ("100%.jpg?",)),
        ("/data/local-files/?d=pets/x/a%20b.jpg", ("pets", "x", "a b.jpg")),
        ("/data/upload/7/0a1b2c3d-a.jpg", ("a.jpg",)),
        ("/ls/data/upload/7/a.jpg", ("ls", "data", "upload", "7", "a.jpg")),
        ("https://host/ls/data/upload/7/0a1b2c3d-a%2Bb.jpg", ("a+b.jpg",)),
        ("s3://bucket/x/a.jpg", ("bucket", "x", "a.jpg")),
        ("gs://bucket/a.jpg", ("bucket", "a.jpg")),
        ("https://host:1/x/a.jpg?X-Amz-Signature=s#f", ("x", "a.jpg")),
        (resolved("s3://bucket/x/a.jpg"), ("bucket", "x", "a.jpg")),
        ("/tasks/7/resolve/?fileuri=%%%", ()),
        ("data:image/png;base64,AAAA", ()),
        ("http://[bad/a.jpg", ("http:", "[bad", "a.jpg")),
        ("", ()),
    ],
)
def test_the_path_of_an_address(address: str, path: tuple[str, ...]) -> None:
    assert parts_of(address) == path


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("one/a.jpg", 0),
        ("/home/me/set/one/a.jpg", 0),
        ("./two/a.jpg", 1),
        ("b.jpg", 2),
        ("other/place/b.jpg", 2),
        ("b", 2),
        ("na\u00efve.jpg", 3),
        ("nai\u0308ve.jpg", 3),
        ("c.jpg", None),
        ("B.jpg", None),
        ("", None),
    ],
)
def test_names_and_paths(name: str, image: int | None) -> None:
    index = ImageIndex(["one/a.jpg", "two/a.jpg", "two/deep/b.jpg", "nai\u0308ve.jpg"])
    assert index.find(name) == Match(image)


@pytest.mark.parametrize("name", ["a.jpg", "three/a.jpg", "a"])
def test_a_name_that_could_be_two_images_is_neither(name: str) -> None:
    assert ImageIndex(["one/a.jpg", "two/a.jpg"]).find(name) == Match(several=True)


def test_a_name_means_the_image_at_the_top_before_one_further_down() -> None:
    index = ImageIndex(["/data/local-files/?d=pets/a.jpg", "/data/local-files/?d=pets/more/a.jpg"])
    assert index.find("a.jpg") == Match(0)
    assert index.find("more/a.jpg") == Match(1)


def test_the_very_address_is_meant_before_any_path() -> None:
    addresses = ["/data/upload/7/00000000-a.jpg", "/data/upload/7/11111111-a.jpg"]
    index = ImageIndex(addresses)
    assert index.find("a.jpg") == Match(several=True)
    assert [index.find(address) for address in addresses] == [Match(0), Match(1)]


def test_two_tasks_of_one_address_are_told_as_several() -> None:
    assert ImageIndex(["a.jpg", "a.jpg"]).find("a.jpg") == Match(several=True)


def test_names_of_one_image_in_two_folders_are_two_images() -> None:
    index = ImageIndex(["val/1.jpg", "2.jpg"])
    assert index.agreeing(0, ["train/1.jpg", "val/1.jpg"]) == ["val/1.jpg"]
    assert index.agreeing(0, ["train/1.jpg", "test/1.jpg"]) == []
    assert index.agreeing(1, ["train/2.jpg", "val/2.jpg"]) == []
    assert index.agreeing(1, ["/a/train/2.jpg", "train/2.jpg", "2.jpg"]) == [
        "/a/train/2.jpg",
        "train/2.jpg",
        "2.jpg",
    ]


def test_an_index_without_images_finds_nothing() -> None:
    assert ImageIndex([]).find("a.jpg") == Match()
    assert len(ImageIndex([])) == 0
