"""Whom an image is asked of, with which rights and for how long: redirects, drips, failures."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from pydantic import SecretStr

from annotator.addresses import resolve_address
from annotator.labelstudio import fetch
from annotator.labelstudio.client import Studio
from annotator.labelstudio.errors import ImageUnavailable, LabelStudioUnreachable
from annotator.labelstudio.images import ImageSource
from annotator.labelstudio.patience import FAILURES
from annotator.settings import Settings
from annotator.store.states import Unusable
from tests.annotator.labelstudio.conftest import Answer, Asked, Stand

TOKEN = "0123456789abcdef0123456789abcdef01234567"
PNG = b"\x89PNG and so on"
OBJECT = resolve_address(3, "s3://photos/cat.png")

NewStand = Callable[[Callable[[Asked], Answer]], Stand]


def source(url: str | None = None, **settings: Any) -> ImageSource:
    studio = Studio(url, SecretStr(TOKEN)) if url else None
    return ImageSource(studio, Settings(**settings))


def host(stand: Stand) -> str:
    return stand.url.removeprefix("http://")


def unusable(reads: ImageSource, uri: str) -> Unusable:
    with pytest.raises(ImageUnavailable) as caught:
        reads.read(uri)
    assert TOKEN not in str(caught.value)
    return caught.value.reason


def test_an_object_that_label_studio_hands_through_is_read_with_its_token(new_stand: NewStand) -> None:
    stand = new_stand(lambda _asked: Answer(body=PNG))
    assert source(stand.url).read(OBJECT) == PNG
    assert source(stand.url).read(stand.url + OBJECT) == PNG
    assert {each.path for each in stand.asked} == {OBJECT}
    assert {each.headers["Authorization"] for each in stand.asked} == {f"Token {TOKEN}"}


def test_a_presigned_object_is_read_at_a_storage_that_the_settings_name_and_without_a_token(
    new_stand: NewStand,
) -> None:
    storage = new_stand(lambda _asked: Answer(body=PNG, headers={"Set-Cookie": "session=1"}))
    leads = {"Location": f"{storage.url}/photos/cat.png?X-Amz-Signature=s3cret"}
    stand = new_stand(lambda _asked: Answer(303, b"", leads))
    reads = source(stand.url, image_hosts=(host(storage),))
    assert reads.read(OBJECT) == reads.read(OBJECT) == PNG
    assert storage.asked[0].path == "/photos/cat.png?X-Amz-Signature=s3cret"
    for asked in storage.asked:
        assert "Authorization" not in asked.headers
        assert "Cookie" not in asked.headers


def test_a_redirect_to_a_host_that_nobody_named_is_not_followed(new_stand: NewStand) -> None:
    other = new_stand(lambda _asked: Answer(body=PNG))
    stand = new_stand(lambda _asked: Answer(303, b"", {"Location": f"{other.url}/cat.png?X-Amz=s3cret"}))
    with pytest.raises(
        ImageUnavailable, match=r"s3://photos/cat.png .*127.0.0.1.*ONETAG_IMAGE_HOSTS"
    ) as caught:
        source(stand.url).read(OBJECT)
    assert caught.value.reason is Unusable.NOT_ALLOWED
    assert "s3cret" not in str(caught.value)
    assert other.asked == []


@pytest.mark.parametrize(
    "leads",
    ["http://photos.s3.amazonaws.com/cat.png", "https://storage.googleapis.com/photos/cat.png", "ftp://x/y"],
)
def test_nor_to_another_cloud_than_the_objects_or_in_plain_text(new_stand: NewStand, leads: str) -> None:
    stand = new_stand(lambda _asked: Answer(303, b"", {"Location": leads}))
    assert unusable(source(stand.url), OBJECT) is Unusable.NOT_ALLOWED


def test_a_storage_whose_name_leads_into_a_private_network_is_not_asked(
    new_stand: NewStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a name server is made to lie: what counts is where the connection ends."""
    private = new_stand(lambda _asked: Answer(body=PNG))
    stand = new_stand(
        lambda _asked: Answer(303, b"", {"Location": "https://photos.s3.amazonaws.com/cat.png"})
    )
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    port = int(private.url.rpartition(":")[2])
    lookup = socket.getaddrinfo

    def lying(name: Any, *arguments: Any, **options: Any) -> Any:
        if name == "photos.s3.amazonaws.com":
            return lookup("127.0.0.1", port, *arguments[1:], **options)
        return lookup(name, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", lying)
    with pytest.raises(ImageUnavailable, match="private network") as caught:
        source(stand.url).read(OBJECT)
    assert caught.value.reason is Unusable.NOT_ALLOWED
    assert private.asked == []


def test_a_redirect_to_the_login_page_means_that_the_token_may_not(new_stand: NewStand) -> None:
    stand = new_stand(lambda _asked: Answer(302, b"", {"Location": "/user/login/?next=/data/"}))
    assert unusable(source(stand.url), "/data/upload/1/cat.png") is Unusable.DENIED
    assert len(stand.asked) == 1


@pytest.mark.parametrize("prefix", ["", "/ls", "/deep/er"])
def test_label_studio_may_live_below_a_path(new_stand: NewStand, prefix: str) -> None:
    stand = new_stand(
        lambda asked: Answer(body=PNG) if asked.path.startswith(f"{prefix}/") else Answer(404, {})
    )
    reads = source(stand.url + prefix)
    for path in ("/data/upload/1/cat.png", "/data/local-files/?d=cat.png", OBJECT):
        for uri in (path, prefix + path, stand.url + prefix + path):
            assert reads.read(uri) == PNG
            assert stand.asked[-1].path == prefix + path
            assert stand.asked[-1].headers["Authorization"] == f"Token {TOKEN}"


def test_beside_its_path_the_host_is_not_label_studio(new_stand: NewStand) -> None:
    stand = new_stand(lambda _asked: Answer(body=PNG))
    reads = source(stand.url + "/ls", image_hosts=("127.0.0.1",))
    assert reads.read(f"{stand.url}/data/upload/1/cat.png") == PNG
    assert "Authorization" not in stand.asked[0].headers
    assert unusable(source(stand.url + "/ls"), f"{stand.url}/lsx/data/a.png") is Unusable.NOT_ALLOWED
    assert unusable(reads, "/ls/../data/a.png") is Unusable.NOT_ALLOWED


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (500, Unusable.UNREACHED),
        (502, Unusable.UNREACHED),
        (503, Unusable.UNREACHED),
        (429, Unusable.UNREACHED),
        (408, Unusable.UNREACHED),
        (401, Unusable.DENIED),
        (403, Unusable.DENIED),
        (400, Unusable.DENIED),
        (404, Unusable.MISSING),
        (410, Unusable.MISSING),
    ],
)
def test_what_cannot_be_read_now_is_told_from_what_is_not_there(
    new_stand: NewStand, status: int, reason: Unusable
) -> None:
    stand = new_stand(lambda _asked: Answer(status, {"detail": "no"}))
    assert unusable(source(image_hosts=("127.0.0.1",)), f"{stand.url}/cat.png?signature=x") is reason
    if status != 401:  # there it is everybody's trouble
        assert unusable(source(stand.url), "/data/upload/1/cat.png") is reason


