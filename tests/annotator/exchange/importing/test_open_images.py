"""Open Images' image-level labels: people's + and -, and a machine's guesses, which are no observation."""

from __future__ import annotations

from pathlib import Path

import pytest

from annotator.errors import OnetagError
from annotator.exchange.importing import Reading, ReadOptions
from annotator.store import Claim, Store
from tests.annotator.exchange.importing.conftest import Bring, Files, Read, known

HEADER = "ImageID,Source,LabelName,Confidence\n"
VERIFIED = HEADER + (
    "000026e7ee790996,verification,/m/04hgtk,0\n"
    "000026e7ee790996,verification,/m/07j7r,1\n"
    "000026e7ee790996,crowdsource-verification,/m/01bqvp,1\n"
    "000062a39995e348,verification,/m/015p6,1\n"
)
MACHINE = HEADER + "000026e7ee790996,machine,/m/07j7r,0.9\n000062a39995e348,machine,/m/015p6,1.0\n"
CODES = {"/m/04hgtk": "Human head", "/m/07j7r": "Tree", "/m/01bqvp": "Sky", "/m/015p6": "Bird"}


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "validation-annotations-human-imagelabels.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_plus_and_minus_of_people(sqlite_store: Store, tmp_path: Path, bring: Bring, pictures: Files) -> None:
    folder = pictures("validation/000026e7ee790996.jpg", "validation/000062a39995e348.jpg")
    options = ReadOptions(label_codes=CODES)
    bring(sqlite_store, write(tmp_path, VERIFIED), folder, Claim.VERIFIED, options=options)
    assert known(sqlite_store) == {
        "validation/000026e7ee790996.jpg": {"Tree": 1, "Human head": -1, "Sky": 1},
        "validation/000062a39995e348.jpg": {"Bird": 1},
    }


def test_a_machines_guesses_are_counted_and_left_out(tmp_path: Path, read: Read) -> None:
    reading = Reading()
    found = read(write(tmp_path, VERIFIED + MACHINE.removeprefix(HEADER)), "openimages", reading)
    assert sum(len(entry.present) + len(entry.absent) for entry in found) == 4
    assert list(reading.left_out.values()) == [2]


def test_a_file_of_guesses_alone_says_so(
    sqlite_store: Store, tmp_path: Path, bring: Bring, pictures: Files
) -> None:
    folder = pictures("000026e7ee790996.jpg")
    with pytest.raises(OnetagError, match=r"names no image .2 labels that a machine guessed"):
        bring(sqlite_store, write(tmp_path, MACHINE), folder, Claim.COMPLETE)


def test_people_who_disagree_leave_unknown(
    sqlite_store: Store, tmp_path: Path, bring: Bring, pictures: Files
) -> None:
    folder = pictures("000026e7ee790996.jpg")
    other = VERIFIED + "000026e7ee790996,crowdsource-verification,/m/07j7r,0\n"
    report = bring(sqlite_store, write(tmp_path, other), folder)
    assert report.contradictions == 1
    assert known(sqlite_store) == {"000026e7ee790996.jpg": {"/m/01bqvp": 1}}


def test_a_confidence_between_is_no_persons(tmp_path: Path, read: Read) -> None:
    with pytest.raises(OnetagError, match=r"line 2 has confidence '0\.7'"):
        read(write(tmp_path, HEADER + "a,verification,/m/1,0.7\n"), "openimages")
