"""The records: who said what about which image, and what was learned from it.

Three values, always: +1 present, -1 absent, and no row at all for unknown. Annotations and observations are
never changed or deleted: a new revision is added and the old one retired.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from annotator.store.states import (
    Claim,
    EventState,
    Publication,
    Question,
    Review,
    Role,
    RunFailure,
    RunReason,
    RunState,
    Source,
    Suggest,
    Telling,
    Unticked,
    Unusable,
    Unused,
    Work,
)
from annotator.store.types import Id, Json, PlainText, StateText, UtcDateTime, utc_now


def _one_of(column: str, values: type[StrEnum]) -> str:
    return f"{column} IN ({', '.join(repr(value.value) for value in values)})"


def project_key(project_id: int) -> str:
    """The key of the project with this id."""
    return f"p{project_id}"


def _where(condition: str) -> dict[str, Any]:
    """The condition of a partial index, for both engines."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


def _there(column: str) -> dict[str, Any]:
    """The condition of an index on a column that is mostly empty."""
    return _where(f"{column} IS NOT NULL")


STATES: tuple[type[StrEnum], ...] = (
    *(Claim, EventState, Publication, Question, Review, Role, RunFailure, RunReason, RunState, Source),
    *(Suggest, Telling, Unticked, Unusable, Unused, Work),
)
RULE = 2
"""The number of the rule by which observations are derived: see `annotator.labelstudio.replay`."""


