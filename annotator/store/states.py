"""The states that records are in, each a column; the database holds them to these values."""

from __future__ import annotations

from enum import StrEnum

from annotator.unusable import TRIED_AGAIN, Unusable

__all__ = [
    "TRIED_AGAIN",
    "EventState",
    "Publication",
    "Question",
    "Role",
    "RunFailure",
    "RunReason",
    "RunState",
    "Source",
    "Telling",
    "Unusable",
]


class Source(StrEnum):
    """How an observation came about: the table of README says what an annotator does for each."""

    TAG = "tag"
    ADDED = "added"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    COMPLETE = "complete"
    ANSWERED = "answered"
    IMPORTED = "imported"
    PAGE = "page"


class Unticked(StrEnum):
    """What an answer says of the labels that it does not name, where all that apply are asked for."""

    UNKNOWN = "unknown"
    ABSENT = "absent"  # the project labels completely


class Suggest(StrEnum):
    """How suggestions reach the annotator."""

    TICKS = "ticks"  # pre-ticked, where a control can be
    ORDER = "order"  # by the order of the queue alone


class Review(StrEnum):
    """What an annotator said to have looked at."""

    SUGGESTIONS = "suggestions checked"
    ALL_LABELS = "all labels marked"
    NOTHING = "nothing of these"


class Question(StrEnum):
    """What an annotator can be asked of an image."""

    TAG = "tag one"
    CHECK = "check suggestions"
    YES_NO = "is it there"
    COMPLETE = "mark all"


class Unused(StrEnum):
    """Why an answer makes nothing known."""

    UNKNOWN_LABEL = "unknown label"  # it names what is no label of the project
    OTHER_CONTROLS = "other controls"  # it says nothing in the control that holds the labels
    UNTOUCHED = "untouched"  # it leaves everything as it was shown
    SHOWN_UNKNOWN = "shown unknown"  # it changes a prediction that is not known


class Claim(StrEnum):
    """What an imported file says of the labels that it does not name, from the least to the most."""

    POSITIVE = "positive"  # nothing: only what is named is known
    SINGLE = "single"  # the same, and an image has exactly one
    VERIFIED = "verified"  # nothing: but what the file itself calls absent is absent
    COMPLETE = "complete"  # they are absent


class RunState(StrEnum):
    """Where a training run is in its life; at most one a project is queued or running."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class RunReason(StrEnum):
    """Why a training was queued."""

    ASKED_FOR = "asked for"  # by a command or the Train button: what was unreadable is tried again
    NEW_OBSERVATIONS = "new observations"
    WORKER_LOST = "worker lost"
    LABEL_STUDIO_BACK = "label studio back"
    IMAGES_TO_COME = "images to come"  # images that an earlier training had to do without are ready now
    VERSION_DAMAGED = "version damaged"  # its files are gone, or not as they were written


class RunFailure(StrEnum):
    """Why a training failed."""

    ERROR = "error"
    LOST = "lost"  # its worker stopped in the middle
    UNREACHED = "unreached"  # Label Studio did not answer: the project is not to blame


class Work(StrEnum):
    """What is done for a project in the background, and may fail again and again until somebody mends it."""

    TRAINING = "training"
    PUBLICATION = "publication"  # of a version's suggestions, into Label Studio's queue
    RECONCILE = "reconcile"
    CLEARING = "clearing"  # of older versions' predictions in Label Studio
    IMAGES = "images"  # reading again what could not be read
    TELLING = "telling"  # of answers on the page, to Label Studio
    THRESHOLDS = "thresholds"  # that people set, brought into use


class Telling(StrEnum):
    """How far Label Studio has been told of what a person says of an image on the page."""

    WAITING = "to be told"
    TOLD = "told"  # it has all that there is, and nothing where there is nothing
    KEPT = "kept"  # in the store alone: there is no Label Studio, or the label config cannot say it


class EventState(StrEnum):
    """What became of an event of Label Studio."""

    WAITING = "waiting"
    DONE = "done"  # with an error: it, or a part of it, was of no use
    SET_ASIDE = "set aside"  # it could not be taken in, however often that was tried; it is kept whole
    DROPPED = "dropped"  # it was set aside, and is not to be tried again


class Publication(StrEnum):
    """How far a version's suggestions have come into Label Studio's queue."""

    NONE = "none"
    PUBLISHING = "publishing"
    PUBLISHED = "published"
    OVERTAKEN = "overtaken"  # a newer version was active before the queue could follow this one


class Role(StrEnum):
    """What a person may do on the page."""

    LOOK = "look"  # see everything and change nothing
    ANSWER = "answer"  # answer, and change what the page can change
