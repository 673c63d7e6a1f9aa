"""Where a picture is, read off the address of its task."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest

from annotator.exchange.places import folder_of_images, place_of, without_secrets
from annotator.store import Project, Store, remove_images, sync_images


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("/data/local-files/?d=photos/a.jpg", "a.jpg"),
        ("/data/local-files/?d=photos/caf%C3%A9/b%20c.jpg", "café/b c.jpg"),
        ("/data/local-files/?d=other/a.jpg", "other/a.jpg"),
        ("http://host:8080/ls/data/local-files/?d=photos/a.jpg", "a.jpg"),
        ("/data/upload/7/1a2b3c4d-a.jpg", "upload/7/1a2b3c4d-a.jpg"),
        ("/ls/data/upload/7/a%20b.jpg", "upload/7/a b.jpg"),
        ("s3://bucket/a/b.jpg", "s3://bucket/a/b.jpg"),
        ("gs://bucket/b.jpg", "gs://bucket/b.jpg"),
        ("https://host/pictures?id=5", "https://host/pictures?id=5"),
        ("https://host/a.jpg?X-Amz-Expires=5&X-Amz-Signature=abc", "https://host/a.jpg"),
        ("https://host/a.jpg?%74oken=abc", "https://host/a.jpg"),
        ("https://user:word@host/a.jpg", "https://host/a.jpg"),
        ("plain.jpg", "plain.jpg"),
        ("http://[broken", "http://[broken"),
        ("", ""),
        ("/data/local-files/", "/data/local-files/"),
        ("/tasks/7/resolve/?fileuri=%%%", "/tasks/7/resolve/?fileuri=%%%"),
    ],
)
def test_the_own_place_of_a_picture(address: str, place: str) -> None:
    assert place_of(address, "photos") == place


@pytest.mark.parametrize("start", ["/tasks/12/resolve/?fileuri=", "/ls/projects/3/resolve/?fileuri="])
@pytest.mark.parametrize("own", ["s3://bucket/ä b.jpg", "azure-blob://container/x.png", "gs://b/c?d"])
def test_an_object_of_a_cloud_storage_keeps_its_own_address(start: str, own: str) -> None:
    assert place_of(start + base64.urlsafe_b64encode(own.encode()).decode()) == own
    assert place_of(start + base64.b64encode(own.encode()).decode().rstrip("=")) == own


def test_a_picture_in_the_task_is_named_by_its_digest() -> None:
    address = "data:image/png;base64,iVBORw0KGgo="
    assert place_of(address) == without_secrets(address)
    assert place_of(address).startswith("data:image/png;sha256=")
    assert len(place_of(address)) < 100
    assert place_of("data:,x").startswith("data:;sha256=")


def test_paths_are_relative_to_the_folder_that_holds_them_all(
    store: Store, make_project: Callable[..., Project]
) -> None:
    start = "/data/local-files/?d="
    with store.session() as session:
        project = make_project(session, images=0)
        assert folder_of_images(session, project.id) == ""
        sync_images(session, project.id, {1: f"{start}my%20photos/a.jpg", 2: f"{start}my%20photos/b/c.jpg"})
        assert folder_of_images(session, project.id) == "my photos"
        sync_images(session, project.id, {3: f"{start}more/a.jpg"})
        assert folder_of_images(session, project.id) == "", "two folders may hold the same name"
        remove_images(session, project.id, [3])
        assert folder_of_images(session, project.id) == "my photos"
        sync_images(session, project.id, {4: f"{start}alone.jpg"})
        assert folder_of_images(session, project.id) == ""
