"""What the address of an image means, for every storage of Label Studio's."""

from __future__ import annotations

import base64

import pytest

from annotator.addresses import is_storage_host, local_file, object_address, resolve_address

OBJECTS = (
    "s3://photos/a/cat.jpg",
    "gs://photos/Kätzchen & co.jpg",
    "azure-blob://container/deep/er/cat 1.png",
)


@pytest.mark.parametrize("address", OBJECTS)
def test_an_object_is_known_by_its_own_address_whatever_label_studio_calls_it(address: str) -> None:
    there = resolve_address(7, address)
    assert there.startswith("/tasks/7/resolve/?fileuri=")
    assert object_address(there) == address
    assert object_address(f"https://studio.example/ls{there}") == address
    assert object_address(there.replace("/tasks/7/resolve/", "/projects/3/presign/")) == address
    assert object_address(address) == address


def test_label_studio_of_old_only_quotes_it() -> None:
    assert object_address("/tasks/7/resolve/?fileuri=s3%3A%2F%2Fphotos%2Fcat.jpg") == "s3://photos/cat.jpg"


@pytest.mark.parametrize(
    "uri",
    [
        "/data/upload/1/cat.jpg",
        "https://example.net/cat.jpg",
        "/tasks/7/resolve/",
        "/tasks/7/resolve/?fileuri=%ff%fe",
        "/tasks/7/resolve/?fileuri=" + base64.urlsafe_b64encode(b"file:///etc/passwd").decode(),
        "/tasks/7/resolve/?fileuri=" + base64.urlsafe_b64encode(b"\xff\xfe").decode(),
        "http://[broken",
        "",
    ],
)
def test_what_lies_in_no_storage_has_no_address_of_its_own(uri: str) -> None:
    assert object_address(uri) is None


def test_other_addresses_need_no_resolving() -> None:
    for uri in ("/data/upload/1/cat.jpg", "https://example.net/cat.jpg", "http://[broken", ""):
        assert resolve_address(7, uri) == uri


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("s3://b/k", "b.s3.amazonaws.com"),
        ("s3://b/k", "s3.eu-central-1.amazonaws.com"),
        ("s3://b.with.dots/k", "b.with.dots.s3.dualstack.us-west-2.amazonaws.com"),
        ("s3://b/k", "b.s3-us-west-2.amazonaws.com"),
        ("s3://b/k", "B.S3.cn-north-1.amazonaws.com.cn"),
        ("gs://b/k", "storage.googleapis.com"),
        ("gs://b/k", "b.storage.googleapis.com"),
        ("azure-blob://c/k", "account.blob.core.windows.net"),
    ],
)
def test_each_cloud_answers_at_hosts_of_its_own(address: str, host: str) -> None:
    assert is_storage_host(address, host)


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("s3://b/k", "ec2-1-2-3-4.compute.amazonaws.com"),
        ("s3://b/k", "evil.example"),
        ("s3://b/k", "s3.amazonaws.com.evil.example"),
        ("s3://b/k", "s3xamazonaws.com"),
        ("s3://b/k", "169.254.169.254"),
        ("gs://b/k", "b.s3.amazonaws.com"),
        ("gs://b/k", "xstorage.googleapis.com"),
        ("azure-blob://c/k", "a.b.blob.core.windows.net"),
        ("https://example.net/k", "example.net"),
        (None, "storage.googleapis.com"),
        ("s3://b/k", None),
    ],
)
def test_no_other_host_is_a_storage(address: str | None, host: str | None) -> None:
    assert not is_storage_host(address, host)


@pytest.mark.parametrize(
    ("uri", "file"),
    [
        ("/data/local-files/?d=photos/a%20cat.jpg", "photos/a cat.jpg"),
        ("/data/local-files/?d=/photos/cat.jpg", "photos/cat.jpg"),
        ("/ls/data/local-files/?d=photos/cat.jpg", "photos/cat.jpg"),
        ("https://studio.example/ls/data/local-files/?d=photos%2Fcat.jpg", "photos/cat.jpg"),
        ("/data/local-files/?x=1&d=photos/a+cat.jpg", "photos/a cat.jpg"),
        ("/data/local-files/?d=photos/a%26b.jpg", "photos/a&b.jpg"),
        ("/data/local-files/", ""),
        ("/data/upload/1/cat.jpg", None),
    ],
)
def test_a_local_file_is_known_by_its_path_below_the_document_root(uri: str, file: str | None) -> None:
    assert local_file(uri) == file
