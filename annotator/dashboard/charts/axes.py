"""Linear axes with round ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from annotator.dashboard.charts.svg import WIDTH, element, words

HALF_CHARACTER = 3.5
"""Units of half a character of a tick."""


@dataclass(frozen=True)
class Axis:
    """What an axis is about, and its range; where an end is None, the data tells. share: 0..1 in percent."""

    label: str
    low: float | None = None
    high: float | None = None
    share: bool = False

    def text(self, value: float) -> str:
        """A value as it is written at this axis.

        >>> Axis("", share=True).text(0.25), Axis("").text(12000.0), Axis("").text(0.25)
        ('25 %', '12,000', '0.25')
        """
        if not math.isfinite(value):
            return "unknown"
        return f"{100 * value:.4g} %" if self.share else f"{float(f'{value:.6g}'):,.10g}"


SHARE = Axis("", 0.0, 1.0, share=True)
COUNT = Axis("", 0.0)


def round_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten that lie between low and high, at most so many.

    >>> round_ticks(0, 1), round_ticks(3, 47)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [10.0, 20.0, 30.0, 40.0])
    """
    if not high > low:
        return [low]
    rough = (high - low) / (most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * each for each in (1, 2, 5, 10) if power * each >= rough * (1 - 1e-9))
    digits = max(0, -math.floor(math.log10(step)))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(place * step, digits) for place in range(first, last + 1)]


@dataclass(frozen=True)
class Scale:
    """From a value in low..high to a unit of the drawing in start..end."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Where a value is drawn; one outside of the range at its end, and NaN nowhere."""
        if math.isnan(value):
            return value
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def scale_of(axis: Axis, values: Iterable[float], start: float, end: float) -> Scale:
    """The scale of an axis that shows all finite values, between round numbers where the axis has no ends."""
    finite = [value for value in values if math.isfinite(value)]
    low = axis.low if axis.low is not None else min(finite, default=0.0)
    high = axis.high if axis.high is not None else max(finite, default=1.0)
    if not high > low:
        room = abs(low) * 0.1 or 1.0
        low, high = (low - room if axis.low is None else low), low + room
    ticks = round_ticks(low, high)
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 0.0
    if step and axis.low is None:
        low = math.floor(low / step + 1e-9) * step
    if step and axis.high is None:
        high = math.ceil(high / step - 1e-9) * step
    return Scale(low, high, start, end)


def across(axis: Axis, scale: Scale, top: float, bottom: float) -> list[Markup]:
    """A horizontal axis below the drawing, with its grid."""
    parts = []
    for tick in round_ticks(scale.low, scale.high):
        x = scale(tick)
        parts.append(element("line", class_="grid", x1=x, x2=x, y1=top, y2=bottom))
        text = axis.text(tick)
        within = min(x, WIDTH - HALF_CHARACTER * len(text))  # or the last one would be cut off
        parts.append(words(text, within, bottom + 15, "middle tick"))
    parts.append(element("line", class_="axis", x1=scale.start, x2=scale.end, y1=bottom, y2=bottom))
    if axis.label:
        parts.append(words(axis.label, (scale.start + scale.end) / 2, bottom + 31, "middle dim"))
    return parts


def upwards(axis: Axis, scale: Scale, left: float, right: float) -> list[Markup]:
    """A vertical axis at the left, with its grid; its label stands on top, where it can be read."""
    parts = []
    for tick in round_ticks(scale.low, scale.high):
        y = scale(tick)
        parts.append(element("line", class_="grid", x1=left, x2=right, y1=y, y2=y))
        parts.append(words(axis.text(tick), left - 5, y + 4, "end tick"))
    parts.append(element("line", class_="axis", x1=left, x2=left, y1=scale.end, y2=scale.start))
    if axis.label:
        parts.append(words(axis.label, 4, scale.end - 10, "dim"))
    return parts
