"""Every setting of an installation, read from `ONETAG_` variables and overridden by command-line flags."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from annotator.errors import OnetagError

CREDENTIALS_FILE = "credentials.json"


class Settings(BaseSettings):
    """The settings of one installation. Each field is the variable `ONETAG_<FIELD>` in capitals."""

    model_config = SettingsConfigDict(env_prefix="ONETAG_", extra="forbid", frozen=True)

    data_dir: Path = Field(Path("onetag-data"), description="Folder of the database, cache and versions.")
    database_url: str = Field("", repr=False, description="SQLAlchemy URL; empty: SQLite in the data folder.")

    host: str = Field("127.0.0.1", description="Address the ML backend listens on.")
    port: int = Field(9090, ge=1, le=65535, description="Port the ML backend listens on.")
    secret: SecretStr | None = Field(None, description="Guards every endpoint but /health.")

    label_studio_url: str | None = Field(None, description="Where Label Studio answers.")
    label_studio_token: SecretStr | None = Field(None, description="Personal access token or legacy token.")
    local_files_root: Path | None = Field(None, description="Root of Label Studio's local files, if shared.")
    image_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Hosts, besides Label Studio, to fetch images from; separated by commas."
    )
    max_image_bytes: int = Field(64 * 2**20, gt=0, description="Largest image file that is read, in bytes.")
    max_image_pixels: int = Field(100_000_000, gt=0, description="Largest image that is decoded, in pixels.")
    request_timeout: float = Field(30.0, gt=0, description="Seconds to wait for Label Studio.")

    backbone: str = Field("auto", description="Feature extractor: see `onetag backbones`.")
    weights: Path | None = Field(None, description="Weights file, for sites without internet.")
    loss: str | None = Field(None, description="Loss: see `onetag losses`; unset: the measured default.")
    estimator: str | None = Field(None, description="Label estimator; unset: the measured default.")
    end_to_end: bool | None = Field(
        None, description="Train the backbone too; false: its published weights; unset: go on."
    )
    acquisition: str = Field("entropy", description="Which image to ask next.")
    device: str = Field("auto", description="auto, cpu or cuda.")
    seed: int = Field(0, ge=0, description="Seed of every random choice.")
    expected_positives: float | None = Field(None, gt=0, description="Labels present an image, if known.")
    precision: float = Field(0.8, gt=0, lt=1, description="Share of suggestions that should be right.")

    retrain_after: int = Field(10, ge=1, description="New observations that trigger a training at once.")
    retrain_idle: float = Field(30.0, ge=0, description="Seconds without an answer before training on fewer.")
    window: int = Field(1000, ge=1, description="Most useful tasks that get suggestions after a training.")
    clusters: int = Field(8, ge=1, description="Groups the labelling queue takes turns over.")
    predict_batch: int = Field(32, ge=1, description="Images computed at once when asked for a prediction.")

    @field_validator("image_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(host.strip().lower() for host in value.split(",") if host.strip())
        return value

    @property
    def store_url(self) -> str:
        """The database's URL; SQLite inside the data folder unless one is set."""
        return self.database_url or f"sqlite:///{quote(str(self.data_dir.resolve() / 'onetag.db'))}"


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment, with every override that is not None on top.

    Credentials kept by `onetag up` and `onetag connect` in the data folder fill what is still unset.
    Raises OnetagError naming each variable that cannot be read.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        settings = Settings(**given)
    except ValidationError as error:
        wrong = "; ".join(f"ONETAG_{_path(item)}: {item['msg']}" for item in error.errors())
        raise OnetagError(
            f"These settings cannot be used: {wrong}.", "Correct the flag or the variable."
        ) from None
    kept = {
        name: value
        for name, value in load_credentials(settings.data_dir).items()
        if name in Settings.model_fields and getattr(settings, name) is None
    }
    return Settings(**(given | kept)) if kept else settings


def _path(item: Any) -> str:
    return "_".join(str(part) for part in item["loc"]).upper()


def load_credentials(data_dir: Path) -> dict[str, str]:
    """Credentials kept in the data folder; empty when there are none."""
    file = data_dir / CREDENTIALS_FILE
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        reason = type(error).__name__  # the text itself could quote a secret
        raise OnetagError(
            f"{file} cannot be read ({reason}).", "Mend or delete it, then connect again."
        ) from None
    if not isinstance(kept, dict):
        raise OnetagError(f"{file} does not hold a JSON object.", "Delete it, then connect again.")
    return {str(name): str(value) for name, value in kept.items()}


def save_credentials(data_dir: Path, **values: str) -> dict[str, str]:
    """Add values to the credentials file, readable by its owner alone; returns all that it now holds.

    The file is replaced whole, so a crash leaves the old or the new one and never half of it.
    """
    kept = load_credentials(data_dir) | values
    data_dir.mkdir(parents=True, exist_ok=True)
    file = data_dir / CREDENTIALS_FILE
    draft = file.with_suffix(f".{os.getpid()}.tmp")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(kept, stream, indent=2)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)
    return kept


def new_secret() -> str:
    """A fresh shared secret, safe in a header and in basic authentication."""
    return secrets.token_urlsafe(32)
