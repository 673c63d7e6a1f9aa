"""The shared secret of an installation: made once, kept in the credentials file of the data folder."""

from __future__ import annotations

from annotator.settings import Settings, new_secret, renewed, save_missing_credentials


def with_secret(settings: Settings) -> Settings:
    """The same settings with a secret; a new one is kept for the other processes of this installation."""
    if settings.secret is not None:
        return settings
    save_missing_credentials(settings.data_dir, secret=new_secret())  # or that of who was first
    return renewed(settings)
