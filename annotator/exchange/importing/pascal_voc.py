"""Pascal VOC: one XML file an image. A difficult or truncated object is present all the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from annotator.exchange.importing.entry import Entry, ImportFormat, Reading, broken

LARGEST = 2**24  # bytes of one XML file


def read(path: Path, reading: Reading) -> Iterator[Entry]:
    """One entry an XML file. Raises OnetagError with line and column where one is no XML."""
    files = [path] if path.is_file() else sorted(path.rglob("*.xml"))
    if not files:
        raise broken(path, "the folder holds no .xml files.", "Name the folder that does, or give --format.")
    root = path.parent if path.is_file() else path
    for done, file in enumerate(files, 1):
        annotation = _parsed(file)
        if annotation.tag != "annotation":
            reading.left_out["XML files that are no annotation"] += 1
            continue
        yield Entry(_image(file, root, annotation), list(_objects(file, annotation)))
        reading.progress(done, len(files))


def _parsed(file: Path) -> Element:
    try:
        if file.stat().st_size > LARGEST:
            raise broken(file, f"the file is larger than {LARGEST:,} bytes.", "Is it an annotation?")
        # Bytes: the XML itself says how it is encoded.
        root: Element = fromstring(file.read_bytes(), forbid_dtd=True)
        return root
    except ParseError as error:
        line, column = error.position
        raise broken(
            file, f"no XML in line {line:,}, column {column + 1:,}.", "Mend it there, or take it out."
        ) from None
    except DefusedXmlException:
        raise broken(file, "the file declares a DTD or entities.", "Remove them: labels need none.") from None
    except (OSError, LookupError, ValueError) as error:
        raise broken(file, f"it cannot be read ({error}).", "Check its rights and its encoding.") from None


def _image(file: Path, root: Path, annotation: Element) -> str:
    """The image's name, beside the XML file as far as that tells; without one, the XML file's own."""
    named = (annotation.findtext("filename") or "").strip().replace("\\", "/").rpartition("/")[2]
    beside = file.relative_to(root).with_suffix("")
    if not named:
        return beside.as_posix()
    return beside.with_name(named).as_posix()


def _objects(file: Path, annotation: Element) -> Iterator[str]:
    for number, each in enumerate(annotation.iter("object"), 1):
        name = (each.findtext("name") or "").strip()
        if not name:
            raise broken(file, f"object {number:,} has no name.", "Name it, or take it out.")
        yield name


def recognises(path: Path, head: bytes) -> bool:
    """By the suffix, or by a folder with such files."""
    if path.is_dir():
        return next(path.rglob("*.xml"), None) is not None
    return path.suffix.lower() == ".xml" and b"<annotation" in head


PASCAL_VOC = ImportFormat(
    "voc",
    "Pascal VOC: a folder of XML files, one an image.",
    "a folder with .xml files in it, or one .xml file",
    recognises,
    read,
    negatives=False,
)