class Base(DeclarativeBase):
    """What all tables share: named constraints, one meaning of int, str and datetime."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: dict[Any, Any] = {  # noqa: RUF012 (SQLAlchemy's own way)
        int: Id,
        str: PlainText(),
        datetime: UtcDateTime,
        **{states: StateText(states) for states in STATES},
    }


class Project(Base):
    """One labelling project: a set of images and the labels that may be on them."""

    __tablename__ = "projects"
    __table_args__ = (
        UniqueConstraint("studio_url", "studio_project"),
        UniqueConstraint("image_folder"),
        CheckConstraint("expected_positives > 0", name="expected_positives"),
        CheckConstraint(_one_of("unticked", Unticked), name="unticked"),
        CheckConstraint(_one_of("suggest", Suggest), name="suggest"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    studio_url: Mapped[str | None]
    studio_project: Mapped[int | None]
    studio_created_at: Mapped[datetime | None]
    """When Label Studio made it: with the number, the same at whatever address it is reached."""
    title: Mapped[str]
    label_config: Mapped[str]
    config_at: Mapped[datetime | None]  # the newest moment, by Label Studio's clock, of which it is known
    expected_positives: Mapped[float | None]
    image_folder: Mapped[str | None]  # of a project without Label Studio: where its images are files
    active_version_id: Mapped[int | None] = mapped_column(ForeignKey("model_versions.id", use_alter=True))
    version_pinned: Mapped[bool] = mapped_column(default=False)  # later trainings leave the active one
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    ordered_at: Mapped[datetime | None]
    """When its first questions, before there is a version, were put into an order."""
    # What was chosen of the label config; without, the config itself tells.
    control: Mapped[str | None]
    image_field: Mapped[str | None]
    unticked: Mapped[Unticked] = mapped_column(default=Unticked.UNKNOWN)
    suggest: Mapped[Suggest] = mapped_column(default=Suggest.TICKS)
    rule: Mapped[int] = mapped_column(default=RULE)  # by which its observations were derived

    @property
    def key(self) -> str:
        """What names it on a command line, and no other project of the store: p1, p2, ..."""
        return project_key(self.id)


class Label(Base):
    """One label of a project; archived when it leaves the label config, its history kept."""

    __tablename__ = "labels"
    __table_args__ = (UniqueConstraint("project_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str]
    position: Mapped[int]
    created_at: Mapped[datetime | None]  # when it came, or came back; None where it was there from the start
    seen_from: Mapped[datetime | None]
    """From when annotators can have seen it, by Label Studio's clock: None where it always was there, or came
    later and that is not known yet."""
    archived_at: Mapped[datetime | None]
    archived_by: Mapped[str | None]  # None: in Label Studio, or nobody knows
    alias: Mapped[str | None]
    """How results write it where not by its name, as the label config had it that it left."""
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("labels.id"))
    """The label that answers mean which say that it is present; until it is back."""
    merged_at: Mapped[datetime | None]  # the last time, also where it is itself again


class FormerName(Base):
    """A name that a label had until it was renamed; what was said under it is said of the label."""

    __tablename__ = "former_names"
    __table_args__ = (Index("ix_former_names_label_id", "label_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    label_id: Mapped[int] = mapped_column(ForeignKey("labels.id"))
    name: Mapped[str]
    renamed_by: Mapped[str | None]  # None: in Label Studio, or nobody knows
    renamed_at: Mapped[datetime] = mapped_column(default=utc_now)


class LabelThreshold(Base):
    """From which probability on a person wants a label suggested; it holds until it is retired."""

    __tablename__ = "label_thresholds"
    __table_args__ = (
        CheckConstraint("value > 0 AND value <= 1.01", name="value"),
        Index("uq_label_thresholds_live", "label_id", unique=True, **_where("retired_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    label_id: Mapped[int] = mapped_column(ForeignKey("labels.id"))
    value: Mapped[float]  # above 1: never
    set_by: Mapped[str | None]
    set_at: Mapped[datetime] = mapped_column(default=utc_now)
    retired_by: Mapped[str | None]
    retired_at: Mapped[datetime | None]


class Image(Base):
    """One image of a project, known to Label Studio as a task."""

    __tablename__ = "images"
    __table_args__ = (
        CheckConstraint(_one_of("unusable", Unusable), name="unusable"),
        UniqueConstraint("project_id", "studio_task"),
        Index(None, "project_id", "id"),
        Index(
            "ix_images_live", "project_id", "id", "studio_task", "removed_at", **_where("removed_at IS NULL")
        ),
        Index("ix_images_removed", "project_id", "id", **_where("removed_at IS NOT NULL")),
        Index("ix_images_unusable", "project_id", "unusable", "try_at", "removed_at", **_there("unusable")),
        Index("ix_images_due", "try_at", **_where("try_at IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    studio_task: Mapped[int | None]
    uri: Mapped[str]  # as Label Studio gives it; empty where the task names no image
    object_uri: Mapped[str | None]  # the object's own address where it lies in a storage: s3://bucket/key
    digest: Mapped[str | None]  # SHA-256 of the bytes, in hexadecimal
    stamp: Mapped[str | None]  # of the file when it was read last: see `ImageSource.stamp`
    width: Mapped[int | None]
    height: Mapped[int | None]
    unusable: Mapped[Unusable | None]  # why it cannot be used; `problem` says it to people
    problem: Mapped[str | None]
    tries: Mapped[int] = mapped_column(default=0)  # in vain, since it could last be used
    try_at: Mapped[datetime | None]  # when it is read again by itself
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    removed_at: Mapped[datetime | None]


class Event(Base):
    """What Label Studio sent, tokens taken out, in the order of its arrival."""

    __tablename__ = "events"
    __table_args__ = (
        CheckConstraint(_one_of("state", EventState), name="state"),
        UniqueConstraint("key"),
        Index("ix_events_waiting", "id", **_where("state = 'waiting'")),
        Index("ix_events_set_aside", "id", **_where("state = 'set aside'")),
        Index("ix_events_received", "project_id", "received_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str | None]  # what it was called in the inbox, and no other event; none before there was one
    project_id: Mapped[int | None] = mapped_column(ForeignKey("projects.id"))
    action: Mapped[str]
    payload: Mapped[dict[str, Any]] = mapped_column(Json, deferred=True)  # large, and read one by one
    received_at: Mapped[datetime] = mapped_column(default=utc_now)
    state: Mapped[EventState] = mapped_column(default=EventState.WAITING)
    parts: Mapped[int] = mapped_column(default=0)  # taken in so far; the first try that fails begins anew
    processed_at: Mapped[datetime | None]
    error: Mapped[str | None]
    tries: Mapped[int] = mapped_column(default=0)  # in vain
    tried_at: Mapped[datetime | None]  # in vain, the last time
    tried_by: Mapped[str | None]  # the release of onetag that did
    retried_at: Mapped[datetime | None]  # when it was let back in after it had been set aside


class Arrival(Base):
    """An event as it was written down before it was answered, until it is among the events.

    It refers to nothing, so that no transaction keeps it waiting. On SQLite it lies in a file of its own.
    """

    __tablename__ = "arrivals"
    __table_args__ = (UniqueConstraint("key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str]
    project_id: Mapped[int | None]  # as the store knew it then
    action: Mapped[str]
    payload: Mapped[str]  # JSON
    received_at: Mapped[datetime] = mapped_column(default=utc_now)


class Annotation(Base):
    """One revision of one annotation, with Label Studio's raw result; only the newest is not retired."""

    __tablename__ = "annotations"
    __table_args__ = (
        UniqueConstraint("project_id", "studio_annotation", "revision"),
        Index(
            "uq_annotations_live",
            "project_id",
            "studio_annotation",
            unique=True,
            **_where("retired_at IS NULL"),
        ),
        Index("ix_annotations_image_id", "image_id"),
        Index("ix_annotations_newest", "project_id", "id", **_where("retired_at IS NULL")),
        Index(  # all that is asked of many answers at once: their rows are wide
            "ix_annotations_of_project",
            *("project_id", "annotator", "image_id", "skipped", "unused", "suggested_version", "id"),
            "retired_at",  # or SQLite looks the row up
            **_where("retired_at IS NULL"),
        ),
        Index(  # what became of an image, without a look at its answers
            "ix_annotations_of_image",
            *("image_id", "skipped", "unused", "annotator", "retired_at"),
            **_where("retired_at IS NULL"),
        ),
        Index("ix_annotations_page_annotation_id", "page_annotation_id", **_there("page_annotation_id")),
        Index("ix_annotations_page_answer_id", "page_answer_id", **_there("page_answer_id")),
        CheckConstraint(_one_of("review", Review), name="review"),
        CheckConstraint(_one_of("question", Question), name="question"),
        CheckConstraint(_one_of("unused", Unused), name="unused"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"))
    studio_annotation: Mapped[int | None]
    revision: Mapped[int]
    result: Mapped[list[Any]] = mapped_column(Json)
    skipped: Mapped[bool]
    annotator: Mapped[str | None]
    lead_time: Mapped[float | None]  # seconds
    suggested_version: Mapped[str | None]
    suggested: Mapped[list[str] | None] = mapped_column(Json)  # what was shown
    created_at: Mapped[datetime] = mapped_column(default=utc_now)  # when the first revision was made
    updated_at: Mapped[datetime]  # the newest moment at which Label Studio said just this
    retired_at: Mapped[datetime | None]
    shown: Mapped[list[Any] | None] = mapped_column(Json)  # the prediction on the page, whoever made it
    unmatched: Mapped[list[str]] = mapped_column(Json, default=list)  # names that no label has
    review: Mapped[Review | None]
    question: Mapped[Question | None]  # what was asked, where the page told
    unused: Mapped[Unused | None]  # why it makes nothing known
    ground_truth: Mapped[bool] = mapped_column(default=False)
    imported: Mapped[bool] = mapped_column(default=False)  # there before the project was connected
    opened_at: Mapped[datetime | None]
    """Since when its page was open at the latest, by Label Studio's clock; None where nothing tells it."""
    page_annotation_id: Mapped[int | None] = mapped_column(ForeignKey("page_annotations.id"))
    page_answer_id: Mapped[int | None] = mapped_column(
        ForeignKey("page_answers.id")
    )  # that made this revision
    replaced_id: Mapped[int | None] = mapped_column(
        ForeignKey("annotations.id")
    )  # what undoing that brings back


class PageAnswer(Base):
    """What one person said at once on the page, of one image or of many; it is undone as one."""

    __tablename__ = "page_answers"
    __table_args__ = (Index("ix_page_answers_newest", "project_id", "annotator", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    annotator: Mapped[str]  # the person's name
    version: Mapped[str | None]  # in sight
    answered_at: Mapped[datetime] = mapped_column(default=utc_now)
    undone_at: Mapped[datetime | None]


class PageAnnotation(Base):
    """All that one person says of one image on the page, and how far Label Studio has been told of it.

    Its revisions are annotations, which get their number when they are told: the newest with the number
    `studio_annotation` is what Label Studio has.
    """

    __tablename__ = "page_annotations"
    __table_args__ = (
        CheckConstraint(_one_of("telling", Telling), name="telling"),
        UniqueConstraint("key"),
        Index("ix_page_annotations_of_image", "image_id", "annotator"),
        Index("ix_page_annotations_waiting", "project_id", "id", **_where("telling = 'to be told'")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"))
    annotator: Mapped[str]
    key: Mapped[str]  # marks it in Label Studio; another one once it was deleted there
    studio_annotation: Mapped[int | None]  # its number there
    telling: Mapped[Telling]
    begun_id: Mapped[int | None] = mapped_column(ForeignKey("annotations.id", use_alter=True))
    """The revision that may be there already, without our knowing its number."""
    tries: Mapped[int] = mapped_column(default=0)  # in vain
    try_at: Mapped[datetime | None]  # when it is told again
    error: Mapped[str | None]


class Deletion(Base):
    """A deletion that arrived before the annotation it deletes."""

    __tablename__ = "deletions"

    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    studio_annotation: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    deleted_at: Mapped[datetime]


class Reconciliation(Base):
    """How far a project was compared with Label Studio."""

    __tablename__ = "reconciliations"

    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    until: Mapped[datetime | None]  # by Label Studio's clock: what is older was seen; None where it told none
    done_at: Mapped[datetime]  # the last time
    full_at: Mapped[datetime]  # the last time that everything was compared
    # What Label Studio counted more of than could be recorded, when everything had been compared.
    tasks_apart: Mapped[int]
    answers_apart: Mapped[int]


class Failure(Base):
    """What fails for a project at present; gone once it succeeds. Trainings tell of themselves."""

    __tablename__ = "failures"
    __table_args__ = (CheckConstraint(_one_of("work", Work), name="work"),)

    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    work: Mapped[Work] = mapped_column(primary_key=True)
    error: Mapped[str]  # with its cure
    failed_at: Mapped[datetime]  # the last time
    since: Mapped[datetime]  # the first time
    times: Mapped[int]  # in a row


class Import(Base):
    """One reading of one file of labels; unfinished while `finished_at` is empty."""

    __tablename__ = "imports"
    __table_args__ = (
        CheckConstraint(_one_of("claim", Claim), name="claim"),
        Index("ix_imports_name", "project_id", "name"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str]  # the file's own path: a later import under it takes the place of this one
    format: Mapped[str]
    claim: Mapped[Claim]
    digest: Mapped[str]  # SHA-256 of what it said
    started_at: Mapped[datetime] = mapped_column(default=utc_now)
    finished_at: Mapped[datetime | None]


class Observation(Base):
    """One label seen present (+1) or absent (-1) on one image; unknown has no row.

    It was derived from an annotation, or read from a file.
    """

    __tablename__ = "observations"
    __table_args__ = (
        CheckConstraint("value IN (-1, 1)", name="value"),
        CheckConstraint(_one_of("source", Source), name="source"),
        UniqueConstraint("annotation_id", "label_id"),
        Index("ix_observations_active", "image_id", "label_id", "value", **_where("retired_at IS NULL")),
        Index(
            "ix_observations_of_label",
            *("label_id", "image_id", "value", "ground_truth", "import_id", "retired_at"),
            **_where("retired_at IS NULL"),
        ),
        Index(
            "uq_observations_imported",
            "import_id",
            "image_id",
            "label_id",
            unique=True,
            **_where("import_id IS NOT NULL AND retired_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    annotation_id: Mapped[int | None] = mapped_column(ForeignKey("annotations.id"))
    import_id: Mapped[int | None] = mapped_column(ForeignKey("imports.id"))
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"))
    label_id: Mapped[int] = mapped_column(ForeignKey("labels.id"))
    value: Mapped[int] = mapped_column(SmallInteger)
    source: Mapped[Source]
    annotator: Mapped[str | None]
    lead_time: Mapped[float | None]  # seconds
    suggested_version: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    retired_at: Mapped[datetime | None]
    ground_truth: Mapped[bool] = mapped_column(default=False)  # it outvotes those that are not
    area: Mapped[float | None]  # the share of the image that its regions cover, 0..1
    probability: Mapped[float | None]  # that the version in sight gave it, 0..1; of answers on the page


class TrainingRun(Base):
    """One training, from the queue to its end; at most one a project is queued or running."""

    __tablename__ = "training_runs"
    __table_args__ = (
        CheckConstraint(_one_of("state", RunState), name="state"),
        CheckConstraint(_one_of("reason", RunReason), name="reason"),
        CheckConstraint(_one_of("failure", RunFailure), name="failure"),
        CheckConstraint("progress BETWEEN 0 AND 1", name="progress"),
        Index("uq_training_runs_open", "project_id", unique=True, **_where("state IN ('queued', 'running')")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    state: Mapped[RunState] = mapped_column(default=RunState.QUEUED)
    stage: Mapped[str] = mapped_column(default="")
    progress: Mapped[float] = mapped_column(default=0.0)  # 0..1
    error: Mapped[str | None]
    reason: Mapped[RunReason]
    queued_at: Mapped[datetime] = mapped_column(default=utc_now)
    started_at: Mapped[datetime | None]
    beats: Mapped[int] = mapped_column(default=0)  # signs of life of its workers, see `Watch`
    heartbeat_at: Mapped[datetime | None]  # of the last one, by its worker's clock: for people
    finished_at: Mapped[datetime | None]
    observations: Mapped[int] = mapped_column(default=0)
    recipe: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    metrics: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    version_id: Mapped[int | None] = mapped_column(ForeignKey("model_versions.id"))
    failure: Mapped[RunFailure | None]  # of what kind; `error` says it to people
    # What the run looked at, taken when it was claimed: see `Snapshot`.
    snapshot_changes: Mapped[int | None]
    snapshot_images: Mapped[int | None]
    snapshot_labels: Mapped[list[int] | None] = mapped_column(Json)


class ModelVersion(Base):
    """What one training made: the labels in the order of its vectors, and where its weights lie."""

    __tablename__ = "model_versions"
    __table_args__ = (
        UniqueConstraint("project_id", "name"),
        CheckConstraint(_one_of("publication", Publication), name="publication"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str]
    labels: Mapped[list[str]] = mapped_column(Json)
    label_ids: Mapped[list[int]] = mapped_column(Json)
    folder: Mapped[str]  # relative to the data folder
    backbone: Mapped[str]
    recipe: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    thresholds: Mapped[list[float]] = mapped_column(Json, default=list)
    metrics: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    # The calibration that its stored probabilities went through, by label; None where there was none.
    calibration_scale: Mapped[list[float] | None] = mapped_column(Json)
    calibration_offset: Mapped[list[float] | None] = mapped_column(Json)
    publication: Mapped[Publication] = mapped_column(default=Publication.NONE)
    published_at: Mapped[datetime | None]
    learned_thresholds: Mapped[list[float] | None] = mapped_column(Json)
    """Those that its training chose, where people's hold instead of some; None where none does."""
    derived_from_id: Mapped[int | None] = mapped_column(ForeignKey("model_versions.id"))
    """The version with the same model, where this one has other thresholds alone."""


class LabelVector(Base):
    """The probability of every label on one image, by one version: L little-endian float16, packed."""

    __tablename__ = "label_vectors"

    version_id: Mapped[int] = mapped_column(ForeignKey("model_versions.id"), primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    probabilities: Mapped[bytes] = mapped_column(LargeBinary)


class Suggestion(Base):
    """What one version suggests for one image, and how soon to ask: the lowest score first.

    labels: what the question names, or else what is suggested.
    """

    __tablename__ = "suggestions"
    __table_args__ = (
        Index("ix_suggestions_order", "version_id", "score"),
        CheckConstraint(_one_of("question", Question), name="question"),
    )

    version_id: Mapped[int] = mapped_column(ForeignKey("model_versions.id"), primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    labels: Mapped[list[str]] = mapped_column(Json)
    question: Mapped[Question] = mapped_column(default=Question.TAG)
    score: Mapped[float]
    cluster: Mapped[int]
    pushed_at: Mapped[datetime | None]


class Layout(Base):
    """Where the images of a project lie on its map, and which of them are near-duplicates, packed: N images.

    It is drawn anew once other images, or another backbone's features of them, make it up.
    """

    __tablename__ = "layouts"

    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    made_of: Mapped[str]  # a digest of the images' bytes and their backbone
    image_ids: Mapped[bytes] = mapped_column(LargeBinary)  # N little-endian int64, ascending
    places: Mapped[bytes] = mapped_column(LargeBinary)  # N times (across, up), float32 in -1..1
    groups: Mapped[bytes] = mapped_column(LargeBinary)  # N int32: of near-duplicates; -1 for none
    share_across: Mapped[float]  # of the variance of the features, 0..1, that the first axis holds
    share_up: Mapped[float]  # the same of the second
    alike: Mapped[float]  # the cosine similarity from which images are near-duplicates
    computed_at: Mapped[datetime] = mapped_column(default=utc_now)


class Person(Base):
    """Who may open the page. A row stays when the person may no longer, so that the name means one person."""

    __tablename__ = "people"
    __table_args__ = (UniqueConstraint("key"), CheckConstraint(_one_of("role", Role), name="role"))

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]  # as answers carry it
    key: Mapped[str]  # the name as names are compared: see `annotator.store.people.name_key`
    password: Mapped[str | None]  # its hash; None: comes by links alone
    role: Mapped[Role]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    disabled_at: Mapped[datetime | None]  # since when the person may not


class LoginLink(Base):
    """A link that opens the page once, for one person."""

    __tablename__ = "login_links"
    __table_args__ = (UniqueConstraint("digest"), Index("ix_login_links_person_id", "person_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str]  # SHA-256 of its code, in hexadecimal
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class LoginSession(Base):
    """A browser in which a person is logged in."""

    __tablename__ = "login_sessions"
    __table_args__ = (UniqueConstraint("digest"), Index("ix_login_sessions_person_id", "person_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str]  # SHA-256 of its cookie, in hexadecimal
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    seen_at: Mapped[datetime] = mapped_column(default=utc_now)  # to the hour
    expires_at: Mapped[datetime]
