"""Pictures in a real S3 storage of a real Label Studio, and a real Label Studio below a path."""

from __future__ import annotations

import base64
import shutil
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.error import HTTPError

import boto3  # type: ignore[import-untyped] # it publishes no types
import pytest
from moto.server import ThreadedMotoServer
from pydantic import SecretStr
from sqlalchemy import select

from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import build_config
from annotator.labelstudio.errors import ImageUnavailable
from annotator.labelstudio.health import check_project, check_studio
from annotator.labelstudio.images import ImageSource
from annotator.labelstudio.reconcile import reconcile
from annotator.settings import Settings
from annotator.store import Image, Project, Store, Unusable, image_problems, sync_labels
from model_backend.stack.installation import LABEL_STUDIO
from model_backend.stack.label_studio import LabelStudioProcess, studio_credentials
from tests.annotator.labelstudio.conftest import Answer, Asked, Stand
from tests.free_ports import free_port

pytestmark = [pytest.mark.studio, pytest.mark.timeout(600)]

DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
LABELS = ("cat", "dog")
KEYS = {"aws_access_key_id": "an-id", "aws_secret_access_key": "a-key"}
NAMES = ("cat.png", "deep/Kätzchen & co.png")


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """A server of S3 with a bucket `photos`; returns its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", **KEYS)
    client.create_bucket(Bucket="photos")
    for number, name in enumerate(NAMES):
        client.put_object(Bucket="photos", Key=name, Body=DOT + bytes([number]), ContentType="image/png")
    yield url
    server.stop()


def connect_storage(studio: Studio, project: int, url: str, *, presign: bool) -> None:
    """Give a project an S3 source storage, and let Label Studio make tasks of what is in it."""
    keys = {"bucket": "photos", "s3_endpoint": url, "region_name": "us-east-1", **KEYS}
    options = {"use_blob_urls": True, "presign": presign, "recursive_scan": True, "regex_filter": ".*png"}
    made = studio.http.request(
        "POST", "/api/storages/s3", json={"project": project, "title": "S3", **keys, **options}
    )
    studio.http.request("POST", f"/api/storages/s3/{made['id']}/sync", json={}, timeout=120)


def recorded(store: Store, studio: Studio, project: int) -> int:
    """The project in the store, reconciled."""
    with store.session() as session:
        made = Project(
            studio_url=studio.url, studio_project=project, title="S3", label_config=build_config(LABELS)
        )
        session.add(made)
        session.flush()
        sync_labels(session, made, LABELS)
        project_id = made.id
    reconcile(store, studio, project_id)
    return project_id


@pytest.mark.parametrize("presign", [False, True])
def test_pictures_in_s3_are_read_and_keep_their_own_address(
    studio: Studio, new_studio_project: Callable[..., int], sqlite_store: Store, s3: str, presign: bool
) -> None:
    project = new_studio_project(LABELS)
    connect_storage(studio, project, s3, presign=presign)
    project_id = recorded(sqlite_store, studio, project)
    with sqlite_store.reading() as session:
        rows = session.execute(
            select(Image.uri, Image.object_uri).where(Image.project_id == project_id)
        ).all()
    assert {row.object_uri for row in rows} == {f"s3://photos/{name}" for name in NAMES}
    assert all("/resolve/?fileuri=" in row.uri for row in rows)
    reads = ImageSource(studio, Settings(image_hosts=(s3.removeprefix("http://"),)))
    assert {reads.read(row.uri) for row in rows} == {DOT + bytes([number]) for number in range(len(NAMES))}

    strangers = ImageSource(studio, Settings())
    if presign:
        with pytest.raises(ImageUnavailable, match="ONETAG_IMAGE_HOSTS") as caught:
            strangers.read(rows[0].uri)
        assert caught.value.reason is Unusable.NOT_ALLOWED
        assert "Signature" not in str(caught.value)
    else:
        assert strangers.read(rows[0].uri).startswith(DOT)


def test_an_object_that_is_gone_is_tried_again(
    studio: Studio, new_studio_project: Callable[..., int], s3: str
) -> None:
    project = new_studio_project(LABELS)
    connect_storage(studio, project, s3, presign=True)
    (task, *_) = studio.tasks(project)
    studio.update_task(task["id"], {"image": "s3://photos/nothing.png"})
    (sent,) = [each["data"]["image"] for each in studio.tasks(project) if each["id"] == task["id"]]
    reads = ImageSource(studio, Settings(image_hosts=("127.0.0.1",)))
    with pytest.raises(ImageUnavailable) as caught:
        reads.read(sent)
    # S3 answers 403 where a stranger to the bucket may not know what is in it.
    assert caught.value.reason in (Unusable.MISSING, Unusable.DENIED)


def test_tasks_that_name_no_image_are_told_with_the_reason(
    studio: Studio, new_studio_project: Callable[..., int], sqlite_store: Store
) -> None:
    project = new_studio_project(LABELS)
    fields: tuple[Any, ...] = (
        "/data/upload/1/a.png",
        ["/data/a.png", "/data/b.png"],
        "",
    )
    studio.import_tasks(project, [{"data": {"image": value}} for value in fields])
    project_id = recorded(sqlite_store, studio, project)
    reconcile(sqlite_store, studio, project_id)
    with sqlite_store.reading() as session:
        (group,) = image_problems(session, project_id, examples=5)
    assert (group.reason, group.count, group.next_try) == (Unusable.NO_ADDRESS, 2, None)
    assert [example.problem.split("holds ")[-1] for example in group.examples] == [
        "a list, not the address of an image.",
        "its field 'image' is empty.",
    ]


class Below(LabelStudioProcess):
    """A Label Studio that thinks it is reached below the path /ls of a proxy."""

    def __init__(self, folder: Path, proxy: str) -> None:
        files = folder / "files"
        files.mkdir(parents=True)
        super().__init__(folder / LABEL_STUDIO, free_port(), studio_credentials(folder), files_root=files)
        self._environment = {**self._environment, "LABEL_STUDIO_HOST": f"{proxy}/ls"}


@pytest.fixture(scope="module")
def below(fresh_label_studio: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Below, str]]:
    """A real Label Studio behind a proxy that serves it below /ls and nothing beside; and its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    url = f"http://127.0.0.1:{server.server_port}"
    process = Below(shutil.copytree(fresh_label_studio, tmp_path_factory.mktemp("below") / "data"), url)
    server.RequestHandlerClass = proxy_to(process.url)
    Thread(target=server.serve_forever, daemon=True).start()
    with process:
        process.wait_ready()
        yield process, f"{url}/ls"
    server.shutdown()
    server.server_close()


