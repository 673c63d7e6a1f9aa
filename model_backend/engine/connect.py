"""Label Studio and the resources, as the settings describe them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.settings import Settings
from model_backend.engine.resources import LearningResources

if TYPE_CHECKING:
    from annotator.labelstudio.client import Studio


def open_studio(settings: Settings) -> Studio | None:
    """The client for Label Studio; None when the settings name none."""
    from annotator.labelstudio.client import Studio

    if settings.label_studio_url is None or settings.label_studio_token is None:
        return None
    return Studio(settings.label_studio_url, settings.label_studio_token, timeout=settings.request_timeout)


def open_resources(settings: Settings, studio: Studio | None = None) -> LearningResources:
    """A resources that reads images as the settings allow. Nothing is loaded yet."""
    from annotator.labelstudio.images import ImageSource

    return LearningResources(settings, ImageSource(studio or open_studio(settings), settings).read)
