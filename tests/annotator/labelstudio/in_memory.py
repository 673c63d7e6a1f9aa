"""A model of Label Studio in memory: what annotators and administrators do, its API, and its webhooks.

It behaves as was measured with Label Studio 1.23 on SQLite; `test_in_memory.py` does the same with the real
one and compares. `absent` keeps what no API tells, for that needs to know what the page of an answer showed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from annotator.labelstudio.config import ALL_LABELS_MARKED, build_config
from annotator.labelstudio.errors import LabelStudioMissing, LabelStudioRefused
from annotator.labelstudio.listing import Census

Json = dict[str, Any]
NOON = datetime(2031, 5, 4, 12, tzinfo=UTC)
WORKING_DAY = timedelta(hours=11)


@dataclass
class Page:
    """A page that an annotator has opened: the task, its labels, and the annotation that is edited."""

    annotator: int
    task: int
    labels: tuple[str, ...]
    opened_at: datetime
    annotation: int | None = None
    lead_time: float = 0.0  # of the annotation that is edited


@dataclass
class Stream:
    """A labelling stream: it goes on with the labels of its beginning."""

    labels: tuple[str, ...]
    opened_at: datetime


@dataclass
class InMemory:
    """One project of one Label Studio."""

    number: int
    labels: tuple[str, ...]
    url: str = "http://in-memory"
    now: datetime = NOON
    tasks: dict[int, Json] = field(default_factory=dict)
    annotations: dict[int, Json] = field(default_factory=dict)
    last_number: int = 0  # that an annotation got
    pages: list[Page] = field(default_factory=list)
    streams: dict[int, Stream] = field(default_factory=dict)
    outbox: list[tuple[str, Json]] = field(default_factory=list)
    absent: dict[int, set[str]] = field(default_factory=dict)  # annotation -> what it says not to be there
    once_absent: dict[int, set[str]] = field(default_factory=dict)  # the same, of all its revisions
    came_at: dict[str, datetime] = field(default_factory=dict)  # label -> when it came, or came back, last
    unique: dict[int, str] = field(default_factory=dict)  # annotation -> its unique id, where one was given
    between: Callable[[], None] = lambda: None  # happens after a page was read, before it is given

    def __post_init__(self) -> None:
        self.made = self.saved = self.now

    # What people do

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def add_task(self, *, annotated_with: str | None = None) -> None:
        """Import a task, with an answer or without: no event tells of the answer."""
        task = max(self.tasks, default=0) + 1
        self.tasks[task] = {"id": task, "data": {"image": f"data:,{task} {self._tick()}"}}
        self._touch(task)
        if annotated_with is not None:
            # An import on SQLite goes on from the last number that there is, also if that was given before.
            self._annotate(
                task, 1, result([annotated_with]), None, number=max(self.annotations, default=0) + 1
            )
        self._tell("TASKS_CREATED", tasks=[self.tasks[task]])

    def change_data(self, task: int) -> None:
        """Point a task to another picture: no event tells of it."""
        self.tasks[task]["data"] = {"image": f"data:,{task} {self._tick()}"}
        self._touch(task)

    def delete_task(self, task: int) -> None:
        """Delete a task with its annotations."""
        self._tick()
        del self.tasks[task]
        for number in [each["id"] for each in self.annotations.values() if each["task"] == task]:
            self._forget(number)
        self._tell("TASKS_DELETED", tasks=[{"id": task}])

    def open(self, annotator: int, task: int, annotation: int | None = None) -> None:
        """Open a task, or an annotation to edit it, in the annotator's stream."""
        stream = self.streams.get(annotator)
        if stream is None or self.now - stream.opened_at > WORKING_DAY:
            stream = self.reload(annotator)
        earlier = self.annotations[annotation]["lead_time"] if annotation is not None else None
        self.pages.append(Page(annotator, task, stream.labels, self.now, annotation, earlier or 0.0))

    def reload(self, annotator: int) -> Stream:
        """Load the page anew, with the labels of now."""
        self.streams[annotator] = Stream(self.labels, self.now)
        return self.streams[annotator]

    def submit(self, page: Page, ticked: list[str], *, review: bool = False, skip: bool = False) -> None:
        """Submit a page, or update the annotation that it shows."""
        self.pages.remove(page)
        if page.task not in self.tasks or (page.annotation not in self.annotations and page.annotation):
            return  # Label Studio answers 404
        shown = [name for name in ticked if name in page.labels]
        said = [] if skip or not shown else result(shown, review=review)
        lead_time = (self.now - page.opened_at).total_seconds()
        if page.annotation is not None and said:
            said = edited(self.annotations[page.annotation]["result"], shown) or said
        if page.annotation is None:
            number = self._annotate(page.task, page.annotator, said, lead_time, skipped=skip)
            self._tell_of("ANNOTATION_CREATED", number)
        else:
            number = page.annotation
            self._update(number, result=said, lead_time=page.lead_time + lead_time, was_cancelled=skip)
        once = self.once_absent.setdefault(number, set())
        once |= set(page.labels) - set(shown) if said and review else set()
        self.absent[number] = once - set(shown) if said and review else set()

    def star(self, annotation: int) -> None:
        """Mark one annotation of a task as ground truth: the others lose the star, and no event tells."""
        for each in self.annotations.values():
            if each["task"] == self.annotations[annotation]["task"]:
                each["ground_truth"] = False
        self._update(annotation, ground_truth=True)

    def delete(self, *annotations: int) -> None:
        """Delete annotations, alone or in bulk."""
        self._tick()
        for number in annotations:
            self._touch(self.annotations[number]["task"])
            self._forget(number)
        self._tell("ANNOTATIONS_DELETED", annotations=[{"id": number} for number in annotations])

    def configure(self, labels: tuple[str, ...]) -> bool:
        """Change the labels; False where Label Studio refuses, since answers use one that would go."""
        used = {name for each in self.annotations.values() for name in names(each["result"])}
        if not labels or (set(self.labels) - set(labels)) & used:
            return False
        self.saved = self._tick()
        self.came_at |= dict.fromkeys(set(labels) - set(self.labels), self.saved)
        self.labels = labels
        self._tell("PROJECT_UPDATED")
        return True

    # What its API tells: the part of `Studio` that reconcile asks

    def census(self, project: int) -> Census:
        """The project with its counts, skips among the answers."""
        sent = {"id": project, "created_at": self.made.isoformat(), "label_config": self.label_config}
        return Census(sent, len(self.tasks), len(self.annotations), self.now.replace(microsecond=0))

    def task_pages(self, project: int) -> Iterator[list[Json]]:
        """Every task."""
        yield from self._read(lambda _task: True)

    def annotated_pages(self, project: int) -> Iterator[list[Json]]:
        """Those with an annotation or a skip."""
        yield from self._read(lambda task: bool(self._of(task)))

    def changed_pages(self, project: int, since: datetime) -> Iterator[list[Json]]:
        """Those that anything was done to since then."""
        yield from self._read(lambda task: datetime.fromisoformat(self.tasks[task]["updated_at"]) >= since)

    def annotation(self, number: int) -> Json:
        """One annotation."""
        self._require(number, self.annotations)
        return deepcopy(self.annotations[number])

    # What telling does there

    def task(self, task: int) -> Json:
        """One task with its annotations."""
        self._require(task, self.tasks)
        return {**deepcopy(self.tasks[task]), "annotations": self._of(task), "predictions": []}

    def annotate(self, task: int, result: list[Json], *, unique_id: str) -> Json:
        """Make an annotation through the API; a second one with a `unique_id` is refused."""
        self._require(task, self.tasks)
        if unique_id in self.unique.values():
            raise LabelStudioRefused("It is there already.", "Look for it.", 409)
        number = self._annotate(task, 1, deepcopy(result), None)
        self.unique[number] = unique_id
        self.absent[number] = set()
        self._tell_of("ANNOTATION_CREATED", number)
        return deepcopy(self.annotations[number])

    def update_annotation(self, number: int, **fields: Any) -> Json:
        """Change an annotation through the API."""
        self._require(number, self.annotations)
        self._update(number, **deepcopy(fields))
        return deepcopy(self.annotations[number])

    def delete_annotation(self, number: int) -> None:
        """Delete an annotation through the API."""
        self._require(number, self.annotations)
        self.delete(number)

    @staticmethod
    def _require(number: int, numbers: Json | dict[int, Json]) -> None:
        if number not in numbers:
            raise LabelStudioMissing("It is not there.", "Look elsewhere.", 404)

    @property
    def label_config(self) -> str:
        """As XML."""
        return build_config(self.labels)

    # How it keeps it

    def _read(self, wanted: Callable[[int], bool], size: int = 2) -> Iterator[list[Json]]:
        last = 0
        while True:
            chosen = [task for task in sorted(self.tasks) if task > last and wanted(task)][:size]
            page = [
                {**deepcopy(self.tasks[task]), "annotations": self._of(task), "predictions": []}
                for task in chosen
            ]
            self.between()
            if page:
                yield page
            if len(chosen) < size:
                return
            last = chosen[-1]

    def _of(self, task: int) -> list[Json]:
        return [deepcopy(each) for each in self.annotations.values() if each["task"] == task]

    def _tick(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def _touch(self, task: int) -> None:
        self.tasks[task]["updated_at"] = self.now.isoformat()

    def _annotate(
        self,
        task: int,
        annotator: int,
        said: list[Json],
        lead_time: float | None,
        *,
        skipped: bool = False,
        number: int | None = None,
    ) -> int:
        imported, at = number is not None, self._tick().isoformat()
        number = number or self.last_number + 1
        self.last_number = max(self.last_number, number)
        self.annotations[number] = {
            "id": number,
            "task": task,
            "result": said,
            "was_cancelled": skipped,
            "completed_by": annotator,
            "lead_time": lead_time,
            "created_at": at,
            "updated_at": at,
            "ground_truth": imported,
            "parent_prediction": None,
        }
        self._touch(task)
        return number

    def _update(self, number: int, **fields: Any) -> None:
        self.annotations[number] |= {**fields, "updated_at": self._tick().isoformat()}
        self._touch(self.annotations[number]["task"])
        self._tell_of("ANNOTATION_UPDATED", number)

    def _forget(self, number: int) -> None:
        del self.annotations[number]
        self.absent.pop(number, None)
        self.unique.pop(number, None)
        self.once_absent.pop(number, None)

    def _tell_of(self, action: str, number: int) -> None:
        annotation = self.annotations[number]
        self._tell(action, annotation=annotation, task=self.tasks[annotation["task"]])

    def _tell(self, action: str, **payload: Any) -> None:
        project = {
            "id": self.number,
            "created_at": self.made.isoformat(),
            "updated_at": self.saved.isoformat(),
            "label_config": self.label_config,
        }
        self.outbox.append((action, deepcopy({"action": action, "project": project, **payload})))


def result(ticked: list[str], *, review: bool = False) -> list[Json]:
    """One label, others below it, and the mark that these are all."""
    regions = [_region("label", ticked[0])]
    if ticked[1:]:
        regions.append(_region("suggested", *ticked[1:]))
    return [*regions, _region("review", ALL_LABELS_MARKED)] if review else regions


def edited(regions: list[Json], ticked: list[str]) -> list[Json]:
    """An answer on our page, with other labels ticked; nothing for an answer of another form."""
    if not any(each["from_name"] == "onetag_about" for each in regions):
        return []
    marked = next((each["id"] for each in regions if each["from_name"] == "suggested"), "suggested")
    return [
        *(each for each in regions if each["from_name"] != "suggested"),
        {**_region("suggested", *ticked), "id": marked},
    ]


def names(regions: list[Json]) -> set[str]:
    """The labels that a result names."""
    return {
        name for each in regions if each["from_name"] != "review" for name in each["value"].get("choices", ())
    }


def _region(control: str, *choices: str) -> Json:
    made = {"id": control, "from_name": control, "to_name": "image", "type": "choices", "origin": "manual"}
    return {**made, "value": {"choices": list(choices)}}
