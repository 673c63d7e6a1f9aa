"""Weights from the internet: only when asked for by a backbone's name, with a bounded wait and a bar."""

from __future__ import annotations

import hashlib
import logging
import os
import urllib.request
from pathlib import Path

import torch

from model_backend.errors import LearningError

log = logging.getLogger(__name__)

ANSWER_WITHIN = 10.0  # seconds for the download's server to answer at all


def download(url: str, file: Path, *, name: str, hash_start: str | None = None) -> Path:
    """The file at `url`, kept as `file`, which is whole or fetched again. Raises LearningError without it.

    name: the backbone that it is for. hash_start: how its SHA-256 begins, where that is known.
    """
    if file.is_file():
        if hash_start is None or _digest(file).startswith(hash_start):
            return file
        log.warning("The weights in %s are damaged; they are fetched again.", file)
    log.info("Downloading the weights of %s from %s", name, url)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        size = reach(url)
        file.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(draft), hash_start)
        if size and draft.stat().st_size != size:
            raise OSError(f"{draft.stat().st_size} bytes came of {size}")
        draft.replace(file)
    except (OSError, RuntimeError) as error:
        raise unreachable(name, url, str(error)) from None
    finally:
        draft.unlink(missing_ok=True)
    return file


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def reach(url: str) -> int:
    """Ask for a file without fetching it; its bytes, 0 where the server does not say.

    Raises OSError when nothing answers within ten seconds, or when there is no such file.
    """
    request = urllib.request.Request(url, method="HEAD")  # noqa: S310 (the address is a library's)
    with urllib.request.urlopen(request, timeout=ANSWER_WITHIN) as answer:  # noqa: S310 (the same)
        return int(answer.headers.get("Content-Length") or 0)


def unreachable(name: str, where: str, reason: str) -> LearningError:
    """The error of weights that cannot be downloaded."""
    return LearningError(
        f"The weights of {name} cannot be downloaded from {where} ({reason}).",
        "Either give them as a file (--weights FILE), or take the default, which needs no download "
        "(--backbone auto).",
    )
