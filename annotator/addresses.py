"""What the address of an image means: a file below Label Studio's document root, or an object in a storage.

Label Studio hands out an object of S3, Google Cloud or Azure as an address of its own,
`/tasks/<task>/resolve/?fileuri=<base64 of s3://bucket/key>`, and there gives the bytes or
redirects to the storage.
"""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

LOCAL_FILES = "/data/local-files/"
RESOLVED = re.compile(r"/(?:tasks|projects)/\d+/(?:resolve|presign)/?")
"""Paths, below Label Studio's own, at which it resolves objects of storages."""

_HOSTS = {
    "s3": re.compile(r"(?:[a-z0-9.-]+\.)?s3(?:[.-][a-z0-9-]+)*\.amazonaws\.com(?:\.cn)?"),
    "gs": re.compile(r"(?:[a-z0-9._-]+\.)?storage\.googleapis\.com"),
    "azure-blob": re.compile(r"[a-z0-9-]+\.blob\.core\.(?:windows|chinacloudapi|usgovcloudapi)\.(?:net|cn)"),
}


def object_address(uri: str) -> str | None:
    """The object's own address, such as s3://bucket/key; None for what lies in no storage.

    >>> object_address("/tasks/3/resolve/?fileuri=czM6Ly9waG90b3MvY2F0LmpwZw==")
    's3://photos/cat.jpg'
    >>> object_address("/data/upload/1/cat.jpg") is None
    True
    """
    parts = split(uri)
    if parts is None:
        return None
    if parts.scheme in _HOSTS:
        return uri.strip()
    if not RESOLVED.search(parts.path):
        return None
    named = parse_qs(parts.query).get("fileuri", [""])[0]
    found = _decoded(named)
    inner = split(found)
    return found if inner is not None and inner.scheme in _HOSTS else None


def resolve_address(task: int, uri: str) -> str:
    """The address at which Label Studio gives the object of a task; any other address as it is.

    >>> resolve_address(3, "s3://photos/cat.jpg")
    '/tasks/3/resolve/?fileuri=czM6Ly9waG90b3MvY2F0LmpwZw=='
    """
    parts = split(uri)
    if parts is None or parts.scheme not in _HOSTS:
        return uri
    return f"/tasks/{task}/resolve/?fileuri={base64.urlsafe_b64encode(uri.strip().encode()).decode()}"


def is_storage_host(object_uri: str | None, host: str | None) -> bool:
    """Whether a host is where the storage of this object answers, at the cloud that its address names.

    >>> is_storage_host("s3://photos/cat.jpg", "photos.s3.eu-central-1.amazonaws.com")
    True
    >>> is_storage_host("s3://photos/cat.jpg", "storage.googleapis.com")
    False
    """
    scheme = (object_uri or "").partition("://")[0]
    return scheme in _HOSTS and _HOSTS[scheme].fullmatch((host or "").lower()) is not None


def local_file(uri: str) -> str | None:
    """The file, relative to the document root, that an address of Label Studio's local files names.

    >>> local_file("/data/local-files/?d=photos/a%20cat.jpg")
    'photos/a cat.jpg'
    """
    path, _, query = uri.partition("?")
    if not path.endswith(LOCAL_FILES):
        return None
    if query.startswith("d=") and not {"&", "+", "#"} & set(query):
        return unquote(query[2:]).lstrip("/")
    parts = split(uri)
    return parse_qs(parts.query).get("d", [""])[0].lstrip("/") if parts is not None else None


def split(uri: str) -> SplitResult | None:
    """The parts of an address; None for what is none."""
    try:
        parts = urlsplit(uri.strip())
        _ = parts.port
    except ValueError:
        return None
    return parts


def _decoded(named: str) -> str:
    """As Label Studio reads it: base64, or else quoted. Either alphabet, and without padding too."""
    try:
        alphabet = str.maketrans({"+": "-", " ": "-", "/": "_"})
        padded = named.translate(alphabet) + "=" * (-len(named) % 4)
        return base64.urlsafe_b64decode(padded.encode()).decode()
    except (binascii.Error, ValueError):
        return unquote(named)