def proxy_to(url: str) -> type[BaseHTTPRequestHandler]:
    """A handler that passes on what comes below /ls, and that alone."""

    class Handler(BaseHTTPRequestHandler):
        def _pass_on(self) -> None:
            if not self.path.startswith("/ls/"):
                self.send_error(404)
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            kept = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            asked = urllib.request.Request(
                url + self.path.removeprefix("/ls"), data=body or None, headers=kept, method=self.command
            )
            opener = urllib.request.build_opener(NoRedirect, urllib.request.ProxyHandler({}))
            try:
                answer = opener.open(asked, timeout=60)
            except HTTPError as error:
                answer = error
            with answer:
                content = answer.read()
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _pass_on  # noqa: N815

        def log_message(self, *_args: object) -> None:
            """Quiet."""

    return Handler


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_options: Any) -> None:
        return None


def test_label_studio_below_a_path(
    below: tuple[Below, str],
    sqlite_store: Store,
    s3: str,
    new_stand: Callable[[Callable[[Asked], Answer]], Stand],
) -> None:
    process, url = below
    studio = Studio(url, process.credentials.token)
    assert process.files_root is not None
    project = int(studio.create_project("below", build_config(LABELS))["id"])
    upload = {"file": ("cat.png", DOT + b"u")}
    studio.http.request("POST", f"/api/projects/{project}/import", files=upload)
    folder = process.files_root / "photos"
    folder.mkdir()
    (folder / "dog.png").write_bytes(DOT + b"l")
    studio.serve_folder(project, folder)
    studio.import_tasks(project, [{"data": {"image": "/data/local-files/?d=photos/dog.png"}}])
    connect_storage(studio, project, s3, presign=False)
    project_id = recorded(sqlite_store, studio, project)
    with sqlite_store.reading() as session:
        uris = session.scalars(select(Image.uri).where(Image.project_id == project_id)).all()
    assert any(uri.startswith("/ls/data/upload/") for uri in uris)
    assert any("/ls/tasks/" in uri for uri in uris)
    reads = ImageSource(studio, Settings())
    assert {reads.read(uri)[len(DOT) :] for uri in uris} == {b"u", b"l", b"\0", b"\1"}

    secret = SecretStr("a shared secret")
    assert all(check.ok for check in check_studio(studio))
    backend = new_stand(lambda _asked: Answer(body={"status": "UP", "model_version": "v1"}))
    studio.connect_backend(project, backend.url, "onetag", secret)
    assert [check for check in check_project(studio, project, backend.url, secret) if not check.ok] == []
    assert backend.asked
