"""What Label Studio sends, read by pydantic models: bodies of webhooks, tasks and annotations.

A part that is needed is checked; a part that only adds something is None where it is malformed, for an
annotation is never refused because of it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WrapValidator,
)

from annotator.addresses import resolve_address
from annotator.errors import OnetagError

MOST_SECONDS = 7 * 24 * 3600.0
"""The longest lead time that is believed: a page that stayed open for longer was not looked at."""


def _as_list(sent: Any) -> list[Any]:
    return sent if isinstance(sent, list) else [] if sent is None else [sent]


def _objects(sent: Any) -> list[Any]:
    return [each for each in _as_list(sent) if isinstance(each, dict)]


def _identity(sent: Any) -> Any:
    return sent.get("id") if isinstance(sent, dict) else sent


def _text(sent: Any) -> Any:
    return str(sent) if isinstance(sent, int) and not isinstance(sent, bool) else sent or None


def _none_if_malformed(sent: Any, read: Callable[[Any], Any]) -> Any:
    try:
        return read(sent)
    except ValidationError:
        return None


def _as_project(sent: Any) -> Any:
    return sent if isinstance(sent, dict) else {"id": sent}


Id = Annotated[int, Field(strict=True, gt=0, lt=2**63)]
"""An id of Label Studio: what a database can hold."""
OptionalId = Annotated[Id | None, WrapValidator(_none_if_malformed)]
OptionalText = Annotated[str | None, BeforeValidator(_text), WrapValidator(_none_if_malformed)]
OptionalMoment = Annotated[AwareDatetime | None, WrapValidator(_none_if_malformed)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
OptionalSeconds = Annotated[Seconds | None, WrapValidator(_none_if_malformed)]
OneOrMany = Annotated[list[Any], BeforeValidator(_as_list)]
"""A list, also where one came alone; its items are read one by one, so that one does not spoil the others."""
Objects = Annotated[list[dict[str, Any]], BeforeValidator(_objects)]


class Payload(BaseModel):
    """A part of what was sent; what it does not name is ignored. `title` names it in errors."""

    title: ClassVar[str]

    model_config = ConfigDict(frozen=True, extra="ignore", validate_by_name=True, validate_by_alias=True)


class SentProject(Payload):
    """The project that an event is about, with the label config of its moment."""

    title = "project"
    id: OptionalId = None
    created_at: OptionalMoment = None
    updated_at: OptionalMoment = None
    """When it was saved last: its label config is as old as this at least."""
    label_config: Annotated[str | None, WrapValidator(_none_if_malformed)] = None


class SentPrediction(Payload):
    """A prediction that came along with an annotation."""

    title = "prediction"
    id: OptionalId = None
    model_version: OptionalText = None
    result: Any = None


class Task(Payload):
    """A task: an id, and data of the user's own."""

    title = "task"
    id: Id
    data: Annotated[dict[str, Any], BeforeValidator(lambda sent: sent if isinstance(sent, dict) else {})] = {}

    def image(self, field: str) -> str:
        """The address of its image, at which Label Studio gives it where it lies in a storage.

        Raises OnetagError when the task has none in that field.
        """
        lacking = self.lacks_image(field)
        if lacking is not None:
            raise OnetagError(f"Task {self.id} has no image: {lacking}", "Correct the task's data.")
        return resolve_address(self.id, self.data[field])

    def lacks_image(self, field: str) -> str | None:
        """Why that field names no image, a sentence; None when it does."""
        if field not in self.data:
            return f"there is no field {field!r}."
        value = self.data[field]
        if isinstance(value, str):
            return None if value.strip() else f"its field {field!r} is empty."
        kinds = {list: "a list", dict: "an object", type(None): "nothing"}
        return f"its field {field!r} holds {kinds.get(type(value), 'a number')}, not the address of an image."


class StudioAnnotation(Payload):
    """An annotation with what is needed to record it."""

    title = "annotation"
    id: Id
    task: Id
    result: list[Any]
    skipped: Annotated[bool, BeforeValidator(bool)] = Field(default=False, validation_alias="was_cancelled")
    annotator: Annotated[OptionalText, BeforeValidator(_identity)] = Field(
        default=None, validation_alias="completed_by"
    )
    lead_time: OptionalSeconds = None
    created_at: OptionalMoment = None
    updated_at: AwareDatetime
    parent_prediction: OptionalId = None
    ground_truth: Annotated[bool, BeforeValidator(lambda sent: sent is True)] = False
    predictions: Annotated[list[SentPrediction], BeforeValidator(_objects)] = []
    """Those that came with it."""

    @property
    def made_at(self) -> datetime:
        """When it was made: with its number it tells it from another one that had the number before."""
        return self.created_at or self.updated_at

    @property
    def opened_at(self) -> datetime:
        """When the page was opened, as far as the lead time tells."""
        return self.made_at - timedelta(seconds=min(self.lead_time or 0.0, MOST_SECONDS))


class Deletion(Payload):
    """A deleted annotation or task: nothing is left of it but its id."""

    title = "deletion"
    id: Id


class WebhookBody(Payload):
    """The body of a webhook: each action fills the lists that it is about."""

    title = "event"
    project: Annotated[SentProject, BeforeValidator(_as_project)] = SentProject()
    annotation: OneOrMany = []
    """Annotations that were submitted."""
    task: Objects = []
    """Their tasks."""
    annotations: OneOrMany = []
    """Annotations that were deleted."""
    tasks: OneOrMany = []
    """Tasks that came or went."""


Model = TypeVar("Model", bound=Payload)


def read(model: type[Model], sent: Any) -> Model:
    """Read a part of what was sent. Raises OnetagError naming the first needed field that is malformed."""
    try:
        return model.model_validate(sent)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        field = ".".join(str(step) for step in first["loc"]) or "the whole"
        raise OnetagError(
            f"Label Studio sent a malformed {model.title} ({field}: {first['msg']}).",
            "Reconcile to read it from Label Studio.",
        ) from None


def read_annotation(sent: Any, predictions: Any = None) -> StudioAnnotation:
    """Read an annotation of a webhook or of the API, and the predictions that came along.

    Raises OnetagError when a needed part is malformed.
    """
    if not isinstance(sent, dict):
        return read(StudioAnnotation, sent)
    offered = [*_as_list(predictions), sent.get("prediction")]
    return read(StudioAnnotation, sent | {"predictions": offered})
