"""The arrays of the single-positive papers, as their code writes and reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from annotator.errors import OnetagError
from annotator.exchange.importing import Entry, Reading, ReadOptions
from annotator.store import Claim, Store
from tests.annotator.exchange.importing.conftest import Bring, Files, Read, known

NAMES = ("cat", "dog", "tree")
IMAGES = np.array(["train2014/COCO_train2014_000000000009.jpg", "train2014/COCO_train2014_000000000025.jpg"])
TRUTH = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
OBSERVED = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 1.0]])


@pytest.fixture
def arrays(tmp_path: Path) -> Path:
    folder = tmp_path / "coco"
    folder.mkdir()
    np.save(folder / "formatted_train_images.npy", IMAGES)
    np.save(folder / "formatted_train_labels.npy", TRUTH)
    np.save(folder / "formatted_train_labels_obs.npy", OBSERVED)
    return folder


def test_a_folder_says_what_is_observed(arrays: Path, read: Read) -> None:
    reading = Reading(ReadOptions(label_names=NAMES))
    assert read(arrays, "npy", reading) == [
        Entry(str(IMAGES[0]), ["dog"], absent=[]),
        Entry(str(IMAGES[1]), ["tree"], absent=["cat"]),
    ]
    assert tuple(reading.vocabulary) == NAMES


def test_the_labels_themselves_are_every_label(
    sqlite_store: Store, arrays: Path, bring: Bring, pictures: Files
) -> None:
    folder = pictures(*(str(name) for name in IMAGES))
    file, options = arrays / "formatted_train_labels.npy", ReadOptions(label_names=NAMES)
    bring(sqlite_store, file, folder, Claim.VERIFIED, options=options)
    assert known(sqlite_store) == {
        str(IMAGES[0]): {"cat": 1, "dog": 1, "tree": -1},
        str(IMAGES[1]): {"cat": -1, "dog": -1, "tree": 1},
    }


def test_what_is_observed_is_known_and_nothing_else(
    sqlite_store: Store, arrays: Path, bring: Bring, pictures: Files
) -> None:
    folder = pictures(*(str(name) for name in IMAGES))
    bring(sqlite_store, arrays, folder, Claim.VERIFIED, options=ReadOptions(label_names=NAMES))
    assert known(sqlite_store) == {str(IMAGES[0]): {"dog": 1}, str(IMAGES[1]): {"cat": -1, "tree": 1}}


def test_both_splits_and_the_names_of_the_second_papers_files(arrays: Path, read: Read) -> None:
    np.save(arrays / "formatted_val_images.npy", np.array([b"v.jpg"]))
    np.save(arrays / "formatted_val_uniform_labels_obs.npy", np.array([[1, 0, 0]], dtype=np.int8))
    found = read(arrays, "npy", label_names=NAMES)
    assert [entry.image for entry in found] == [*map(str, IMAGES), "v.jpg"]
    np.save(arrays / "formatted_val_size_labels_obs.npy", np.array([[1, 0, 0]], dtype=np.int8))
    with pytest.raises(OnetagError, match="two files say what is observed"):
        read(arrays, "npy", label_names=NAMES)


def test_names_are_needed_and_counted(arrays: Path, read: Read) -> None:
    with pytest.raises(OnetagError, match=r"it has 3 labels, and the file holds no names.*--label-names"):
        read(arrays, "npy")
    with pytest.raises(OnetagError, match="it has 3 labels, and 2 names were given"):
        read(arrays, "npy", label_names=("cat", "dog"))


def test_names_beside_the_arrays_are_taken(arrays: Path, read: Read) -> None:
    (arrays / "labels.txt").write_text("cat\n\ndog\ntree\n", encoding="utf-8")
    reading = Reading()
    assert [entry.present for entry in read(arrays, "npy", reading)] == [["dog"], ["tree"]]
    assert tuple(reading.vocabulary) == NAMES


def test_arrays_of_objects_are_never_loaded(arrays: Path, read: Read) -> None:
    np.save(arrays / "formatted_train_images.npy", np.array(["a", "b"], dtype=object), allow_pickle=True)
    with pytest.raises(OnetagError, match=r"no array of numbers or names .*Python objects"):
        read(arrays, "npy", label_names=NAMES)


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (np.zeros((3, 3)), r"shape \(2,\) and labels of shape \(3, 3\) do not belong"),
        (np.array([[0, 1, 0], [0, 0, 2]]), "row 1, column 2 is 2"),
        (np.array([[0.5, 1, 0], [0, 0, 0]]), "row 0, column 0 is 0.5"),
    ],
)
def test_what_does_not_fit_is_told(arrays: Path, read: Read, labels: object, told: str) -> None:
    np.save(arrays / "formatted_train_labels_obs.npy", np.asarray(labels))
    with pytest.raises(OnetagError, match=told):
        read(arrays, "npy", label_names=NAMES)


def test_other_arrays_and_missing_images_are_told(arrays: Path, read: Read) -> None:
    with pytest.raises(OnetagError, match="its name is not that of labels"):
        read(arrays / "formatted_train_images.npy", "npy", label_names=NAMES)
    (arrays / "formatted_train_images.npy").rename(arrays / "formatted_other_images.npy")
    with pytest.raises(OnetagError, match=r"formatted_train_images\.npy: there is no such file"):
        read(arrays, "npy", label_names=NAMES)
