"""Images are read only from where the settings allow, and every refusal names the setting."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from annotator.labelstudio.client import Studio
from annotator.labelstudio.errors import ImageUnavailable, LabelStudioError, LabelStudioUnauthorized
from annotator.labelstudio.images import FolderFile, ImageSource
from annotator.settings import Settings
from tests.annotator.labelstudio.conftest import Answer, Asked, Stand

TOKEN = "0123456789abcdef0123456789abcdef01234567"
PNG = b"\x89PNG and so on"

NewStand = Callable[[Callable[[Asked], Answer]], Stand]


def source(stand: Stand | None = None, **settings: Any) -> ImageSource:
    studio = Studio(stand.url, SecretStr(TOKEN)) if stand else None
    return ImageSource(studio, Settings(**settings))


def serving(asked: Asked) -> Answer:
    return Answer(body=PNG) if "cat" in asked.path else Answer(404, {"detail": "no"})


@pytest.mark.parametrize(
    "uri",
    [
        "/data/upload/1/0a1b2c3d-cat.png",
        "/data/upload/1/0a1b2c3d-cat%20%26%20dog.png",
        "/data/local-files/?d=photos/cat.png",
        "/static/samples/cat.png",
    ],
)
def test_label_studios_own_files_are_read_with_the_token(new_stand: NewStand, uri: str) -> None:
    stand = new_stand(serving)
    assert source(stand).read(uri) == PNG
    assert source(stand).read(stand.url + uri) == PNG
    assert [each.headers["Authorization"] for each in stand.asked] == [f"Token {TOKEN}"] * 2
    assert [each.path for each in stand.asked] == [uri, uri]


@pytest.mark.parametrize(
    "uri",
    [
        "/api/users/",
        "/data/../api/users/cat",
        "/data/%2e%2e/api/users/cat",
        "cat.png",
        "../cat.png",
        "//elsewhere/data/cat.png",
        "",
    ],
)
def test_nothing_else_of_label_studio_is_asked_for(new_stand: NewStand, uri: str) -> None:
    stand = new_stand(serving)
    with pytest.raises(ImageUnavailable):
        source(stand).read(uri)
    assert stand.asked == []


def test_the_token_does_not_go_to_label_studios_other_pages(new_stand: NewStand) -> None:
    stand = new_stand(serving)
    source(stand).read(f"{stand.url}/cat-elsewhere.png")
    assert "Authorization" not in stand.asked[0].headers


def test_a_missing_upload_is_this_images_trouble_alone(new_stand: NewStand) -> None:
    with pytest.raises(ImageUnavailable, match="answers 404"):
        source(new_stand(serving)).read("/data/upload/1/dog.png")


def test_a_refused_token_is_everybodys_trouble(new_stand: NewStand) -> None:
    with pytest.raises(LabelStudioUnauthorized):
        source(new_stand(lambda _asked: Answer(401, {}))).read("/data/upload/1/cat.png")


def test_label_studio_down_is_everybodys_trouble() -> None:
    studio = Studio("http://127.0.0.1:9", SecretStr(TOKEN))
    with pytest.raises(LabelStudioError):
        ImageSource(studio, Settings()).read("/data/upload/1/cat.png")


def test_without_a_label_studio_its_files_cannot_be_read() -> None:
    with pytest.raises(ImageUnavailable, match="ONETAG_LABEL_STUDIO_URL"):
        source().read("/data/upload/1/cat.png")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "files" / "photos").mkdir(parents=True)
    (tmp_path / "files" / "photos" / "a cat.png").write_bytes(PNG)
    (tmp_path / "secret.png").write_bytes(b"not yours")
    (tmp_path / "files" / "out.png").symlink_to(tmp_path / "secret.png")
    return tmp_path / "files"


def test_local_files_are_read_directly_where_they_can_be_seen(root: Path) -> None:
    assert source(local_files_root=root).read("/data/local-files/?d=photos/a%20cat.png") == PNG


@pytest.mark.parametrize(
    "named",
    [
        "../secret.png",
        "..%2fsecret.png",
        "out.png",
        "photos",
        "dog.png",
        "",
        "/etc/passwd",
        "%00",
        "x" * 5000,
    ],
)
def test_nothing_outside_of_the_root_is_read(root: Path, named: str) -> None:
    with pytest.raises(ImageUnavailable, match=r"ONETAG_LOCAL_FILES_ROOT|cannot be read|leads out of"):
        source(local_files_root=root).read(f"/data/local-files/?d={named}")


def test_a_pipe_among_local_files_is_not_waited_for(root: Path) -> None:
    os.mkfifo(root / "pipe.png")
    with pytest.raises(ImageUnavailable):
        source(local_files_root=root).read("/data/local-files/?d=pipe.png")


def test_other_hosts_must_be_named_and_get_no_token(new_stand: NewStand) -> None:
    stand = new_stand(serving)
    with pytest.raises(ImageUnavailable, match=r"127.0.0.1.*ONETAG_IMAGE_HOSTS"):
        source().read(f"{stand.url}/cat.png")
    assert stand.asked == []
    assert source(image_hosts=("127.0.0.1",)).read(f"{stand.url}/cat.png") == PNG
    assert source(image_hosts=(stand.url.removeprefix("http://"),)).read(f"{stand.url}/cat.png") == PNG
    assert all("Authorization" not in each.headers for each in stand.asked)


def test_a_redirect_is_followed_on_the_same_host_alone(new_stand: NewStand) -> None:
    other = new_stand(serving)

    def redirecting(asked: Asked) -> Answer:
        leads = {"/here": "/cat.png", "/away": f"{other.url}/cat.png", "/round": "/round"}
        return Answer(302, b"", {"Location": leads[asked.path]}) if asked.path in leads else serving(asked)

    stand = new_stand(redirecting)
    reads = source(image_hosts=(stand.url.removeprefix("http://"),))
    assert reads.read(f"{stand.url}/here") == PNG
    with pytest.raises(ImageUnavailable, match="another host"):
        reads.read(f"{stand.url}/away")
    with pytest.raises(ImageUnavailable, match="circle"):
        reads.read(f"{stand.url}/round")
    assert other.asked == []
    assert source(image_hosts=("127.0.0.1",)).read(f"{stand.url}/away") == PNG, "both hosts are named"


def test_a_host_that_fails_is_told(new_stand: NewStand) -> None:
    stand = new_stand(serving)
    with pytest.raises(ImageUnavailable, match="answers 404"):
        source(image_hosts=("127.0.0.1",)).read(f"{stand.url}/dog.png?signature=s3cret")
    with pytest.raises(ImageUnavailable, match="cannot be fetched") as caught:
        source(image_hosts=("127.0.0.1",)).read("http://user:s3cret@127.0.0.1:9/cat.png?signature=s3cret")
    assert "s3cret" not in str(caught.value)


def test_an_image_that_is_too_large_is_not_read_to_its_end(new_stand: NewStand, root: Path) -> None:
    stand = new_stand(lambda _asked: Answer(body=b"x" * 5000))
    (root / "large.png").write_bytes(b"x" * 5000)
    limited = source(stand, max_image_bytes=4999, local_files_root=root, image_hosts=("127.0.0.1",))
    inline = "data:image/png;base64," + base64.b64encode(b"x" * 5000).decode()
    for uri in ("/data/upload/1/a.png", "/data/local-files/?d=large.png", f"{stand.url}/a.png", inline):
        with pytest.raises(ImageUnavailable, match="ONETAG_MAX_IMAGE_BYTES"):
            limited.read(uri)
    assert len(source(stand, max_image_bytes=5000).read("/data/upload/1/a.png")) == 5000


def test_inline_images() -> None:
    assert source().read("data:image/png;base64," + base64.b64encode(PNG).decode()) == PNG
    assert source().read("data:,a%20b") == b"a b"
    for damaged in ("data:image/png;base64", "data:image/png;base64,x"):
        with pytest.raises(ImageUnavailable, match="Import the image again"):
            source().read(damaged)


@pytest.mark.parametrize(
    "uri", ["s3://bucket/cat.png", "gs://b/c.png", "file:///etc/passwd", "azure-blob://x/y"]
)
def test_other_storages_are_refused_with_the_way_out(uri: str) -> None:
    with pytest.raises(ImageUnavailable, match="ONETAG_IMAGE_HOSTS"):
        source().read(uri)


@pytest.mark.parametrize("uri", ["http://[broken/cat.png", "http://host:port/cat.png", "http:///cat.png"])
def test_what_is_no_address_is_refused(uri: str) -> None:
    with pytest.raises(ImageUnavailable):
        source().read(uri)


@pytest.mark.studio
def test_a_real_label_studio_serves_uploads_and_local_files(
    studio: Studio, new_studio_project: Callable[..., int], files_root: Path, tmp_path: Path
) -> None:
    project = new_studio_project()
    uploaded = [tmp_path / "first cat.png", tmp_path / "zweite Kätzchen.png"]
    folder = files_root / "some photos"
    folder.mkdir()
    for number, file in enumerate([*uploaded, folder / "drei & vier.png"]):
        file.write_bytes(base64.b64decode(DOT) + bytes([number]))
    for file in uploaded:
        sent = {"file": (file.name, file.read_bytes())}
        studio.http.request("POST", f"/api/projects/{project}/import", files=sent)
    studio.serve_folder(project, folder)
    studio.serve_folder(project, folder)
    studio.import_tasks(
        project, [{"data": {"image": "/data/local-files/?d=some%20photos/drei%20%26%20vier.png"}}]
    )
    uris = [task["data"]["image"] for task in studio.tasks(project)]
    assert len(uris) == 3
    reads = ImageSource(studio, Settings())
    assert {reads.read(uri)[-1] for uri in uris} == {0, 1, 2}


DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def test_a_picture_of_a_folder_is_read_from_there_and_from_nowhere_else(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "?#%20:cat.png").write_bytes(PNG)
    (tmp_path / "secret.png").write_bytes(b"secret")
    (folder / "link.png").symlink_to("../secret.png")
    assert source().read(FolderFile("deep/?#%20:cat.png", folder)) == PNG
    for name in ("../secret.png", "link.png", "nope.png", str(tmp_path / "secret.png"), "data:,x", "a\0b"):
        with pytest.raises(ImageUnavailable):
            source().read(FolderFile(name, folder))
    with pytest.raises(ImageUnavailable):
        source().read("deep/?#%20:cat.png")


def test_a_picture_of_a_folder_is_no_larger_than_allowed(tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(bytes(100))
    with pytest.raises(ImageUnavailable, match="larger than 99 bytes"):
        source(max_image_bytes=99).read(FolderFile("cat.png", tmp_path))
