"""The arrays of "Multi-Label Learning from Single Positive Labels" (Cole et al., 2021), for its code.

For `train` and `val`: `formatted_X_images.npy` (places of the pictures), `formatted_X_labels_obs.npy` (what
people said: +1, -1, 0 for unknown) and `formatted_X_labels.npy`, which holds the clean truth there. Nobody
knows that here: it holds the values, NaN for unknown. Beside them `formatted_X_decisions.npy` (+1, -1, 0 for
not decided) and `formatted_X_human.npy` (the mask).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from annotator.exchange.rows import ExportRow
from annotator.exchange.splits import TRAIN, VALIDATION
from annotator.exchange.table import ExportFormat, ExportTable

if TYPE_CHECKING:
    import numpy.typing as npt

PHASES = {TRAIN: "train", VALIDATION: "val"}
NAMES_AT_ONCE = 10_000


def write(table: ExportTable, folder: Path) -> None:
    """Write both phases; without a split all images are in `train`, and `val` has no row."""
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in table.labels), encoding="utf-8")
    with ExitStack() as stack:
        phases = {
            split: stack.enter_context(_Phase(folder, phase, len(table.labels)))
            for split, phase in PHASES.items()
        }
        for row in table.rows:
            phases[row.split or TRAIN].add(row)


class _Phase:
    """The files of one phase, written row by row."""

    def __init__(self, folder: Path, phase: str, labels: int) -> None:
        self._open = ExitStack()

        def array(name: str, kind: str) -> _Array:
            made = _Array(folder / f"formatted_{phase}_{name}.npy", np.dtype(kind), labels)
            self._open.callback(made.close)
            return made

        self._images = _Names(folder / f"formatted_{phase}_images.npy")
        self._open.callback(self._images.close)
        self._arrays = {
            "values": array("labels", "<f8"),
            "observed": array("labels_obs", "<f8"),
            "decisions": array("decisions", "|i1"),
            "human": array("human", "|b1"),
        }

    def __enter__(self) -> _Phase:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def add(self, row: ExportRow) -> None:
        """Add one image."""
        self._images.add(row.image)
        for name, array in self._arrays.items():
            array.add(getattr(row, name))


class _Array:
    """An .npy file of rows (N, width), whose N is written into the header at the end."""

    def __init__(self, file: Path, kind: np.dtype[Any], width: int) -> None:
        self._kind, self._width, self._rows = kind, width, 0
        self._stream = file.open("wb")
        _header(self._stream, kind, (0, width))

    def add(self, row: npt.NDArray[Any]) -> None:
        self._stream.write(row.astype(self._kind).tobytes())
        self._rows += 1

    def close(self) -> None:
        with self._stream:
            self._stream.seek(0)
            _header(self._stream, self._kind, (self._rows, self._width))


class _Names:
    """An .npy file of texts, all as wide as the longest: they wait in a file of their own meanwhile."""

    def __init__(self, file: Path) -> None:
        self._file, self._count, self._longest = file, 0, 1
        self._waiting = TemporaryFile(dir=file.parent)  # noqa: SIM115 (closed by `close`)

    def add(self, name: str) -> None:
        data = name.encode("utf-8", "surrogatepass")
        self._waiting.write(len(data).to_bytes(4) + data)
        self._count += 1
        self._longest = max(self._longest, len(name))

    def close(self) -> None:
        kind = np.dtype(f"<U{self._longest}")
        with self._waiting, self._file.open("wb") as stream:
            _header(stream, kind, (self._count,))
            self._waiting.seek(0)
            for names in _pieces(self._waiting):
                stream.write(np.array(names, dtype=kind).tobytes())


def _pieces(waiting: IO[bytes]) -> Iterator[list[str]]:
    names: list[str] = []
    while size := waiting.read(4):
        names.append(waiting.read(int.from_bytes(size)).decode("utf-8", "surrogatepass"))
        if len(names) == NAMES_AT_ONCE:
            yield names
            names = []
    if names:
        yield names


def _header(stream: IO[bytes], kind: np.dtype[Any], shape: tuple[int, ...]) -> None:
    """The header of an .npy file. NumPy leaves room in it, so that it can be written again with more rows."""
    description = {"descr": kind.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, description)  # type: ignore[no-untyped-call]


PAPER = ExportFormat(
    "npy",
    "The arrays that the code of Cole et al. (2021) reads.",
    write,
    folder=True,
)
