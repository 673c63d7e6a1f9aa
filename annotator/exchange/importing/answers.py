"""What one annotation of a Label Studio export says, region by region.

What a person chose or drew is present. A region that was left as it was predicted says nothing, and of
choices that were changed only what differs from what was shown is said, unless the person marked that they
were looked at: then every tick is confirmed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

CHOSEN = ("choices", "taxonomy")  # one region holds all names of a control
DRAWN = (
    *("rectanglelabels", "polygonlabels", "brushlabels", "keypointlabels", "ellipselabels"),
    *("labels", "bitmasklabels", "vectorlabels"),
)
UNTOUCHED, CHANGED = "prediction", "prediction-changed"
PATH = " / "  # between the steps of a nested choice

AS_PREDICTED = "regions that were left as they were predicted"
NOT_SHOWN = "changed choices of which the export does not tell what was shown"

Region = Mapping[str, Any]


class Answer:
    """One annotation: its regions and, where that is known, those that were shown (`shown`).

    holds_labels: whether the control of a name holds the labels. reviewed: whether the person said that all
    suggestions were looked at. left_out: counts what says nothing.
    """

    def __init__(
        self,
        result: Sequence[Region],
        shown: Sequence[Region] | None,
        holds_labels: Callable[[str], bool],
        left_out: Counter[str],
        *,
        reviewed: bool = False,
    ) -> None:
        self._shown, self._reviewed, self._left_out = shown, reviewed, left_out
        self._present: dict[str, None] = {}
        self._absent: dict[str, None] = {}
        self._unknown: dict[str, None] = {}
        named = [(region, *names_of(region)) for region in result]
        regions = [each for each in named if each[2] and holds_labels(str(each[0].get("from_name")))]
        for region, kind, names in regions:
            self._read(region, kind, names)
        there = {region.get("from_name") for region, _, _ in regions}
        for region in shown or ():
            kind, names = names_of(region)
            control = str(region.get("from_name"))
            if kind in CHOSEN and control not in there and holds_labels(control):
                self._absent.update(dict.fromkeys(names))  # all were unticked: the region is gone

    @property
    def present(self) -> list[str]:
        """The labels that the person said are there."""
        return list(self._present)

    @property
    def absent(self) -> list[str]:
        """Those that the person took back."""
        return [name for name in self._absent if name not in self._present]

    @property
    def unknown(self) -> list[str]:
        """Those that are named, and of which nobody said anything."""
        return [name for name in self._unknown if name not in self._present]

    def _read(self, region: Region, kind: str, names: Sequence[str]) -> None:
        origin = region.get("origin")
        if origin == UNTOUCHED:
            self._leave(names, AS_PREDICTED)
        elif origin == CHANGED and kind in CHOSEN:
            self._compare(region, names)
        else:
            self._present.update(dict.fromkeys(names))

    def _compare(self, region: Region, names: Sequence[str]) -> None:
        if self._shown is None:
            self._leave(names, NOT_SHOWN)
            return
        alike = [each for each in self._shown if each.get("from_name") == region.get("from_name")]
        before = [name for each in alike for name in names_of(each)[1]]
        self._present.update(dict.fromkeys(name for name in names if name not in before))
        self._absent.update(dict.fromkeys(name for name in before if name not in names))
        kept = self._present if self._reviewed else self._unknown
        kept.update(dict.fromkeys(name for name in names if name in before))

    def _leave(self, names: Sequence[str], reason: str) -> None:
        if self._reviewed:
            self._present.update(dict.fromkeys(names))
            return
        self._left_out[reason] += 1
        self._unknown.update(dict.fromkeys(names))


def names_of(region: Region) -> tuple[str, tuple[str, ...]]:
    """The kind of a region and the labels that it names; none for one that holds something else."""
    value = region.get("value")
    for kind in (*CHOSEN, *DRAWN):
        found = value.get(kind) if isinstance(value, dict) else None
        if isinstance(found, list):
            steps = [each if isinstance(each, list) else [each] for each in found]
            return kind, tuple(PATH.join(map(str, path)) for path in steps if path)
    return "", ()
