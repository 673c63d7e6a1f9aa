"""Why an image cannot be used: a state of the store that the reading of images tells. Imports nothing."""

from __future__ import annotations

from enum import StrEnum


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
