"""Files read piece by piece, with the progress told and the place of what is broken found."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import ijson

from annotator.exchange.importing.entry import Progress, broken

CHUNK = 2**16
TOLD_EVERY = 2**20  # bytes
MEND_JSON = "Mend the file there, or write it again with the program that made it."


class _Counted(io.FileIO):
    """A file that tells how far it is read."""

    def __init__(self, path: Path, progress: Progress) -> None:
        super().__init__(path)
        self._progress, self._total = progress, path.stat().st_size
        self._told = 0

    def readinto(self, buffer: Any) -> int | None:
        """Read, and tell from time to time."""
        count = super().readinto(buffer)
        done = self.tell()
        if not count or abs(done - self._told) >= TOLD_EVERY:
            self._told = done
            self._progress(done, self._total)
        return count


def opened(path: Path, progress: Progress) -> BinaryIO:
    """The bytes of a file; `progress` is told how many were read. Raises OnetagError when it cannot be."""
    try:
        return cast(BinaryIO, io.BufferedReader(_Counted(path, progress), 2**18))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise broken(path, f"it cannot be read ({reason}).", "Check its name and its rights.") from None


def head_of(path: Path, size: int = 2**16) -> bytes:
    """The first bytes of a file; none of a folder. Raises OnetagError when it cannot be read."""
    if path.is_dir():
        return b""
    with opened(path, lambda _done, _total: None) as stream:
        return stream.read(size)


def json_items(path: Path, prefix: str, progress: Progress) -> Iterator[Any]:
    """The items at a place of a JSON file (`images.item`), one at a time.

    Raises OnetagError with line and column where the file is no JSON.
    """
    with opened(path, progress) as stream:
        try:
            # A byte order mark is no JSON, and yet common.
            start = stream.peek(3)[:3] if isinstance(stream, io.BufferedReader) else b""
            stream.seek(3 if start == b"\xef\xbb\xbf" else 0)
            yield from ijson.items(stream, prefix, use_float=True)
        except (ijson.JSONError, UnicodeDecodeError):
            raise broken_json(path) from None


def broken_json(path: Path) -> Exception:
    """The error of a JSON file that cannot be parsed, with the place where it stops being JSON."""
    at = _first_bad_byte(path)
    if at is None:
        line, column = _place(path, path.stat().st_size)
        return broken(path, f"the JSON ends too early, in line {line}, column {column}.", MEND_JSON)
    line, column = _place(path, at)
    return broken(path, f"no JSON in line {line}, column {column}.", MEND_JSON)


def _first_bad_byte(path: Path) -> int | None:
    """Where the parser gives up; None when that is only at the end of the file."""
    whole = 0
    with path.open("rb") as stream:
        push = _parser()
        for piece in iter(lambda: stream.read(CHUNK), b""):
            if not push(piece):
                break
            whole += len(piece)
        else:
            return None
        # Again up to that piece, and through it byte by byte.
        push = _parser()
        stream.seek(0)
        for start in range(0, whole, CHUNK):
            push(stream.read(min(CHUNK, whole - start)))
        for offset, byte in enumerate(stream.read(CHUNK)):
            if not push(bytes([byte])):
                return whole + offset
    return whole


def _parser() -> Callable[[bytes], bool]:
    """A function that is fed the file, and says whether it was JSON so far."""
    events = ijson.sendable_list()
    coroutine = ijson.basic_parse_coro(events)
    begun = False

    def push(data: bytes) -> bool:
        nonlocal begun
        if not begun:
            begun = True
            data = data.removeprefix(b"\xef\xbb\xbf")
        try:
            coroutine.send(data)
        except (ijson.JSONError, UnicodeDecodeError, StopIteration):
            return False
        events.clear()
        return True

    return push


def _place(path: Path, offset: int) -> tuple[int, int]:
    """Line and column of a byte, counted from 1."""
    line, last = 1, -1
    with path.open("rb") as stream:
        done = 0
        while done < offset and (piece := stream.read(min(2**20, offset - done))):
            line += piece.count(b"\n")
            found = piece.rfind(b"\n")
            last = done + found if found >= 0 else last
            done += len(piece)
    return line, offset - last
