"""Every setting of an installation, read from `ONETAG_` variables and overridden by command-line flags."""

from __future__ import annotations

import json
import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlsplit, urlunsplit

from filelock import FileLock
from pydantic import Field, PrivateAttr, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from annotator.errors import OnetagError
from annotator.files import atomic_file
from annotator.flags import Flag, Panel, variable
from annotator.private import FOLDER

CREDENTIALS_FILE = "credentials.json"
CREDENTIALS_COPY = "credentials.copy.json"
SECRETS_DIR = "ONETAG_SECRETS_DIR"
"""The variable that names a folder with a setting a file, as containers and systemd hand secrets out."""
NO_ADDRESS = "none"
"""The address that says that people reach the ML backend nowhere."""
KEPT = "kept by `onetag up` and `onetag connect`"
MEASURED = "the measured default"

log = logging.getLogger(__name__)


class Asking(StrEnum):
    """Which questions annotators are asked."""

    MIXED = "mixed"  # of each image the one that is worth most for its seconds
    TAGS = "tags"  # one label


class LogFormat(StrEnum):
    """How a line of the log is written."""

    TEXT = "text"
    JSON = "json"


class Settings(BaseSettings):
    """The settings of one installation: the one source of their names, help, bounds and defaults.

    Each field is the variable `ONETAG_<FIELD>` in capitals, and a flag of every command that reads it
    (`annotator.commands.with_settings`).
    """

    model_config = SettingsConfigDict(env_prefix="ONETAG_", extra="forbid", frozen=True)

    data_dir: Annotated[Path, Flag(Panel.STORE)] = Field(
        Path("onetag-data"), description="Folder of the database, cache and versions."
    )
    database_url: Annotated[str, Flag(Panel.STORE, unset="SQLite in the data folder")] = Field(
        "", repr=False, description="SQLAlchemy URL of the store."
    )

    host: Annotated[str, Flag(Panel.BACKEND, kept=True)] = Field(
        "127.0.0.1",
        description="Address the ML backend listens on; beyond this machine with a TLS proxy in front.",
    )
    port: Annotated[int, Flag(Panel.BACKEND, kept=True)] = Field(
        9090, ge=1, le=65535, description="Port the ML backend listens on."
    )
    secret: Annotated[
        SecretStr | None,
        Flag(
            Panel.BACKEND,
            unset="made once, and kept in the data folder",
            variable_only="every user of the machine can read a command line",
        ),
    ] = Field(None, description="Shared secret that guards every endpoint but /health.")

    allowed_hosts: Annotated[tuple[str, ...], NoDecode, Flag(Panel.BACKEND, unset="none")] = Field(
        (), description="Names, besides its own, by which browsers may reach the ML backend; by commas."
    )

    address: Annotated[str, Flag(Panel.BACKEND, unset="the ML backend's, where browsers reach that")] = Field(
        "",
        description="Where people reach the ML backend with a browser: https://onetag.example.org; labelling "
        "screens and one-time links lead there. none: no link on screens.",
    )
    trusted_proxy: Annotated[str, Flag(Panel.BACKEND, unset="none")] = Field(
        "",
        description="Address of the proxy in front, which tells from where people log in and whether by TLS; "
        "* for all, where nobody else reaches the port.",
    )

    label_studio_url: Annotated[str | None, Flag(Panel.STUDIO, spelled="--url", unset=KEPT)] = Field(
        None, description="Where Label Studio answers."
    )
    label_studio_token: Annotated[SecretStr | None, Flag(Panel.STUDIO, spelled="--token", unset=KEPT)] = (
        Field(
            None,
            description="Label Studio's personal access token or legacy token. "
            "The variable keeps it out of `ps`.",
        )
    )
    request_timeout: Annotated[float, Flag(Panel.STUDIO)] = Field(
        30.0, gt=0, description="Seconds to wait for an answer of Label Studio or an image host."
    )

    local_files_root: Annotated[Path | None, Flag(Panel.IMAGES, unset="kept by `onetag up`, else none")] = (
        Field(
            None,
            description="Document root of Label Studio's local files, where this machine can read them: "
            "images are then read from disk.",
        )
    )
    image_hosts: Annotated[tuple[str, ...], NoDecode, Flag(Panel.IMAGES, unset="none")] = Field(
        (), description="Hosts, besides Label Studio, to fetch images from; separated by commas."
    )
    max_image_bytes: Annotated[int, Flag(Panel.IMAGES)] = Field(
        64 * 2**20, ge=1, description="Largest image file that is read, in bytes."
    )
    max_image_pixels: Annotated[int, Flag(Panel.IMAGES)] = Field(
        100_000_000, ge=1, description="Largest image that is decoded, in pixels."
    )
    decoding_bytes: Annotated[int, Flag(Panel.IMAGES)] = Field(
        2**30, ge=1, description="Memory that all images being decoded may take together, in bytes."
    )
    thumbnail_bytes: Annotated[int, Flag(Panel.IMAGES)] = Field(
        2**30, ge=0, description="Disk that the page's thumbnails may take, in bytes; the oldest go first."
    )

    backbone: Annotated[str, Flag(Panel.LEARNING)] = Field(
        "auto", description="Feature extractor, see `onetag backbones`."
    )
    input_size: Annotated[int | None, Flag(Panel.LEARNING, unset="the backbone's own")] = Field(
        None,
        ge=32,
        le=4096,
        description="Pixels a side of the images that the backbone sees, where it allows that.",
    )
    weights: Annotated[Path | None, Flag(Panel.LEARNING, unset="the backbone's published ones")] = Field(
        None, description="Weights file of the backbone, for sites without internet."
    )
    loss: Annotated[str | None, Flag(Panel.LEARNING, unset=MEASURED)] = Field(
        None, description="Loss, see `onetag losses`."
    )
    estimator: Annotated[str | None, Flag(Panel.LEARNING, unset=MEASURED)] = Field(
        None, description="Label estimator, see `onetag estimators`."
    )
    end_to_end: Annotated[
        bool | None,
        Flag(Panel.LEARNING, spelled="--end-to-end/--frozen", unset="the backbone of the last version"),
    ] = Field(None, description="Train the backbone too, from pixels; or use its published weights.")
    expected_positives: Annotated[float | None, Flag(Panel.LEARNING, unset="estimated")] = Field(
        None, gt=0, description="Labels present in an image on average, if known."
    )
    correct_tagging_bias: Annotated[bool, Flag(Panel.LEARNING)] = Field(
        default=False,
        description="Weigh observed positives by how rarely a present label is tagged, estimated from "
        "completely reviewed images (inverse propensity weights, after Horvitz and Thompson).",
    )
    acceptance_limit: Annotated[float, Flag(Panel.LEARNING)] = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of absent suggestions that an annotator may confirm; of who confirms more for "
        "certain, trainings leave out the confirmations. 1: of nobody.",
    )
    device: Annotated[str, Flag(Panel.LEARNING)] = Field(
        "auto", description="Where to compute: auto, cpu or cuda."
    )
    seed: Annotated[int, Flag(Panel.LEARNING)] = Field(0, ge=0, description="Seed of every random choice.")

    retrain_after: Annotated[int, Flag(Panel.RETRAINING)] = Field(
        10, ge=1, description="New observations that trigger a training at once."
    )
    retrain_idle: Annotated[float, Flag(Panel.RETRAINING)] = Field(
        30.0, ge=0, description="Seconds without an answer before training on fewer."
    )

    keep_versions: Annotated[int, Flag(Panel.RETRAINING)] = Field(
        3, ge=1, description="Newest versions that keep their files, besides the one in use."
    )

    precision: Annotated[float, Flag(Panel.SUGGESTIONS)] = Field(
        0.8, gt=0, lt=1, description="Share of suggestions that should be right."
    )
    acquisition: Annotated[str, Flag(Panel.SUGGESTIONS)] = Field(
        "gradients",
        description="Which image to ask next where tags are asked, see `onetag acquisitions`.",
    )
    questions: Annotated[Asking, Flag(Panel.SUGGESTIONS)] = Field(
        Asking.MIXED,
        description="What is asked: mixed, what is worth most for its seconds, or tags, one label an image.",
    )
    complete_share: Annotated[float, Flag(Panel.SUGGESTIONS)] = Field(
        0.02,
        ge=0,
        le=1,
        description="Share of images, drawn by chance, that mixed questions want marked completely.",
    )
    window: Annotated[int, Flag(Panel.SUGGESTIONS)] = Field(
        1000, ge=1, description="Most useful tasks that get suggestions after a training."
    )
    clusters: Annotated[int, Flag(Panel.SUGGESTIONS)] = Field(
        8,
        ge=1,
        description="Groups of similar images that take turns under some acquisitions.",
    )
    predict_batch: Annotated[int, Flag(Panel.SUGGESTIONS)] = Field(
        32, ge=1, description="Images computed at once when Label Studio asks for predictions."
    )

    log_format: Annotated[LogFormat, Flag(Panel.LOGS)] = Field(
        LogFormat.TEXT, description="How the log is written: text, or json with an object a line."
    )

    _kept: frozenset[str] = PrivateAttr(frozenset())
    """Names of the settings that come from the credentials file."""

    @property
    def given(self) -> frozenset[str]:
        """Names of the settings that a flag, a variable or a caller gave."""
        return frozenset(self.model_fields_set - self._kept)

    @field_validator("allowed_hosts", "image_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(host.strip().lower() for host in value.split(",") if host.strip())
        return value

    @field_validator("address")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if value in ("", NO_ADDRESS):
            return value
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise ValueError(f"write it as https://onetag.example.org, without a password, or {NO_ADDRESS}")
        return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))

    @property
    def store_url(self) -> str:
        """The database's URL; SQLite inside the data folder unless one is set."""
        return self.database_url or f"sqlite:///{quote(str(self.data_dir.resolve() / 'onetag.db'))}"


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment, with every override that is not None on top.

    Below the variables come the files of the folder that ONETAG_SECRETS_DIR names: `onetag_secret`, ...
    What `onetag up`, `serve` and `connect` kept in the data folder fills what nobody gave.
    Raises OnetagError naming each variable that cannot be read.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        settings = Settings(_secrets_dir=_secrets_dir(), **given)
    except ValidationError as error:
        wrong = "; ".join(f"{_variable(item)}: {item['msg']}" for item in error.errors())
        raise OnetagError(
            f"These settings cannot be used: {wrong}.", "Correct the flag or the variable."
        ) from None
    _mend_credentials(settings.data_dir)
    return renewed(settings)


