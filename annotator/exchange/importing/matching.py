"""Which image a name in a file means: the one at that path, else the only one of that name.

Names are compared as paths from their end: `a/b.jpg` and `/home/me/a/b.jpg` agree, `x/b.jpg` and `a/b.jpg` do
not; then a name is taken only where the project has it once, and the file does not use it for two images.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import PurePosixPath
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from annotator.exchange.importing.pictures import looks_like_a_picture

UPLOAD = re.compile(r"/data/upload/\d+/(?:[0-9a-f]{8}-)?(?P<name>[^/]+)$")


@dataclass(frozen=True)
class Match:
    """The image that a name means, by its place among all images; None when there is none, or `several`."""

    image: int | None = None
    several: bool = False


class ImageIndex:
    """The images of a project, found by names and paths. addresses: theirs, in any order."""

    def __init__(self, addresses: Iterable[str]) -> None:
        self._addresses = list(addresses)
        self._exact: dict[str, int] = {}
        self._by_name: dict[str, int | list[int]] = {}
        self._by_stem: dict[str, int | list[int]] | None = None
        self._shared: int | None = None  # steps at the start of every path
        for place, address in enumerate(self._addresses):
            path = parts_of(address)
            # Two tasks of the same address: neither is meant more than the other.
            self._exact[address] = -1 if address in self._exact else place
            if path:
                _put(self._by_name, path[-1], place)

    def __len__(self) -> int:
        return len(self._addresses)

    def find(self, name: str) -> Match:
        """The image that a name means."""
        exact = self._exact.get(name, -1)
        if exact >= 0:
            return Match(exact)
        path = parts_of(name)
        if not path:
            return Match()
        found = _got(self._by_name, path[-1])
        if not found and not looks_like_a_picture(path[-1]):
            found = _got(self._stems(), path[-1])
        return self._best(path, found)

    def agreeing(self, image: int, names: Sequence[str]) -> list[str]:
        """Of names that all mean this image, those that can: not `a/1.jpg` and `b/1.jpg` at once.

        The image's own path is surely meant; without that one, no two may lie in different folders.
        """
        paths = {name: parts_of(name) for name in names}
        longest = max(paths.values(), key=len)
        if all(_common(path, longest) == min(len(path), len(longest)) for path in paths.values()):
            return list(names)
        return [name for name, path in paths.items() if path in (self._path(image), self._relative(image))]

    def _relative(self, image: int) -> tuple[str, ...]:
        """The path of an image below the folder that all of them lie in."""
        if self._shared is None:
            folders = {path[:-1] for path in map(parts_of, self._addresses) if path}
            first, last = min(folders, default=()), max(folders, default=())
            pairs = zip(first, last, strict=False)
            self._shared = len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))
        return self._path(image)[self._shared :]

    def _path(self, image: int) -> tuple[str, ...]:
        return parts_of(self._addresses[image])

    def _best(self, path: tuple[str, ...], found: Sequence[int]) -> Match:
        paths = {place: self._path(place) for place in found}
        common = {place: _common(path, other) for place, other in paths.items()}
        whole = [place for place in found if common[place] == min(len(path), len(paths[place]))]
        candidates = whole or found
        longest = max((common[place] for place in candidates), default=0)
        best = [place for place in candidates if common[place] == longest]
        if not best:
            return Match()
        if len(best) == 1 and (whole or len(found) == 1):
            return Match(best[0])
        from_top = [place for place in best if self._relative(place) == path]
        return Match(from_top[0]) if len(from_top) == 1 else Match(several=True)

    def _stems(self) -> dict[str, int | list[int]]:
        if self._by_stem is None:
            self._by_stem = {}
            for place, path in enumerate(map(parts_of, self._addresses)):
                if path:
                    _put(self._by_stem, PurePosixPath(path[-1]).stem, place)
        return self._by_stem


def parts_of(address: str) -> tuple[str, ...]:
    """The steps of the path that an address, or a name in a file, stands for.

    >>> parts_of("./a\\\\b.jpg"), parts_of("/data/local-files/?d=pets%2Fb.jpg"), parts_of("s3://pets/b.jpg")
    (('a', 'b.jpg'), ('pets', 'b.jpg'), ('pets', 'b.jpg'))
    >>> parts_of("/data/upload/7/0a1b2c3d-b.jpg"), parts_of("https://host/a/b%20c.jpg?signed=1")
    (('b.jpg',), ('a', 'b c.jpg'))
    """
    path = unicodedata.normalize("NFC", _path_of(address.strip())).replace("\\", "/")
    return tuple(step for step in path.split("/") if step not in ("", "."))


def _path_of(address: str) -> str:
    if address.startswith("data:"):
        return ""
    parts = _split(address)
    if parts is None:
        return address
    query = parse_qs(parts.query)
    if "fileuri" in query:
        return _path_of(_decoded(query["fileuri"][0]))
    if parts.path.endswith("/data/local-files/"):
        return query.get("d", [""])[0]
    return _within(parts)


def _split(address: str) -> SplitResult | None:
    """The parts of an address; None for what is only a path."""
    if "://" not in address and not address.startswith(("/data/", "/tasks/")):
        return None
    try:
        return urlsplit(address)
    except ValueError:
        return None


def _within(parts: SplitResult) -> str:
    """The path that an address has on its host, or in its bucket."""
    upload = UPLOAD.search(parts.path)
    if upload is not None:
        return unquote(upload["name"])
    bucket = f"{parts.netloc}/" if parts.scheme not in ("", "http", "https") else ""
    return bucket + unquote(parts.path)


def _decoded(text: str) -> str:
    """The address that Label Studio hides in base64; nothing where it is none."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""


def _common(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """How many steps two paths share, from their ends; a last step may lack its suffix."""
    count = 1
    for left, right in zip(reversed(one[:-1]), reversed(other[:-1]), strict=False):
        if left != right:
            break
        count += 1
    return count


def _put(index: dict[str, int | list[int]], key: str, place: int) -> None:
    there = index.get(key)
    if there is None:
        index[key] = place
    elif isinstance(there, int):
        index[key] = [there, place]
    else:
        there.append(place)


def _got(index: dict[str, int | list[int]], key: str) -> list[int]:
    found = index.get(key)
    return [] if found is None else [found] if isinstance(found, int) else found
