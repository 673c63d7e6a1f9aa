"""Seconds and memory of importing labels, as images grow: CSV and COCO, into a fresh project of a folder.

    python -m benchmarks.importing              # 10,000 and 100,000 images, about 12 minutes on 2 cores
    python -m benchmarks.importing --quick      # 2,000 images

The images are empty files: nothing is decoded in an import. The COCO file has as many annotations an image as
COCO itself, with polygons. Each import runs in a process of its own, so that its peak of resident memory is
its own (`base_mib` is what it holds before it begins); `again_s` is the same import a second time.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.exchange.importing import LabelFile, choose_import_format, folder_target, import_labels
from annotator.exchange.importing.entry import nobody
from annotator.store import Claim, open_store, upgrade
from benchmarks.peak import peak_mib

if TYPE_CHECKING:
    from collections.abc import Iterator

    from annotator.exchange.importing.entry import Progress

LABELS, POSITIVES, OBJECTS = 80, 2.9, 7.3  # of COCO, an image
POINTS = 20  # of a polygon
COLUMNS = ("images", "format", "claim", "file_mib", "observations", "first_s", "again_s", "mib", "base_mib")


@contextmanager
def no_bar(_title: str) -> Iterator[Progress]:
    """No progress bar."""
    yield nobody


def make_images(folder: Path, count: int) -> list[str]:
    """Empty pictures, a thousand a folder."""
    names = [f"{number // 1000:04}/{number:012}.jpg" for number in range(count)]
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return names


def draw(names: list[str], seed: int) -> Iterator[tuple[str, list[int]]]:
    """The labels of each image, those with low numbers more often."""
    chance = random.Random(seed)
    weights = [1 / (label + 3) for label in range(LABELS)]
    scale = POSITIVES / sum(weights)
    for name in names:
        yield name, [label for label in range(LABELS) if chance.random() < weights[label] * scale]


def write_csv(file: Path, names: list[str]) -> None:
    """A column a label."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["image", *(f"label {label}" for label in range(LABELS))])
        for name, present in draw(names, 1):
            there = set(present)
            writer.writerow([name, *("1" if label in there else "0" for label in range(LABELS))])


def write_coco(file: Path, names: list[str]) -> None:
    """Instances with polygons, in an order that has nothing to do with the images'."""
    chance = random.Random(2)
    with file.open("w", encoding="utf-8") as stream:
        images = [
            {"id": number, "file_name": name, "width": 640, "height": 480}
            for number, name in enumerate(names)
        ]
        stream.write('{"info": {}, "images": ' + json.dumps(images) + ', "annotations": [')
        pairs = [(number, label) for number, (_, present) in enumerate(draw(names, 1)) for label in present]
        pairs += chance.choices(pairs, k=max(0, int(OBJECTS * len(names)) - len(pairs)))
        chance.shuffle(pairs)
        for number, (image, label) in enumerate(pairs):
            polygon = [round(chance.uniform(0, 640), 2) for _ in range(2 * POINTS)]
            item: dict[str, Any] = {
                "id": number,
                "image_id": image,
                "category_id": label,
                "iscrowd": 0,
                "area": 9.5,
            }
            item |= {"bbox": polygon[:4], "segmentation": [polygon]}
            stream.write((",\n" if number else "") + json.dumps(item))
        categories = [{"id": label, "name": f"label {label}"} for label in range(LABELS)]
        stream.write('], "categories": ' + json.dumps(categories) + "}")


def measure(data: Path, images: Path, file: Path, claim: Claim) -> dict[str, Any]:
    """Import twice in this process; seconds, MiB and counts."""
    store = open_store(f"sqlite:///{data / 'onetag.db'}")
    upgrade(store)
    label_file = LabelFile(file, choose_import_format(file), claim)
    base = peak_mib()
    seconds, reports = [], []
    for _ in range(2):
        began = time.perf_counter()
        target = folder_target(store, images, None, nobody)
        reports.append(import_labels(store, label_file, target, no_bar))
        seconds.append(time.perf_counter() - began)
    store.close()
    first, again = reports
    assert (again.present, again.absent, again.retired) == (0, 0, 0)
    return {
        "observations": first.present + first.absent,
        "first_s": seconds[0],
        "again_s": seconds[1],
        "mib": peak_mib(),
        "base_mib": base,
    }


def in_a_process(*arguments: str) -> dict[str, Any]:
    """Run this file as a child and read the JSON that it prints."""
    child = subprocess.run(
        [sys.executable, "-m", "benchmarks.importing", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return dict(json.loads(child.stdout))


def run(counts: list[int], formats: list[str], claims: list[str]) -> list[dict[str, Any]]:
    """All cells, printed as they come."""
    print(" | ".join(COLUMNS))
    rows = []
    for count in counts:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            names = make_images(folder / "images", count)
            for form in formats:
                file = folder / ("labels.csv" if form == "csv" else "instances.json")
                (write_csv if form == "csv" else write_coco)(file, names)
                for claim in claims:
                    data = folder / f"{form}-{claim}"
                    data.mkdir()
                    found = in_a_process("--measure", str(data), str(folder / "images"), str(file), claim)
                    size = file.stat().st_size / 2**20
                    rows.append({"images": count, "format": form, "claim": claim, "file_mib": size} | found)
                    print(table_row(rows[-1]), flush=True)
    return rows


def table_row(row: dict[str, Any]) -> str:
    """One line."""
    cells = (row[column] for column in COLUMNS)
    return " | ".join(
        f"{cell:,.1f}" if isinstance(cell, float) else f"{cell:,}" if isinstance(cell, int) else str(cell)
        for cell in cells
    )


def main() -> None:
    """Read the options, run, write the JSON."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="2,000 images")
    parser.add_argument("--images", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--formats", nargs="+", choices=("csv", "coco"), default=["csv", "coco"])
    parser.add_argument("--claims", nargs="+", choices=tuple(Claim), default=["positive", "complete"])
    parser.add_argument("--json", type=Path, help="where the results go")
    parser.add_argument("--measure", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        data, images, file, claim = options.measure
        print(json.dumps(measure(Path(data), Path(images), Path(file), Claim(claim))))
        return
    rows = run([2_000] if options.quick else options.images, options.formats, options.claims)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
