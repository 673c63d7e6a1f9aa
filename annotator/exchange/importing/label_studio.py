"""Label Studio's JSON export: what people said in it. Predictions are a model's, and never taken.

Our own three controls are known by their names; of any other project one control holds the labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from annotator.exchange.importing.answers import Answer, names_of
from annotator.exchange.importing.entry import Entry, ImportFormat, Reading, broken
from annotator.exchange.importing.streams import json_items
from annotator.labelstudio.candidates import (
    ABOUT,
    ALL_LABELS_MARKED,
    ANSWER,
    ASIDE,
    LABEL,
    NO,
    NOTHING,
    OFTEN,
    QUESTION,
    REVIEW,
    SUGGESTED,
    SUGGESTIONS_CHECKED,
    YES,
)
from annotator.store.states import Question

NAMED = frozenset({LABEL, OFTEN})
OURS = NAMED | {SUGGESTED, REVIEW} | ASIDE

PREDICTIONS = "predictions: a model's, and no observation"
UNANSWERED = "tasks that nobody has answered"
SKIPPED = "skipped annotations"


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
            marks = _reviews(result)
            asked = bool(names & {*NAMED, QUESTION}) or NOTHING in marks
            ours = asked and names <= OURS and self.reading.options.control is None
            reviews = marks if ours else set()
            if NOTHING in reviews and not names & NAMED:
                yield Entry(image, [], [], [], explicit=True)
                continue
            answer = Answer(
                result,
                shown,
                {*NAMED, SUGGESTED}.__contains__ if ours else self._wanted,
                self.reading.left_out,
                reviewed=bool(reviews),
            )
            explicit = ALL_LABELS_MARKED in reviews
            yes, no = _answered(result) if ours else ([], [])
            present = list(dict.fromkeys([*answer.present, *yes]))
            yield Entry(image, present, [*answer.absent, *no], answer.unknown, explicit=explicit)

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


def _reviews(result: Sequence[Mapping[str, Any]]) -> set[str]:
    """What was marked on our third control, as far as it is one of ours."""
    marked = {name for region in result if region.get("from_name") == REVIEW for name in names_of(region)[1]}
    return marked & {SUGGESTIONS_CHECKED, ALL_LABELS_MARKED, NOTHING}


def _answered(result: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """The labels to which yes was answered, and those to which no was."""
    said = {str(region.get("from_name")): names_of(region)[1] for region in result}
    if said.get(QUESTION) != (Question.YES_NO.value,):
        return [], []
    named = [name for control in NAMED for name in said.get(control, ())]
    about = [name for name in said.get(ABOUT, ()) if name not in named]
    return (about if YES in said.get(ANSWER, ()) else []), (about if NO in said.get(ANSWER, ()) else [])


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