def _secrets_dir() -> str | None:
    folder = os.environ.get(SECRETS_DIR)
    if folder and not Path(folder).is_dir():
        raise OnetagError(f"{SECRETS_DIR} names {folder}, which is no folder.", "Correct the variable.")
    return folder or None


def renewed(settings: Settings) -> Settings:
    """The settings with what the credentials file holds by now for those that nothing else gives.

    Commands that run for long ask again, since `onetag connect` may come after them. The same object when
    nothing has changed.
    """
    kept = {
        name: value
        for name, value in load_credentials(settings.data_dir).items()
        if name in Settings.model_fields and name not in settings.given
    }
    if all(_as_kept(getattr(settings, name)) == value for name, value in kept.items()):
        return settings
    try:
        read = Settings(data_dir=settings.data_dir, **kept)  # type: ignore[arg-type]  # pydantic reads text
    except ValidationError:
        raise OnetagError(
            f"{settings.data_dir / CREDENTIALS_FILE} holds values that cannot be used.",
            "Mend or delete it, then connect again.",
        ) from None
    changed = settings.model_copy(update={name: getattr(read, name) for name in kept})
    changed._kept = settings._kept | kept.keys()
    return changed


def _as_kept(value: Any) -> str | None:
    """A setting as the credentials file holds it."""
    return value.get_secret_value() if isinstance(value, SecretStr) else None if value is None else str(value)


