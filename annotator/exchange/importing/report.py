"""What an import found and did, in numbers, with some names of each kind."""

from __future__ import annotations

from dataclasses import dataclass, field

SAMPLE = 1_000  # names of a kind that a report holds


@dataclass
class ImportReport:
    """The images that a file names, its labels, and the observations that it makes.

    matched: images of the project. missing: named, but not in the project. several: names that could mean
    more than one image. unnamed: images of the project that the file does not name. twice: named more than
    once; contradictions: labels of an image that the file calls present and absent, which stay unknown.
    renamed_labels: what labels are called now, by what the file calls them.
    present, absent: observations added. standing: there already. retired: what the file does not say any
    more. ignored_absent: what the file calls absent, and the claim does not take. left_out: other things in
    the file that say nothing about an image, and how many.
    """

    file: str
    format: str
    claim: str
    project: str
    dry_run: bool
    images: int = 0
    matched: int = 0
    missing: int = 0
    several: int = 0
    unnamed: int = 0
    twice: int = 0
    contradictions: int = 0
    labels: int = 0
    new_labels: list[str] = field(default_factory=list)
    skipped_labels: list[str] = field(default_factory=list)
    renamed_labels: dict[str, str] = field(default_factory=dict)
    present: int = 0
    absent: int = 0
    standing: int = 0
    retired: int = 0
    ignored_absent: int = 0
    images_added: int = 0
    images_removed: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    missing_names: list[str] = field(default_factory=list)
    several_names: list[str] = field(default_factory=list)
    unnamed_names: list[str] = field(default_factory=list)
    twice_names: list[str] = field(default_factory=list)
    contradicted: list[str] = field(default_factory=list)
    pictures_left_out: list[str] = field(default_factory=list)
