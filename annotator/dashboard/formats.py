"""How the page writes numbers and moments."""

from __future__ import annotations

import math
from datetime import datetime

from markupsafe import Markup, escape

from annotator.store.types import utc, utc_now


def number(value: float) -> str:
    """A count with its thousands apart.

    >>> number(1234567)
    '1,234,567'
    """
    return f"{value:,.0f}"


def percent(share: float | None) -> str:
    """A share, 0..1, in percent; a dash where there is none, and only what is certain is 0 or 100.

    >>> percent(0.996), percent(0.42), percent(0.0), percent(None)
    ('99 %', '42 %', '0 %', '-')
    """
    if share is None or not math.isfinite(share):
        return "-"
    return f"{min(99, max(1, round(100 * share)))} %" if 0 < share < 1 else f"{100 * share:.0f} %"


def duration(seconds: float) -> str:
    """A time in the two units that matter.

    >>> duration(7.4), duration(200), duration(9000)
    ('7 s', '3 min 20 s', '2 h 30 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def file_size(count: int) -> str:
    """So many bytes, in the unit that fits.

    >>> file_size(512), file_size(2_500_000), file_size(3 * 10**9)
    ('512 bytes', '2.5 MB', '3.0 GB')
    """
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} bytes"


def moment(at: datetime | None) -> Markup:
    """A moment as a `<time>` element in UTC, which the page's script turns into the reader's own zone."""
    if at is None:
        return Markup("never")
    stamp = utc(at)
    return Markup('<time datetime="{}">{} UTC</time>').format(
        stamp.isoformat(timespec="seconds"), f"{stamp:%Y-%m-%d %H:%M}"
    )


def ago(at: datetime | None) -> str:
    """How long ago a moment was."""
    return "never" if at is None else f"{duration(max(0.0, (utc_now() - utc(at)).total_seconds()))} ago"


def short_name(version: str) -> str:
    """A version as people call it, by its number alone.

    >>> short_name("v0007-20261122T214500"), short_name("another")
    ('v0007', 'another')
    """
    return version.partition("-")[0]


def coded(text: str) -> Markup:
    """A text whose parts between backticks are code, everything in it escaped.

    >>> coded("Start `onetag <x>`.")
    Markup('Start <code>onetag &lt;x&gt;</code>.')
    """
    parts = text.split("`")
    paired = (len(parts) - 1) // 2 * 2  # a last backtick without another one stays as it is
    return Markup("").join(
        Markup("<code>{}</code>").format(part)
        if place % 2 and place < paired
        else escape(f"`{part}" if place > paired else part)
        for place, part in enumerate(parts)
    )


FILTERS = {
    "number": number,
    "percent": percent,
    "duration": duration,
    "bytes": file_size,
    "moment": moment,
    "ago": ago,
    "coded": coded,
    "short_name": short_name,
}
"""By their names in templates."""
