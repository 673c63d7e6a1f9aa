"""The store: every record, and the few questions that are asked of it."""

from annotator.store.current import open_current
from annotator.store.engine import Store, open_store
from annotator.store.feedback import SuggestionFeedback, suggestion_feedback
from annotator.store.images import ImageChanges, remove_images, sync_images, unanswered_images
from annotator.store.inbox import finish_event, record_event, waiting_events
from annotator.store.labels import LabelChanges, live_labels, sync_labels
from annotator.store.matrix import ObservedMatrix, complete_reviews, live_image_ids, observed_matrix
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
from annotator.store.records import Observed, record_annotation, retire_annotation
from annotator.store.runs import (
    claim_run,
    fail_lost_runs,
    finish_run,
    observations_since,
    open_run,
    queue_run,
    report_run,
)
from annotator.store.schema import SchemaState, check, downgrade, require, upgrade
from annotator.store.suggestions import Suggested, mark_pushed, next_suggestions, store_suggestions
from annotator.store.vectors import load_vectors, prune_vectors, store_vectors

__all__ = [
    "Annotation",
    "Base",
    "Deletion",
    "Event",
    "Image",
    "ImageChanges",
    "Label",
    "LabelChanges",
    "LabelVector",
    "ModelVersion",
    "Observation",
    "Observed",
    "ObservedMatrix",
    "Project",
    "SchemaState",
    "Store",
    "Suggested",
    "Suggestion",
    "SuggestionFeedback",
    "TrainingRun",
    "check",
    "claim_run",
    "complete_reviews",
    "downgrade",
    "fail_lost_runs",
    "finish_event",
    "finish_run",
    "live_image_ids",
    "live_labels",
    "load_vectors",
    "mark_pushed",
    "next_suggestions",
    "observations_since",
    "observed_matrix",
    "open_current",
    "open_run",
    "open_store",
    "prune_vectors",
    "queue_run",
    "record_annotation",
    "record_event",
    "remove_images",
    "report_run",
    "require",
    "retire_annotation",
    "store_suggestions",
    "store_vectors",
    "suggestion_feedback",
    "sync_images",
    "sync_labels",
    "unanswered_images",
    "upgrade",
    "waiting_events",
]
