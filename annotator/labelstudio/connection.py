"""The Label Studio of an installation."""

from __future__ import annotations

from annotator.labelstudio.client import Studio
from annotator.settings import Settings


def open_studio(settings: Settings) -> Studio | None:
    """The client for the Label Studio that the settings name; None when they name none."""
    if settings.label_studio_url is None or settings.label_studio_token is None:
        return None
    return Studio(settings.label_studio_url, settings.label_studio_token, timeout=settings.request_timeout)
