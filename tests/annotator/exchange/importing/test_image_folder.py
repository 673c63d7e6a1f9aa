"""ImageFolder trees, read as torchvision reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import ImageFolder

from annotator.errors import OnetagError
from annotator.exchange.importing import Reading
from annotator.store import Claim, Store
from tests.annotator.exchange.importing.conftest import Bring, Files, Read, by_image, known


def test_it_reads_what_torchvision_reads(tmp_path: Path, read: Read) -> None:
    root = tmp_path / "tree"
    for number, name in enumerate(("cat/a.png", "cat/deep/er/b.png", "naïve dog/a.png", "tree/c.PNG")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((2, 2, 3), number, dtype=np.uint8)).save(root / name, format="PNG")
    peer = ImageFolder(str(root))
    expected = {
        Path(file).relative_to(root).as_posix(): {peer.classes[label]} for file, label in peer.samples
    }
    reading = Reading()
    assert by_image(read(root, "imagefolder", reading)) == expected
    assert list(reading.vocabulary) == peer.classes


def test_below_splits_the_class_is_the_second_folder(pictures: Files, read: Read) -> None:
    root = pictures("train/cat/a.jpg", "val/cat/b.jpg", "Test/dog/c.jpg")
    assert by_image(read(root, "imagefolder")) == {
        "train/cat/a.jpg": {"cat"},
        "val/cat/b.jpg": {"cat"},
        "Test/dog/c.jpg": {"dog"},
    }


def test_the_tree_is_its_own_folder_of_images(sqlite_store: Store, pictures: Files, bring: Bring) -> None:
    root = pictures("cat/a.jpg", "dog/a.jpg", "loose.jpg")
    report = bring(sqlite_store, root, root, Claim.SINGLE)
    assert known(sqlite_store) == {"cat/a.jpg": {"cat": 1}, "dog/a.jpg": {"dog": 1}}
    assert report.left_out == {"pictures outside of the folder of a class": 1}
    assert bring(sqlite_store, root, root, Claim.SINGLE).standing == 2


def test_a_folder_without_classes_is_told(pictures: Files, read: Read) -> None:
    with pytest.raises(OnetagError, match="no format that onetag recognises"):
        read(pictures("a.jpg"), "imagefolder")
    with pytest.raises(OnetagError, match="no picture lies in the folder of a class"):
        read(pictures("train/a.jpg", folder=pictures().parent / "splits"), "imagefolder")
