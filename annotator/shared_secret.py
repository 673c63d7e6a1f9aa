"""The shared secret of an installation, and its rotation: two are valid for a while, so that nothing is lost.

The credentials file holds both. The old one stays valid until every project of Label Studio has the new one,
and then for as long as was said.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from annotator.errors import OnetagError
from annotator.settings import Settings, load_credentials, new_secret, renewed, save_credentials

SECRET, PREVIOUS, PREVIOUS_UNTIL = "secret", "previous_secret", "previous_secret_until"
UNDER_WAY = "under way"
"""In place of the moment at which the old secret ends, while projects still have it."""


def valid_secrets(settings: Settings, now: datetime | None = None) -> tuple[SecretStr, ...]:
    """The secrets that open the ML backend at a moment, the newest first; read anew from the data folder.

    Raises OnetagError when the credentials file cannot be read.
    """
    settings = renewed(settings)
    current = (settings.secret,) if settings.secret is not None and settings.secret.get_secret_value() else ()
    if SECRET in settings.given:
        return current
    kept = load_credentials(settings.data_dir)
    previous, until = kept.get(PREVIOUS), kept.get(PREVIOUS_UNTIL, "")
    if previous and (until == UNDER_WAY or (now or datetime.now(UTC)) < _moment(until)):
        return (*current, SecretStr(previous))
    return current


def is_under_way(settings: Settings) -> bool:
    """Whether a rotation has begun that not all projects have followed yet."""
    return load_credentials(settings.data_dir).get(PREVIOUS_UNTIL) == UNDER_WAY


def begin_rotation(settings: Settings) -> SecretStr:
    """A new secret, valid from now on beside the old one; that of a rotation which is under way already.

    Raises OnetagError where the secret is not the data folder's to change.
    """
    if SECRET in settings.given:
        raise OnetagError(
            "The secret comes from ONETAG_SECRET or a file of ONETAG_SECRETS_DIR, which no command changes.",
            "Take it out, for `serve` and `worker` too: the data folder then keeps the secret. "
            "Or change it there, restart both, and connect each project again.",
        )
    kept = load_credentials(settings.data_dir)
    if SECRET not in kept:
        raise OnetagError("There is no secret yet.", "`onetag up`, `serve` or `connect` makes one.")
    if kept.get(PREVIOUS_UNTIL) != UNDER_WAY:
        changed = {SECRET: new_secret(), PREVIOUS: kept[SECRET], PREVIOUS_UNTIL: UNDER_WAY}
        kept = save_credentials(settings.data_dir, **changed)
    return SecretStr(kept[SECRET])


def take_back(settings: Settings) -> None:
    """Let the old secret be the only one again, as if no rotation had begun."""
    kept = load_credentials(settings.data_dir)
    save_credentials(settings.data_dir, **{SECRET: kept[PREVIOUS], PREVIOUS: "", PREVIOUS_UNTIL: ""})


def finish_rotation(settings: Settings, keep: timedelta) -> datetime:
    """Let the old secret end after `keep`; the moment at which it does."""
    until = datetime.now(UTC) + keep
    save_credentials(settings.data_dir, **{PREVIOUS_UNTIL: until.isoformat()})
    return until


def _moment(text: str) -> datetime:
    """The moment written; long ago where none can be read."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return read if read.tzinfo is not None else read.replace(tzinfo=UTC)
