"""Make a third set of labelled images from a public checkout: fundus photographs with eight findings.

    python -m benchmarks.fundus PATH onetag-data/fundus

PATH is a checkout of the public repository TerenceDumartin/ocular-disease-recognition, which holds the images
of ODIR-5K (Peking University, 2019). One image a patient, both eyes side by side, so that no patient is on
both sides of a split; the findings are the patient's.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from PIL import Image

FINDINGS = {
    "N": "normal",
    "D": "diabetes",
    "G": "glaucoma",
    "C": "cataract",
    "A": "macular degeneration",
    "H": "hypertension",
    "M": "myopia",
    "O": "other",
}
SIDE = 256  # pixels of an eye


def patients(table: Path) -> dict[str, list[str]]:
    """The findings of each patient, "0" or "1" each."""
    with table.open(encoding="utf-8", newline="") as stream:
        return {row["ID"]: [row[letter] for letter in FINDINGS] for row in csv.DictReader(stream)}


def eyes(folder: Path) -> dict[str, dict[str, Path]]:
    """The left and the right eye of each patient; files are named ID_side_age_sex_finding."""
    found: dict[str, dict[str, Path]] = {}
    for file in sorted(folder.glob("*_*_*")):
        patient, side, *_ = file.stem.split("_")
        found.setdefault(patient, {})[side] = file
    return found


def side_by_side(left: Path, right: Path) -> Image.Image:
    """Both eyes in one picture."""
    pair = Image.new("RGB", (2 * SIDE, SIDE))
    for place, file in enumerate((left, right)):
        with Image.open(file) as eye:
            pair.paste(eye.convert("RGB").resize((SIDE, SIDE)), (place * SIDE, 0))
    return pair


def make(checkout: Path, folder: Path) -> int:
    """Write `images/` and `labels.csv`; returns the number of patients with both eyes."""
    findings = patients(checkout / "data" / "full_df.csv")
    pairs = {
        patient: pair
        for patient, pair in eyes(checkout / "data" / "preprocessed_images2").items()
        if patient in findings and {"left", "right"} <= set(pair)
    }
    (folder / "images").mkdir(parents=True, exist_ok=True)
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["image", *FINDINGS.values()])
        for patient in sorted(pairs, key=int):
            name = f"{patient}.jpg"
            side_by_side(pairs[patient]["left"], pairs[patient]["right"]).save(
                folder / "images" / name, quality=92
            )
            writer.writerow([name, *findings[patient]])
    return len(pairs)


def main() -> None:
    """Read the arguments, write the set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkout", type=Path, help="folder with data/full_df.csv and the images")
    parser.add_argument("folder", type=Path, help="where the set is written")
    arguments = parser.parse_args()
    print(f"{make(arguments.checkout, arguments.folder):,} patients in {arguments.folder}")


if __name__ == "__main__":
    main()
