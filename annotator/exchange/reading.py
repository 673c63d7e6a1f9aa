"""Reading exports back, format by format: values, decisions and mask as arrays."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.errors import OnetagError
from annotator.exchange.comma_separated import ENCODING, plain
from annotator.exchange.splits import TRAIN, VALIDATION
from annotator.exchange.table import DECISIONS

if TYPE_CHECKING:
    import numpy.typing as npt

FIRST_COLUMN = "p:"
LONGEST_CELL = 2**27
OF_WORDS = {word: value for value, word in DECISIONS.items()}
SIGNS = {True: 1, False: -1, None: 0}
AGAIN = "Export again with `onetag export`."


@dataclass(frozen=True, eq=False)
class Exported:
    """An export of N images and L labels as it was written.

    values: float32 (N, L), NaN for unknown. human: bool (N, L). decisions: int8 (N, L), +1, -1, 0.
    """

    labels: Sequence[str]
    images: Sequence[str]
    values: npt.NDArray[np.float32]
    human: npt.NDArray[np.bool_]
    decisions: npt.NDArray[np.int8]
    splits: Sequence[str | None]


def read_export(path: Path) -> Exported:
    """The export in a file (csv, jsonl, parquet, coco) or folder (imagefolder, fiftyone, npy).

    Raises OnetagError for what is no export, naming what to do.
    """
    if not path.exists():
        raise OnetagError(f"{path} is not there.", AGAIN)
    try:
        return _reader(path)(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise OnetagError(f"{path} cannot be read as an export ({error!r}).", AGAIN) from error


def _reader(path: Path) -> Callable[[Path], Exported]:
    if path.is_dir():
        for inside, of_folder in IN_FOLDERS.items():
            if any(path.glob(inside)):
                return of_folder
        if any(path.glob("*.tar")):
            raise OnetagError(f"{path} holds shards.", "Stream them with the webdataset library.")
        raise OnetagError(f"{path} holds no export.", AGAIN)
    reader = FILES.get(path.suffix.lower())
    if reader is None:
        raise OnetagError(
            f"{path} is no export that can be read back.", f"Give a file of {', '.join(FILES)}, or a folder."
        )
    return reader


def _csv(path: Path) -> Exported:
    with path.open(encoding=ENCODING, newline="") as stream, _long_cells():
        header, *lines = csv.reader(stream)
    names = [plain(name) for name in header]
    start = [name.startswith(FIRST_COLUMN) for name in names].index(True)
    image, split = names.index("image"), names.index("split")
    cells = np.array([line[start:] for line in lines], dtype=object).reshape(len(lines), -1, 3)
    width = cells.shape[1]
    return Exported(
        labels=[name.removeprefix(FIRST_COLUMN) for name in names[start::3]],
        images=[plain(line[image]) for line in lines],
        values=_array([[float(each or "nan") for each in row] for row in cells[:, :, 0]], width),
        human=cells[:, :, 2] == "1",
        decisions=_array([[OF_WORDS[each or None] for each in row] for row in cells[:, :, 1]], width, "i1"),
        splits=[line[split] or None for line in lines],
    )


@contextmanager
def _long_cells() -> Iterator[None]:
    """The csv module takes cells of 128 KiB: a list of thousands of labels is longer."""
    before = csv.field_size_limit(LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _json_lines(path: Path) -> Exported:
    with path.open("rb") as stream:
        return _of_records(json.loads(line) for line in stream)


def _of_records(records: Iterator[dict[str, Any]]) -> Exported:
    labels: Sequence[str] = ()
    images, splits = [], []
    values, human, decisions = [], [], []
    for row in records:
        labels = labels or list(row["probabilities"])
        images.append(row["image"])
        splits.append(row["split"])
        values.append(_numbers(row["probabilities"].values()))
        human.append(np.array(list(row["human"].values()), dtype=np.bool_))
        decisions.append(np.array([OF_WORDS[each] for each in row["decisions"].values()], dtype=np.int8))
    width = len(labels)
    return Exported(
        labels,
        images,
        _array(values, width),
        _array(human, width, "?"),
        _array(decisions, width, "i1"),
        splits,
    )


def _parquet(path: Path) -> Exported:
    from pyarrow import parquet  # noqa: PLC0415 (pyarrow is slow to import)

    table = parquet.ParquetFile(path).read()  # type: ignore[no-untyped-call]
    labels = [name.removeprefix(FIRST_COLUMN) for name in table.column_names if name.startswith(FIRST_COLUMN)]
    shape = table.num_rows, len(labels)
    values, human, decisions = np.empty(shape, "f4"), np.empty(shape, "?"), np.empty(shape, "i1")
    for column, label in enumerate(labels):
        values[:, column] = table[f"p:{label}"].to_numpy()
        human[:, column] = table[f"h:{label}"].to_numpy()
        decided = table[f"d:{label}"]
        decisions[:, column] = [SIGNS[each] for each in decided.to_pylist()]
    return Exported(labels, table["image"].to_pylist(), values, human, decisions, table["split"].to_pylist())


def _coco(path: Path) -> Exported:
    data = json.loads(path.read_bytes())
    labels = [each["name"] for each in data["categories"]]
    return _of_lists(
        labels, data["images"], "file_name", "values", [each["split"] for each in data["images"]]
    )


def _image_folder(path: Path) -> Exported:
    from pyarrow import parquet  # noqa: PLC0415 (pyarrow is slow to import)

    labels = (path / "labels.txt").read_text(encoding="utf-8").splitlines()
    rows, splits = [], []
    for split in (TRAIN, VALIDATION):
        if (path / split).is_dir():
            found = parquet.ParquetFile(path / split / "metadata.parquet").read().to_pylist()  # type: ignore[no-untyped-call]
            rows += [row | {"file": str(path / split / row["file_name"])} for row in found]
            splits += [split] * len(found)
    return _of_lists(labels, rows, "file", "probabilities", splits)


def _of_lists(
    labels: list[str], rows: list[dict[str, Any]], image: str, values: str, splits: Sequence[str | None]
) -> Exported:
    """Of rows with a list over the labels each."""
    decided = [[SIGNS[each] for each in row["decisions"]] for row in rows]
    return Exported(
        labels=labels,
        images=[row[image] for row in rows],
        values=_array([_numbers(row[values]) for row in rows], len(labels)),
        human=_array([row["human"] for row in rows], len(labels), "?"),
        decisions=_array(decided, len(labels), "i1"),
        splits=splits,
    )


def _fiftyone(path: Path) -> Exported:
    files = {
        file.relative_to(path / "data").with_suffix("").as_posix(): str(file)
        for file in (path / "data").rglob("*.*")
    }
    with (path / "rows.jsonl").open("rb") as stream:
        rows = (json.loads(line) for line in stream)
        return _of_records(row | {"image": files[row["key"]]} for row in rows)


def _paper(path: Path) -> Exported:
    def both(name: str) -> npt.NDArray[Any]:
        return np.concatenate([np.load(path / f"formatted_{phase}_{name}.npy") for phase in ("train", "val")])

    count = len(np.load(path / "formatted_train_images.npy", mmap_mode="r"))
    images = both("images").tolist()
    return Exported(
        labels=(path / "labels.txt").read_text(encoding="utf-8").splitlines(),
        images=images,
        values=both("labels").astype(np.float32),
        human=both("human"),
        decisions=both("decisions"),
        splits=[TRAIN] * count + [VALIDATION] * (len(images) - count),
    )


def _numbers(values: Any) -> npt.NDArray[np.float32]:
    return np.array([np.nan if each is None else each for each in values], dtype=np.float32)


def _array(rows: Sequence[Any], width: int, kind: str = "f4") -> npt.NDArray[Any]:
    return np.array(rows, dtype=kind).reshape(len(rows), width)


FILES: dict[str, Callable[[Path], Exported]] = {
    ".csv": _csv,
    ".jsonl": _json_lines,
    ".parquet": _parquet,
    ".json": _coco,
}
IN_FOLDERS: dict[str, Callable[[Path], Exported]] = {
    "formatted_*_labels.npy": _paper,
    "*/metadata.parquet": _image_folder,
    "rows.jsonl": _fiftyone,
}
