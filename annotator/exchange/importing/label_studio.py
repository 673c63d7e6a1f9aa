"""Label Studio's JSON export: what people said in it. Predictions are a model's, and never taken.

Our own three controls are read as a webhook of theirs is. Of any other project one control holds the labels:
what a person chose or drew is present. A region that was left as it was predicted says nothing; of choices
that were changed only what differs from what was shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from annotator.exchange.importing.entry import Entry, ImportFormat, Reading, broken
from annotator.exchange.importing.streams import json_items
from annotator.labelstudio.config import ALL_LABELS_MARKED, LABEL, REVIEW, SUGGESTED
from annotator.labelstudio.observations import observe, ticked

CHOSEN = ("choices", "taxonomy")  # one region holds them all
DRAWN = (
    *("rectanglelabels", "polygonlabels", "brushlabels", "keypointlabels", "ellipselabels"),
    *("labels", "bitmasklabels", "vectorlabels"),
)
OURS = frozenset({LABEL, SUGGESTED, REVIEW})
UNTOUCHED, CHANGED = "prediction", "prediction-changed"
PATH = " / "  # between the steps of a nested choice

PREDICTIONS = "predictions: a model's, and no observation"
UNANSWERED = "tasks that nobody has answered"
SKIPPED = "skipped annotations"
AS_PREDICTED = "regions that were left as they were predicted"
NOT_SHOWN = "changed choices of which the export does not tell what was shown"


def read(path: Path, reading: Reading) -> Iterator[Entry]:
    """One entry an annotation. Raises OnetagError for a task that has no image, or for a choice to make."""
    export = _Export(path, reading)
    for number, task in enumerate(json_items(path, "item", reading.progress), 1):
        if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
            raise broken(
                path,
                f"task {number:,} has no data.",
                "Export the project from Label Studio as JSON (not JSON_MIN).",
            )
        yield from export.entries(number, task)


@dataclass
class _Export:
    """What one file tells as it is read."""

    path: Path
    reading: Reading
    controls: dict[str, None] = field(default_factory=dict)

    def entries(self, number: int, task: Mapping[str, Any]) -> Iterator[Entry]:
        sent = task.get("predictions")
        predictions = _objects(sent)  # in a plain export they are only numbers
        self.reading.left_out[PREDICTIONS] += len(sent) if isinstance(sent, list) else 0
        annotations = _objects(task.get("annotations"))
        given = [each for each in annotations if not each.get("was_cancelled")]
        self.reading.left_out[SKIPPED] += len(annotations) - len(given)
        if not given:
            self.reading.left_out[UNANSWERED] += 1
            return
        image = self._image(number, task["data"])
        for annotation in given:
            result = _objects(annotation.get("result"))
            shown = _shown(annotation, predictions)
            names = {str(region.get("from_name")) for region in result}
            if LABEL in names and names <= OURS and self.reading.options.control is None:
                yield self._of_ours(image, result, shown)
            else:
                yield self._of_others(image, result, shown)

    def _image(self, number: int, data: Mapping[str, Any]) -> str:
        wanted = self.reading.options.image_column
        texts = [key for key, value in data.items() if isinstance(value, str) and value.strip()]
        key = wanted or ("image" if "image" in texts else texts[0] if len(texts) == 1 else None)
        if key is None or key not in texts:
            wrong = f"no image in {key!r}" if key else "several fields" if texts else "no image in its data"
            raise broken(
                self.path,
                f"task {number:,} has {wrong}.",
                "Choose the field of the image with --image-column; "
                f"it has {', '.join(map(str, data)) or 'nothing'}.",
            )
        return str(data[key])

    def _of_others(
        self, image: str, result: Sequence[Mapping[str, Any]], shown: Sequence[Mapping[str, Any]] | None
    ) -> Entry:
        present: dict[str, None] = {}
        absent: dict[str, None] = {}
        unknown: dict[str, None] = {}
        for region in result:
            kind, names = _names(region)
            if not names or not self._wanted(str(region.get("from_name"))):
                continue
            if region.get("origin") == UNTOUCHED:
                self.reading.left_out[AS_PREDICTED] += 1
                unknown.update(dict.fromkeys(names))
            elif region.get("origin") == CHANGED and kind in CHOSEN:
                before = _shown_on(region, shown)
                if before is None:
                    self.reading.left_out[NOT_SHOWN] += 1
                    unknown.update(dict.fromkeys(names))
                    continue
                present.update(dict.fromkeys(name for name in names if name not in before))
                absent.update(dict.fromkeys(name for name in before if name not in names))
                unknown.update(dict.fromkeys(name for name in names if name in before))
            else:
                present.update(dict.fromkeys(names))
        return Entry(
            image,
            list(present),
            [name for name in absent if name not in present],
            [name for name in unknown if name not in present],
        )

    def _wanted(self, control: str) -> bool:
        """Whether a control is the one that holds the labels. Raises OnetagError when two could."""
        chosen = self.reading.options.control
        if chosen is not None:
            return control == chosen
        self.controls[control] = None
        if len(self.controls) > 1:
            raise broken(
                self.path,
                f"several controls hold labels: {', '.join(self.controls)}.",
                "Choose one with --control.",
            )
        return True

    def _of_ours(
        self, image: str, result: Sequence[Mapping[str, Any]], shown: Sequence[Mapping[str, Any]] | None
    ) -> Entry:
        """What our three controls tell, by the rule that webhooks are read with."""
        regions = list(result)
        before = None if shown is None else ticked(list(shown))
        reviews = ticked(regions, REVIEW)
        named = ticked(regions, SUGGESTED)
        if before is None and not reviews and any(map(_changed_suggestions, regions)):
            self.reading.left_out[NOT_SHOWN] += 1
            regions = [each for each in regions if each.get("from_name") != SUGGESTED]
        names = list(dict.fromkeys([*ticked(regions, LABEL), *ticked(regions), *(before or ())]))
        observed = observe(regions, names, before)
        present = [each.label for each in observed if each.value > 0]
        absent = [each.label for each in observed if each.value < 0]
        unknown = [name for name in (*names, *named) if name not in present and name not in absent]
        return Entry(image, present, absent, unknown, explicit=ALL_LABELS_MARKED in reviews)


def _changed_suggestions(region: Mapping[str, Any]) -> bool:
    return region.get("from_name") == SUGGESTED and region.get("origin") == CHANGED


def _shown(
    annotation: Mapping[str, Any], predictions: Sequence[Mapping[str, Any]]
) -> Sequence[Mapping[str, Any]] | None:
    """The regions that the annotator was shown; None where the export does not tell."""
    parent = annotation.get("parent_prediction")
    sent = annotation.get("prediction")
    offered = [*predictions, *([sent] if isinstance(sent, dict) and sent else [])]
    for each in offered:
        if parent is not None and each.get("id") == parent:
            return _objects(each.get("result"))
    if parent is None and isinstance(sent, dict) and sent.get("result"):
        return _objects(sent.get("result"))
    return None


def _shown_on(region: Mapping[str, Any], shown: Sequence[Mapping[str, Any]] | None) -> tuple[str, ...] | None:
    """What was ticked on the control of a region before it was changed."""
    if shown is None:
        return None
    before = [each for each in shown if each.get("from_name") == region.get("from_name")]
    return tuple(name for each in before for name in _names(each)[1])


def _names(region: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """The kind of a region and the labels it names; none for one that holds something else."""
    value = region.get("value")
    for kind in (*CHOSEN, *DRAWN):
        found = value.get(kind) if isinstance(value, dict) else None
        if isinstance(found, list):
            steps = [each if isinstance(each, list) else [each] for each in found]
            return kind, tuple(PATH.join(map(str, path)) for path in steps if path)
    return "", ()


def _objects(sent: Any) -> list[Any]:
    return [each for each in sent if isinstance(each, dict)] if isinstance(sent, list) else []


def recognises(path: Path, head: bytes) -> bool:
    """By a JSON list at the start."""
    return path.suffix.lower() == ".json" and head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")


LABEL_STUDIO = ImportFormat(
    "labelstudio",
    "Label Studio's JSON export: what people said; untouched predictions are left out.",
    "a .json file that holds a list",
    recognises,
    read,
    negatives=True,
)
