"""An ImageFolder tree: a picture lies in the folder of its class.

The class is the first folder below the root, as torchvision reads it; below folders that are all called as
splits are (train, val, test) it is the second.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from annotator.exchange.importing.entry import Entry, ImportFormat, Reading, broken
from annotator.exchange.importing.pictures import looks_like_a_picture, pictures_below

SPLITS = frozenset({"train", "training", "val", "valid", "validation", "test", "testing", "dev"})


def read(path: Path, reading: Reading) -> Iterator[Entry]:
    """One entry a picture. Raises OnetagError when none lies in the folder of a class."""
    files = [PurePosixPath(name) for name in pictures_below(path).files]
    depth = 1 if all(file.parts[0].lower() in SPLITS for file in files) else 0
    classed = [file for file in files if len(file.parts) > depth + 1]
    if not classed:
        raise broken(path, "no picture lies in the folder of a class.", "Make a folder for each class.")
    outside = len(files) - len(classed)
    if outside:
        reading.left_out["pictures outside of the folder of a class"] += outside
    reading.declare(sorted({file.parts[depth] for file in classed}))
    for done, file in enumerate(classed, 1):
        yield Entry(str(file), (file.parts[depth],))
        reading.progress(done, len(classed))


def recognises(path: Path, head: bytes) -> bool:
    """By pictures in the folders below."""
    del head
    if not path.is_dir():
        return False
    return any(
        looks_like_a_picture(file.name)
        for below in path.iterdir()
        if below.is_dir()
        for file in below.rglob("*")
    )


IMAGE_FOLDER = ImportFormat(
    "imagefolder",
    "An ImageFolder tree: FOLDER/class/picture.jpg, also below train, val and test.",
    "a folder with pictures in its folders",
    recognises,
    read,
    negatives=False,
)
