"""The store: every record, and the few questions that are asked of it."""

from annotator.store.current import open_current
from annotator.store.engine import Store, open_store
from annotator.store.feedback import SuggestionFeedback, suggestion_feedback
from annotator.store.images import ImageChanges, remove_images, sync_images, unanswered_images
from annotator.store.inbox import finish_event, record_event, waiting_events
from annotator.store.labels import LabelChanges, live_labels, sync_labels
from annotator.store.matrix import ObservedMatrix, live_image_ids, observed_matrix
from annotator.store.models import (
    Annotation,
    Base,
    Deletion,
    Event,
    Image,
    Label,
    LabelVector,
    ModelVersion,
    Observation,
    Project,
    Suggestion,
    TrainingRun,
)
from annotator.store.problems import ImageProblems, ProblemExample, due_images, due_projects, image_problems
from annotator.store.records import Observed, Submission, record_annotation, retire_annotation
from annotator.store.runs import (
    RunGone,
    claim_run,
    fail_lost_runs,
    fail_run,
    finish_run,
    next_queued_run,
    open_run,
    queue_run,
    release_run,
    report_run,
    unreached_runs,
)
from annotator.store.schema import SchemaState, check, downgrade, require, upgrade
from annotator.store.snapshots import Snapshot, idle_seconds, last_snapshot, take_snapshot
from annotator.store.states import Publication, RunFailure, RunReason, RunState, Source, Unusable
from annotator.store.suggestions import Suggested, mark_pushed, next_suggestions, store_suggestions
from annotator.store.vectors import load_vectors, store_vectors

__all__ = [
    "Annotation",
    "Base",
    "Deletion",
    "Event",
    "Image",
    "ImageChanges",
    "ImageProblems",
    "Label",
    "LabelChanges",
    "LabelVector",
    "ModelVersion",
    "Observation",
    "Observed",
    "ObservedMatrix",
    "ProblemExample",
    "Project",
    "Publication",
    "RunFailure",
    "RunGone",
    "RunReason",
    "RunState",
    "SchemaState",
    "Snapshot",
    "Source",
    "Store",
    "Submission",
    "Suggested",
    "Suggestion",
    "SuggestionFeedback",
    "TrainingRun",
    "Unusable",
    "check",
    "claim_run",
    "downgrade",
    "due_images",
    "due_projects",
    "fail_lost_runs",
    "fail_run",
    "finish_event",
    "finish_run",
    "idle_seconds",
    "image_problems",
    "last_snapshot",
    "live_image_ids",
    "live_labels",
    "load_vectors",
    "mark_pushed",
    "next_queued_run",
    "next_suggestions",
    "observed_matrix",
    "open_current",
    "open_run",
    "open_store",
    "queue_run",
    "record_annotation",
    "record_event",
    "release_run",
    "remove_images",
    "report_run",
    "require",
    "retire_annotation",
    "store_suggestions",
    "store_vectors",
    "suggestion_feedback",
    "sync_images",
    "sync_labels",
    "take_snapshot",
    "unanswered_images",
    "unreached_runs",
    "upgrade",
    "waiting_events",
]
