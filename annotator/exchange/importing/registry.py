"""Ways into onetag: one format a file, each registered here in the order in which they are tried."""

from __future__ import annotations

from pathlib import Path

from annotator.errors import OnetagError
from annotator.exchange.importing.coco import COCO
from annotator.exchange.importing.comma_separated import CSV
from annotator.exchange.importing.entry import ImportFormat, broken
from annotator.exchange.importing.hugging_face import HUGGING_FACE
from annotator.exchange.importing.image_folder import IMAGE_FOLDER
from annotator.exchange.importing.label_studio import LABEL_STUDIO
from annotator.exchange.importing.open_images import OPEN_IMAGES
from annotator.exchange.importing.pascal_voc import PASCAL_VOC
from annotator.exchange.importing.single_positive import SINGLE_POSITIVE
from annotator.exchange.importing.streams import head_of

IMPORTS: dict[str, ImportFormat] = {
    each.name: each
    for each in (
        SINGLE_POSITIVE,
        HUGGING_FACE,
        PASCAL_VOC,
        IMAGE_FOLDER,
        LABEL_STUDIO,
        COCO,
        OPEN_IMAGES,
        CSV,
    )
}


def choose_import_format(path: Path, name: str | None = None) -> ImportFormat:
    """The format of that name, or the one that recognises the path.

    Raises OnetagError naming the formats that there are, and when there is nothing at the path.
    """
    listed = ", ".join(IMPORTS)
    if name is not None and name not in IMPORTS:
        raise OnetagError(f"There is no import format {name!r}.", f"Choose one with --format: {listed}.")
    if not path.exists():
        raise broken(path, "there is no such file or folder.", "Correct its name.")
    if name is not None:
        return IMPORTS[name]
    head = head_of(path)
    if not path.is_dir() and not head.strip():
        raise broken(path, "the file is empty.", "Name a file that holds labels.")
    for each in IMPORTS.values():
        if each.recognises(path, head):
            return each
    raise broken(path, "this is no format that onetag recognises.", f"Name it with --format: {listed}.")
