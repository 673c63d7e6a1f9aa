"""Where the long-running commands write what they do: standard error, as text or as JSON."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from pydantic import SecretStr
from sqlalchemy.engine import make_url
from structlog.contextvars import merge_contextvars
from structlog.processors import TimeStamper, format_exc_info
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level, add_logger_name
from structlog.typing import EventDict, Processor, WrappedLogger

from annotator.errors import OnetagError
from annotator.settings import LogFormat, Settings
from model_backend.errors import LearningError
from model_backend.log_context import PROJECT, REQUEST

FIELDS = ("endpoint", "status", "seconds")
"""What our own lines carry besides: see `Backend.count`."""
ORDER = ("time", "level", "logger", "message", REQUEST, PROJECT, *FIELDS, "exception")
SHORTEST_SECRET = 8
"""Characters from which a secret is told from an ordinary word."""

log = logging.getLogger(__name__)


@contextmanager
def logging_to_stderr(settings: Settings) -> Iterator[None]:
    """Log to standard error while a command runs; in JSON, what ends the command is a line too."""
    log_to_stderr(settings)
    try:
        yield
    except Exception as error:
        if settings.log_format is LogFormat.TEXT:
            raise
        log.critical("%s", error, exc_info=not isinstance(error, OnetagError | LearningError))
        raise typer.Exit(1) from None


def log_to_stderr(settings: Settings, level: int = logging.INFO) -> None:
    """Log to standard error, times in UTC; what libraries tell below a warning stays out."""
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(settings))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.captureWarnings(capture=True)
    # Its warnings quote whole addresses, and with them the signatures that some carry.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    for name in ("annotator", "model_backend"):
        logging.getLogger(name).setLevel(level)


def formatter(settings: Settings) -> logging.Formatter:
    """From a record to a line: time, level, logger, message, request and project, in the settings' format.

    The settings' own secrets are taken out, whatever text they came in with.
    """
    gathered: list[Processor] = [
        merge_contextvars,
        add_log_level,
        add_logger_name,
        ExtraAdder(FIELDS),
        TimeStamper("iso", utc=True, key="time"),
    ]
    written: list[Processor] = [
        ProcessorFormatter.remove_processors_meta,
        format_exc_info,
        _in_order,
        _Hide(secrets_of(settings)),
    ]
    render = as_json if settings.log_format is LogFormat.JSON else as_text
    return ProcessorFormatter(foreign_pre_chain=gathered, processors=[*written, render])


def secrets_of(settings: Settings) -> list[str]:
    """The secrets that the settings hold, the database's password among them."""
    values = [getattr(settings, name) for name in Settings.model_fields]
    found = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
    password = make_url(settings.store_url).password
    return [text for text in (*found, password or "") if len(text) >= SHORTEST_SECRET]


def as_json(_logger: WrappedLogger, _method: str, line: EventDict) -> str:
    """One JSON object, on one line."""
    return json.dumps(line, ensure_ascii=False, default=str)


def as_text(_logger: WrappedLogger, _method: str, line: EventDict) -> str:
    """A line for people, and the traceback below it; what a stranger sent begins no line of its own."""
    about = [f"{name} {line[name]}" for name in (REQUEST, PROJECT) if name in line]
    told = "".join(each if each.isprintable() else repr(each)[1:-1] for each in line["message"])
    shown = f"{line['time']} {line['level'].upper()} {line['logger']}: {told}"
    shown += f" ({', '.join(about)})" if about else ""
    return "\n".join([shown, *([line["exception"]] if "exception" in line else [])])


class _Hide:
    """Takes secrets out of a line's texts."""

    def __init__(self, secrets: list[str]) -> None:
        self._secrets = secrets

    def __call__(self, _logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
        return {name: self._hidden(value) for name, value in line.items()}

    def _hidden(self, value: object) -> object:
        if not isinstance(value, str):
            return value
        for secret in self._secrets:
            value = value.replace(secret, "***")
        return value


def _in_order(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    line["message"] = line.pop("event")
    return {name: line[name] for name in ORDER if name in line}
