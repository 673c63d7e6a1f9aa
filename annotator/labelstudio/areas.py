"""The share of an image that a labelled region covers, where its form tells."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from annotator.labelstudio.controls import Kind

Value = Mapping[str, Any]


def area_of(kind: Kind, value: Value) -> float | None:
    """The share 0..1 of the image; None for a point, for another kind, and for what is malformed.

    Label Studio gives lengths in percent of the image, and brushes as run lengths of its pixels.
    """
    try:
        share = AREAS[kind](value) if kind in AREAS else None
    except (KeyError, TypeError, ValueError, IndexError, OverflowError):
        return None
    return None if share is None or not math.isfinite(share) else min(1.0, max(0.0, share))


def _rectangle(value: Value) -> float:
    return float(value["width"]) * float(value["height"]) / 1e4


def _ellipse(value: Value) -> float:
    return math.pi * float(value["radiusX"]) * float(value["radiusY"]) / 1e4


def _polygon(value: Value) -> float:
    points = [(float(x), float(y)) for x, y in value["points"]]
    turned = zip(points, points[1:] + points[:1], strict=True)
    return abs(sum(x * below - right * y for (x, y), (right, below) in turned)) / 2e4


def _brush(value: Value) -> float | None:
    return covered(bytes(value["rle"])) if value.get("format") == "rle" else None


def covered(packed: bytes) -> float:
    """The share of pixels that are painted in a brush's run lengths.

    The packing is that of the page's `@thi.ng/rle-pack`, over RGBA bytes: 32 bits count the values, 5 the
    bits of a value less one, 4 x 4 the bits of four sizes of runs less one; then runs, each with a bit that
    tells whether one value is repeated, two for its size, and its length less one. Raises ValueError when
    the bits end too early.
    """
    bits = _Bits(packed)
    values, width = bits.take(32), bits.take(5) + 1
    sizes = [bits.take(4) + 1 for _ in range(4)]
    painted = place = 0
    while place < values:
        repeated = bits.take(1)
        end = min(values, place + bits.take(sizes[bits.take(2)]) + 1)
        if repeated:
            painted += _alphas(place, end) if bits.take(width) else 0
        else:
            painted += sum(bool(bits.take(width)) and at % 4 == 3 for at in range(place, end))
        place = end
    return painted / (values // 4) if values >= 4 else 0.0


def _alphas(start: int, end: int) -> int:
    """How many of the bytes from `start` to `end` are a pixel's fourth, its opacity."""
    return end // 4 - start // 4


class _Bits:
    def __init__(self, packed: bytes) -> None:
        self._packed, self._at = packed, 0

    def take(self, count: int) -> int:
        """The next bits as a number, the first one highest."""
        start, self._at = self._at, self._at + count
        if self._at > 8 * len(self._packed):
            raise ValueError("The run lengths end too early.")
        piece = int.from_bytes(self._packed[start // 8 : (self._at + 7) // 8], "big")
        return piece >> (-self._at % 8) & ((1 << count) - 1)


AREAS: Mapping[Kind, Callable[[Value], float | None]] = {
    "rectanglelabels": _rectangle,
    "ellipselabels": _ellipse,
    "polygonlabels": _polygon,
    "brushlabels": _brush,
}
