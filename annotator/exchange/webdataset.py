"""WebDataset: tar files of pictures, each followed by what it shows as JSON, to be streamed in training."""

from __future__ import annotations

import io
import tarfile
from contextlib import ExitStack
from pathlib import Path

from annotator.exchange.pictures import key_of, suffix_of
from annotator.exchange.splits import TRAIN
from annotator.exchange.table import ExportFormat, ExportTable, json_bytes, record

MOST_SAMPLES = 10_000
MOST_BYTES = 512 * 2**20


def write(table: ExportTable, folder: Path) -> None:
    """Write `train-000000.tar` and so on, `validation-...` with a split; the same rows give the same bytes.

    An image whose picture cannot be read from here has its JSON alone, and is counted.
    """
    shards: dict[str, _Shards] = {}
    with ExitStack() as stack:
        for row in table.rows:
            name = row.split or TRAIN
            if name not in shards:
                shards[name] = _Shards(folder, name)
                stack.callback(shards[name].close)
            data = table.picture(row)
            parts = {".json": json_bytes(record(row, table.labels))}
            if data is not None:
                parts = {suffix_of(row, data): data, **parts}
            shards[name].add(key_of(row), parts)


class _Shards:
    """The tar files of one split: a new one when the last is full."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._number = 0
        self._open()

    def add(self, key: str, parts: dict[str, bytes]) -> None:
        """Add one sample: its parts by suffix, all in one file."""
        size = sum(len(data) for data in parts.values())
        if self._samples == MOST_SAMPLES or (self._samples and self._bytes + size > MOST_BYTES):
            self.close()
            self._number += 1
            self._open()
        for suffix, data in parts.items():
            entry = tarfile.TarInfo(key + suffix)
            entry.size = len(data)
            self._tar.addfile(entry, io.BytesIO(data))
        self._samples += 1
        self._bytes += size

    def close(self) -> None:
        """End the file that is open."""
        self._tar.close()

    def _open(self) -> None:
        # Streamed: else the tar file keeps a record of every member in memory.
        self._tar = tarfile.open(  # noqa: SIM115 (closed by `close`)
            self._folder / f"{self._name}-{self._number:06d}.tar", "w|", format=tarfile.USTAR_FORMAT
        )
        self._samples = self._bytes = 0


WEBDATASET = ExportFormat(
    "webdataset",
    "Tar files of pictures and JSON, to be streamed in training.",
    write,
    folder=True,
)
