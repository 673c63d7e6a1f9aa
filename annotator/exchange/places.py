"""Where a picture is: its own place, read off the address that Label Studio's task carries."""

from __future__ import annotations

import re
from hashlib import sha256
from urllib.parse import parse_qsl, unquote, urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.addresses import LOCAL_FILES, local_file, object_address
from annotator.store import Image

LOCAL_PREFIX = f"{LOCAL_FILES}?d="
UPLOADS = "/data/upload/"
SIGNATURES = frozenset({"x-amz-signature", "x-goog-signature", "signature", "sig", "token", "access_token"})

SUSPECT = re.compile("|".join(["@", "%", *map(re.escape, SIGNATURES)]), re.IGNORECASE)
"""What an address with a secret holds: a name, a signature, or a parameter whose own name is escaped."""


def place_of(address: str, folder: str = "") -> str:
    """The picture's own place: a path with forward slashes, or the object's own address.

    A local file is named relative to `folder`, the folder of images; an upload relative to Label Studio's
    media folder; an object of a cloud storage by the address that the storage knows it by. Anything else
    stays as it is, without what may be a password or a signature.

    >>> place_of("/data/local-files/?d=photos/cats/a%20b.jpg", folder="photos")
    'cats/a b.jpg'
    >>> place_of("/tasks/7/resolve/?fileuri=czM6Ly9idWNrZXQvYS5qcGc=")
    's3://bucket/a.jpg'
    """
    if address.startswith(LOCAL_PREFIX):
        return _below(folder, address)
    try:
        parts = urlsplit(address)
        path = unquote(parts.path)
    except ValueError:
        return address
    if parts.scheme == "data":
        return without_secrets(address)
    if LOCAL_FILES in path:
        return _below(folder, address)
    if UPLOADS in path:
        return f"upload/{path.partition(UPLOADS)[2]}"
    return without_secrets(object_address(address) or address)


def _below(folder: str, address: str) -> str:
    """The path of a local file, relative to the folder of images where that is above it."""
    file = (local_file(address) or "").lstrip("/")
    return file.removeprefix(f"{folder}/") if folder and file else file or address


def without_secrets(address: str) -> str:
    """An address without a user's name, and without a query that signs or a fragment.

    A picture that lies in the address itself is named by its digest: it may be megabytes long.

    >>> without_secrets("https://ann:secret@host/a.jpg?X-Amz-Signature=1")
    'https://host/a.jpg'
    """
    if address.startswith("data:"):
        kind = re.match(r"data:([\w.+-]+/[\w.+-]+)?", address)
        return f"{kind[0] if kind else 'data:'};sha256={sha256(address.encode()).hexdigest()}"
    if not SUSPECT.search(address):
        return address
    try:
        parts = urlsplit(address)
        signed = any(name.lower() in SIGNATURES for name, _ in parse_qsl(parts.query))
    except ValueError:
        return address
    if not signed and "@" not in parts.netloc:
        return address
    query = "" if signed else parts.query
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query=query, fragment="").geturl()


def folder_of_images(session: Session, project_id: int) -> str:
    """The folder below the document root that holds all local files of a project; empty if there is none."""
    live = Image.project_id == project_id, Image.removed_at.is_(None)
    local = select(Image.uri).where(*live, Image.uri.startswith(LOCAL_PREFIX, autoescape=True))
    first = session.scalars(local.limit(1)).first()
    if first is None:
        return ""
    folder, below, _ = first.removeprefix(LOCAL_PREFIX).partition("/")
    start = f"{LOCAL_PREFIX}{folder}/"
    elsewhere = local.where(~Image.uri.startswith(start, autoescape=True)).limit(1)
    alone = below and session.scalars(elsewhere).first() is None
    return unquote(folder) if alone else ""
