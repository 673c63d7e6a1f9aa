"""What the side of learning does for the page; `model_backend` brings what does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

SIZES = (160, 320, 960)
"""Pixels of the longer side of the thumbnails that there are: of a row, of a grid, and to look at."""


@dataclass(frozen=True)
class Picture:
    """An image to be shown. address: where it is read, see `image_address`.

    digest, stamp, problem: of when it was last read for the learning; see the columns of `Image`.
    """

    address: str
    digest: str | None
    stamp: str | None
    problem: str | None


class NoPicture(Exception):  # noqa: N818 (no fault of ours)
    """An image cannot be shown, with the reason in words."""


class PicturesBusy(Exception):  # noqa: N818 (no error: ask again)
    """As many wait for pictures as may."""


class Thumbnail(Protocol):
    """One picture, small, as it was when it was asked for."""

    @property
    def tag(self) -> str:
        """What names it, and changes when the image does."""

    def content(self) -> bytes:
        """A JPEG file. Raises NoPicture, and at once PicturesBusy while others wait."""


class Pictures(Protocol):
    """Thumbnails. Threads may share it."""

    def thumbnail(self, picture: Picture, size: int) -> Thumbnail:
        """The one whose longer side is at most `size` pixels, one of SIZES. Nothing is read yet."""


class Versions(Protocol):
    """Going to another model version."""

    def use(self, project_id: int, name: str, *, pin: bool) -> None:
        """Let suggestions come from the version with this name, to be published like a new one.

        pin: whether later trainings leave it in use. Raises OnetagError when it cannot be used.
        """