def _variable(item: Any) -> str:
    return variable("_".join(str(part) for part in item["loc"]))


def load_credentials(data_dir: Path) -> dict[str, str]:
    """Credentials kept in the data folder; empty when there are none."""
    file = data_dir / CREDENTIALS_FILE
    try:
        return _read_credentials(file)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        reason = type(error).__name__  # the text itself could quote a secret
        raise OnetagError(
            f"{file} cannot be read ({reason}).", "Mend or delete it, then connect again."
        ) from None


def _read_credentials(file: Path) -> dict[str, str]:
    """Raises ValueError for a file that is damaged, and what the disk raises (OSError)."""
    kept = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(kept, dict):
        raise ValueError("It holds no JSON object.")  # noqa: TRY004 (the file is wrong and not its type)
    return {str(name): str(value) for name, value in kept.items()}


def _mend_credentials(data_dir: Path) -> None:
    """Put the copy in the place of a damaged credentials file, which is kept beside it."""
    file = data_dir / CREDENTIALS_FILE
    try:
        _read_credentials(file)
    except ValueError:
        with suppress(OSError, ValueError), _alone(data_dir):
            values = _read_credentials(file.with_name(CREDENTIALS_COPY))
            file.replace(file.with_name(f"{CREDENTIALS_FILE}.damaged"))
            _save(data_dir, values)
            log.warning("%s was damaged; what it held was taken from its copy.", file)
    except OSError:
        return


def save_credentials(data_dir: Path, **values: str) -> dict[str, str]:
    """Add values to the credentials file, readable by its owner alone; returns all that it now holds.

    The file is replaced whole, so a crash leaves the old or the new one and never half of it; processes that
    save at once take turns.
    """
    with _alone(data_dir):
        return _save(data_dir, load_credentials(data_dir) | values)


def save_missing_credentials(data_dir: Path, **values: str) -> dict[str, str]:
    """The same for those values that the file does not hold yet: of several processes the first wins."""
    with _alone(data_dir):
        kept = load_credentials(data_dir)
        return kept if values.keys() <= kept.keys() else _save(data_dir, values | kept)


def _save(data_dir: Path, values: dict[str, str]) -> dict[str, str]:
    for name in (CREDENTIALS_FILE, CREDENTIALS_COPY):
        with atomic_file(data_dir / name, mode=0o600) as stream:
            stream.write(json.dumps(values, indent=2).encode())
    return values


@contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    """Hold the lock of the credentials file, which the system lets go of however a process ends."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=FOLDER)
    with FileLock(data_dir / f"{CREDENTIALS_FILE}.lock", mode=0o600):
        yield


def new_secret() -> str:
    """A fresh shared secret, safe in a header and in basic authentication."""
    return secrets.token_urlsafe(32)
