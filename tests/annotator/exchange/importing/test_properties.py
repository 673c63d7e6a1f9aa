"""For any names and any sets of labels: what goes into a file comes out of it."""

from __future__ import annotations

import csv
import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from annotator.errors import OnetagError
from annotator.exchange.importing import Entry, Reading, ReadOptions, choose_import_format
from annotator.exchange.importing.importer import clean_label
from annotator.exchange.importing.matching import ImageIndex
from annotator.exchange.importing.staging import staging
from annotator.store import Claim

LETTERS = st.characters(exclude_categories=["Cc", "Cs", "Cn", "Co", "Cf"], exclude_characters="$")
LABEL = st.text(LETTERS, min_size=1, max_size=12).map(lambda name: " ".join(name.split())).filter(bool)
PLAIN = LABEL.filter(lambda name: not (set(name) & set("|;,[]\"'") or name.isdecimal() or is_mark(name)))
IMAGE = (
    st.text(LETTERS, min_size=1, max_size=12).map(lambda name: name.replace("/", "_").strip()).filter(bool)
)
SETS = st.dictionaries(
    IMAGE.map(lambda name: f"{name}.jpg"), st.sets(PLAIN, max_size=5), min_size=1, max_size=8
)


def is_mark(name: str) -> bool:
    return name.lower() in ("1", "0", "1.0", "0.0", "true", "false", "yes", "no", "nan")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


def entries(path: Path, **options: Any) -> list[Entry]:
    return list(choose_import_format(path).read(path, Reading(ReadOptions(**options))))


def sets(found: list[Entry]) -> dict[str, set[str]]:
    merged: dict[str, set[str]] = {}
    for entry in found:
        merged.setdefault(entry.image, set()).update(entry.present)
    return merged


@given(SETS)
@example({"a.jpg": set()})
@example({"=1+1.jpg": {"=cmd"}, "日本.jpg": {"naïve", "🫨"}})
def test_a_csv_of_lists(folder: Path, wanted: dict[str, set[str]]) -> None:
    file = folder / "lists.csv"
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["image", "labels"])
        writer.writerows([name, "|".join(sorted(labels))] for name, labels in wanted.items())
    assert sets(entries(file, separator="|", label_columns=("labels",))) == wanted


@given(SETS)
@example({"a.jpg": {"image"}})
def test_a_csv_of_marks(folder: Path, wanted: dict[str, set[str]]) -> None:
    file, labels = folder / "marks.csv", sorted(set().union(*wanted.values()) | {"always there"})
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["image", *labels])
        for name, present in wanted.items():
            writer.writerow([name, *(int(label in present) for label in labels)])
    options = {"label_columns": ("always there", *(set(labels) - {"always there"})), "image_column": "image"}
    if "image" in labels:  # called as the column of the images is: which one is meant, nobody can tell
        with pytest.raises(OnetagError, match="the column 'image' is there twice"):
            entries(file, **options)
        return
    assert sets(entries(file, **options)) == wanted


@given(st.dictionaries(IMAGE, st.lists(LABEL, max_size=5), min_size=1, max_size=8))
def test_coco(folder: Path, wanted: dict[str, list[str]]) -> None:
    labels = sorted({name for names in wanted.values() for name in names})
    content = {
        "annotations": [
            {"image_id": number, "category_id": labels.index(name)}
            for number, names in enumerate(wanted.values())
            for name in names
        ],
        "images": [{"id": number, "file_name": name} for number, name in enumerate(wanted)],
        "categories": [{"id": number, "name": name} for number, name in enumerate(labels)],
    }
    file = folder / "coco.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    assert sets(entries(file)) == {name: set(names) for name, names in wanted.items()}


@given(st.dictionaries(IMAGE, st.lists(LABEL, max_size=5), min_size=1, max_size=8))
def test_json_lines(folder: Path, wanted: dict[str, list[str]]) -> None:
    file = folder / "metadata.jsonl"
    lines = [json.dumps({"file_name": name, "labels": labels}) for name, labels in wanted.items()]
    file.write_text("\n".join(lines), encoding="utf-8")
    names = {name for labels in wanted.values() for name in labels}
    if names and all(name.isdecimal() for name in names):
        return  # numbers want names, which is tested elsewhere
    assert sets(entries(file)) == {name: set(labels) for name, labels in wanted.items()}


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sets(st.sampled_from("xyz")), st.sets(st.sampled_from("xyz"))),
        min_size=1,
        max_size=4,
    )
)
def test_what_is_said_never_depends_on_the_order_and_an_unknown_is_never_absent(
    rows: list[tuple[str, set[str], set[str]]],
) -> None:
    made = [
        Entry(image, sorted(present), unknown=sorted(unknown - present)) for image, present, unknown in rows
    ]
    for claim in Claim:
        outcomes = []
        for order in (made, made[::-1]):
            with staging(clean_label) as staged:
                for label in "xyz":
                    staged.label(label)
                for entry in order:
                    staged.add(entry)
                staged.match(ImageIndex(["a", "b"]))
                outcomes.append([(each.image, each.values.tolist()) for each in staged.said(claim, range(3))])
        assert outcomes[0] == outcomes[1]
        for image, values in outcomes[0]:
            entries_of_image = [entry for entry in made if entry.image == "ab"[image]]
            for label, value in zip("xyz", values, strict=True):
                if all(label in entry.unknown for entry in entries_of_image):
                    assert value == 0
                if value == 1:
                    assert any(label in entry.present for entry in entries_of_image)
                if value == -1:
                    assert claim is Claim.COMPLETE
                    assert not any(label in entry.present for entry in entries_of_image)


@given(st.lists(IMAGE, min_size=1, max_size=8, unique_by=lambda name: unicodedata.normalize("NFC", name)))
def test_every_image_is_found_by_its_own_address(names: list[str]) -> None:
    index = ImageIndex([f"x/{name}.jpg" for name in names])
    assert [index.find(f"x/{name}.jpg").image for name in names] == list(range(len(names)))
