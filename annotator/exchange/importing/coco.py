"""COCO: instances, image-level annotations, and LVIS, which also lists what is verified absent.

The file is read three times, item by item, for its parts may stand in any order: categories, images,
annotations. A crowd is a label that is present like any other; an image without annotations has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from annotator.exchange.importing.entry import Entry, ImportFormat, Reading, broken
from annotator.exchange.importing.streams import json_items

MEND = "Write the file again with the program that made it."
ESTIMATED = "annotations of our own export that a model decided: an estimate is no observation"
NOT_LISTED = "annotations of images that the file does not list"


def read(path: Path, reading: Reading) -> Iterator[Entry]:
    """One entry an image, then one an annotation. Raises OnetagError where the file contradicts itself."""
    categories = _categories(path, reading)
    reading.declare(list(categories.values()))
    images: dict[Any, str] = {}
    for image in json_items(path, "images.item", reading.progress):
        name = _image_name(path, image, len(images))
        images[image.get("id", name)] = name
        estimated = _estimated(image, categories)
        absent = _named(path, image, ("neg_category_ids",), categories)
        yield Entry(
            name,
            present=_named(path, image, ("category_ids", "labels"), categories),
            absent=[label for label in absent if label not in estimated],
            unknown=estimated,
        )
    if not images:
        raise broken(path, "the file lists no images.", "Name a COCO file: an object with `images`.")
    for number, annotation in enumerate(json_items(path, "annotations.item", reading.progress), 1):
        found = annotation.get("image_id") if isinstance(annotation, dict) else None
        if not _hashable(found) or found not in images:
            reading.left_out[NOT_LISTED] += 1
            continue
        if annotation.get("human") is False:
            reading.left_out[ESTIMATED] += 1
            continue
        named = _named(path, annotation, ("category_id", "category_ids"), categories, number)
        yield Entry(images[found], named, whole=False)


def _estimated(image: Mapping[str, Any], categories: Mapping[Any, str]) -> list[str]:
    """The labels of which nobody said anything, where our own export tells that by a mask."""
    human = image.get("human")
    if not isinstance(human, list):
        return []
    return [name for name, said in zip(categories.values(), human, strict=False) if not said]


def _categories(path: Path, reading: Reading) -> dict[Any, str]:
    found: dict[Any, str] = {}
    for category in json_items(path, "categories.item", reading.progress):
        name = category.get("name") if isinstance(category, dict) else None
        if not isinstance(name, str) or not name.strip() or not _hashable(category.get("id")):
            raise broken(path, f"category {len(found) + 1:,} has no id or no name.", MEND)
        found[category["id"]] = name
    return found


def _image_name(path: Path, image: Any, count: int) -> str:
    name = image.get("file_name") if isinstance(image, dict) else None
    if not isinstance(name, str) or not name.strip():
        raise broken(path, f"image {count + 1:,} has no file_name.", MEND)
    if not _hashable(image.get("id")):
        raise broken(path, f"image {name!r} has an id that is no number.", MEND)
    return name


def _named(
    path: Path, item: Mapping[str, Any], keys: Sequence[str], categories: Mapping[Any, str], number: int = 0
) -> list[str]:
    """The labels that an image or annotation names by the ids of their categories."""
    ids: list[Any] = []
    for key in keys:
        value = item.get(key, [])
        ids += value if isinstance(value, list) else [value]
    where = f"annotation {number:,}" if number else f"image {item.get('file_name')!r}"
    for each in ids:
        if not _hashable(each) or each not in categories:
            raise broken(path, f"{where} names category {each!r}, which the file does not list.", MEND)
    return [categories[each] for each in ids]


def _hashable(value: Any) -> bool:
    return not isinstance(value, list | dict)


def recognises(path: Path, head: bytes) -> bool:
    """By a JSON object at the start."""
    return path.suffix.lower() == ".json" and head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


COCO = ImportFormat(
    "coco",
    "COCO's JSON: instances or image-level, with LVIS's verified absent categories.",
    "a .json file that holds an object",
    recognises,
    read,
    negatives=True,
)
