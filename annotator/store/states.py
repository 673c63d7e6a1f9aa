"""The states that records are in, each a column; the database holds them to these values."""

from __future__ import annotations

from enum import StrEnum


class Source(StrEnum):
    """How an observation came about: the table of README says what an annotator does for each."""

    TAG = "tag"
    ADDED = "added"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    COMPLETE = "complete"
    IMPORTED = "imported"


class Unusable(StrEnum):
    """Why an image cannot be used. Some of these pass by themselves: see `TRIED_AGAIN`."""

    UNREACHED = "unreached"  # no answer, too slow, or the server failed
    DENIED = "denied"  # a token, signature or right is lacking or has expired
    MISSING = "missing"  # nothing is there
    NOT_ALLOWED = "not allowed"  # the settings do not let it be read
    TOO_LARGE = "too large"  # for the settings
    NO_IMAGE = "no image"  # damaged, or something else
    NO_ADDRESS = "no address"  # the task names no image


TRIED_AGAIN = (Unusable.UNREACHED, Unusable.DENIED, Unusable.MISSING, Unusable.NOT_ALLOWED)
"""What may pass without anybody touching the image; tried again by itself, with growing pauses."""


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


class RunFailure(StrEnum):
    """Why a training failed."""

    ERROR = "error"
    LOST = "lost"  # its worker stopped in the middle
    UNREACHED = "unreached"  # Label Studio did not answer: the project is not to blame


class Publication(StrEnum):
    """How far a version's suggestions have come into Label Studio's queue."""

    NONE = "none"
    PUBLISHING = "publishing"
    PUBLISHED = "published"
    OVERTAKEN = "overtaken"  # a newer version was active before the queue could follow this one