def test_a_host_that_refuses_the_connection_is_tried_again_later() -> None:
    assert unusable(source(image_hosts=("127.0.0.1",)), "http://127.0.0.1:9/cat.png") is Unusable.UNREACHED
    with pytest.raises(LabelStudioUnreachable):
        source("http://127.0.0.1:9").read("/data/upload/1/cat.png")


def test_a_failing_host_is_given_up_for_a_while_and_others_are_read(new_stand: NewStand) -> None:
    down, fine = new_stand(lambda _asked: Answer(502, b"")), new_stand(lambda _asked: Answer(body=PNG))
    reads = source(image_hosts=("127.0.0.1",))
    for _ in range(20):
        assert unusable(reads, f"{down.url}/cat.png") is Unusable.UNREACHED
        assert reads.read(f"{fine.url}/cat.png") == PNG
    assert len(down.asked) == FAILURES


@pytest.fixture
def drip() -> Iterator[Callable[[bytes, bytes], str]]:
    """Starts servers that send some bytes at once and then others one by one, ten a second."""
    over = threading.Event()
    servers: list[socket.socket] = []

    def serve(server: socket.socket, at_once: bytes, one_by_one: bytes) -> None:
        with suppress(OSError):
            while not over.is_set():
                connection, _ = server.accept()
                threading.Thread(target=send, args=(connection, at_once, one_by_one), daemon=True).start()

    def send(connection: socket.socket, at_once: bytes, one_by_one: bytes) -> None:
        with connection, suppress(OSError):
            connection.recv(2**16)
            connection.sendall(at_once)
            for byte in one_by_one:
                if over.wait(0.1):
                    return
                connection.sendall(bytes([byte]))

    def make(at_once: bytes, one_by_one: bytes) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)
        threading.Thread(target=serve, args=(server, at_once, one_by_one), daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}"

    yield make
    over.set()
    for server in servers:
        server.close()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n"
DRIPS = {
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X-Nothing: " + b"x" * 600),
    "body of a known length": (HEAD + b"Content-Length: 600\r\n\r\n", b"x" * 600),
    "body that ends with the connection": (HEAD + b"Connection: close\r\n\r\n", b"x" * 600),
    "body in chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 100),
    "nothing at all": (b"", b""),
}


@pytest.mark.parametrize("kind", DRIPS)
@pytest.mark.parametrize("whose", ["another host's", "label studio's"])
def test_an_image_that_drips_ends_with_its_time(
    drip: Callable[[bytes, bytes], str], kind: str, whose: str
) -> None:
    url = drip(*DRIPS[kind])
    began = time.monotonic()
    if whose == "label studio's":
        reads, uri = source(url, request_timeout=0.5), "/data/upload/1/cat.png"
    else:
        reads, uri = source(image_hosts=("127.0.0.1",), request_timeout=0.5), f"{url}/cat.png"
    assert unusable(reads, uri) is Unusable.UNREACHED
    assert time.monotonic() - began < 3


def test_many_dripping_images_of_one_host_cost_the_time_of_a_few(drip: Callable[[bytes, bytes], str]) -> None:
    url = drip(*DRIPS["headers"])
    reads = source(image_hosts=("127.0.0.1",), request_timeout=0.5)
    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda number: unusable(reads, f"{url}/{number}.png"), range(100)))
    assert set(found) == {Unusable.UNREACHED}
    assert time.monotonic() - began < 4


def test_a_slow_but_steady_image_comes_within_its_time(drip: Callable[[bytes, bytes], str]) -> None:
    url = drip(HEAD + b"Connection: close\r\n\r\n", b"12345")
    assert source(image_hosts=("127.0.0.1",), request_timeout=20).read(f"{url}/cat.png") == b"12345"


def test_connections_are_kept_and_handles_are_not(new_stand: NewStand) -> None:
    stand = new_stand(lambda _asked: Answer(body=PNG))
    reads = source(image_hosts=("127.0.0.1",))
    before = threading.active_count()
    for _ in range(50):
        assert reads.read(f"{stand.url}/cat.png") == PNG
    assert threading.active_count() <= before + 2
    assert fetch.REDIRECTS == 3
