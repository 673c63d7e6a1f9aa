"""The shared secret of an installation: made once, kept in the credentials file of the data folder."""

from __future__ import annotations

from annotator.settings import Settings, load_settings, new_secret, save_credentials


def with_secret(settings: Settings) -> Settings:
    """The same settings with a secret; a new one is kept for the other processes of this installation."""
    if settings.secret is not None:
        return settings
    save_credentials(settings.data_dir, secret=new_secret())
    kept = load_settings(data_dir=settings.data_dir).secret  # ours, or that of a process that was first
    return settings.model_copy(update={"secret": kept})
