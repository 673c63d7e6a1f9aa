"""Where the ML backend is reached: by this machine, and by Label Studio."""

from __future__ import annotations

from annotator.settings import Settings, load_credentials

BACKEND_URL = "backend_url"
"""The field of the credentials file with the address that Label Studio was given."""


def backend_url(settings: Settings) -> str:
    """Where the ML backend answers on this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def address_for_studio(settings: Settings) -> str:
    """Where Label Studio reaches the ML backend: as `onetag connect` was told, else on this machine."""
    return load_credentials(settings.data_dir).get(BACKEND_URL) or backend_url(settings)
