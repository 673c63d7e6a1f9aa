"""Importing a file of labels: all of it is read and checked before anything is written.

What is written is compared, image by image, with what the file's imports said before: so the same file again
adds nothing, a killed import goes on where it stopped, and of a changed file only what differs changes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice

from annotator.errors import OnetagError
from annotator.exchange.importing.entry import Progress, Reading, broken
from annotator.exchange.importing.matching import ImageIndex
from annotator.exchange.importing.report import SAMPLE, ImportReport
from annotator.exchange.importing.staging import Staging, staging
from annotator.exchange.importing.target import AddLabels, Target
from annotator.exchange.importing.writer import LabelFile, Writer
from annotator.labelstudio.config import clean_labels
from annotator.store import (
    Claim,
    Store,
)

SHOWN = 5  # names in a message

Bar = Callable[[str], AbstractContextManager[Progress]]
"""Opens a progress bar with a title."""


@dataclass(frozen=True)
class NewLabels:
    """What to do with labels that the project lacks.

    add: they become the project's. skip: they are left out. ask: called with them when neither is set; says
    whether to add them. in_studio: adds them to a project in Label Studio.
    """

    add: bool = False
    skip: bool = False
    ask: Callable[[list[str]], bool] | None = None
    in_studio: AddLabels | None = None


def labels_of(file: LabelFile, bar: Bar) -> list[str]:
    """The labels that a file names, in its order. Raises OnetagError where it cannot be read."""
    with staging(clean_label) as staged:
        reading = _stage(file, staged, bar)
        return _ordered(reading, staged)


def import_labels(
    store: Store,
    file: LabelFile,
    target: Target,
    bar: Bar,
    *,
    new_labels: NewLabels | None = None,
    dry_run: bool = False,
) -> ImportReport:
    """Read a file of labels into a project; `dry_run` only says what it would do.

    Raises OnetagError, with nothing written, for a file that is broken or does not hold what it claims, for
    labels that the project lacks, and when none of its images is the project's. A label that was renamed may
    be named as before.
    """
    _check_claim(file)
    renamed: dict[str, str] = {}

    def called_now(name: str) -> str:
        named = clean_label(name)
        now = target.called.get(named, named)
        if now != named:
            renamed[named] = now
        return now

    with staging(called_now) as staged:
        reading = _stage(file, staged, bar)
        staged.match(ImageIndex(target.addresses))
        report = _report(file, target, reading, staged, dry_run=dry_run)
        report.renamed_labels = renamed
        _check_images(file, target, staged, report)
        labels = _labels(file, target, _ordered(reading, staged), new_labels or NewLabels(), report)
        numbers = [number for number, name in enumerate(staged.labels) if name in set(labels)]
        writer = Writer(store, file, target, staged, numbers, report)
        with bar("Comparing labels" if dry_run else "Writing labels") as progress:
            if dry_run:
                writer.count(progress)
            else:
                writer.write(labels, (new_labels or NewLabels()).in_studio, progress)
    return report


def clean_label(name: str) -> str:
    """A label's name as it is compared everywhere. Raises OnetagError for one that no label can have."""
    return clean_labels([name])[0]


def _stage(file: LabelFile, staged: Staging, bar: Bar) -> Reading:
    with bar(f"Reading {file.path.name}") as progress:
        reading = Reading(file.options, progress)
        for entry in file.form.read(file.path, reading):
            staged.add(entry)
    for name in reading.vocabulary:
        staged.label(name)
    staged.flush()
    return reading


def _ordered(reading: Reading, staged: Staging) -> list[str]:
    """The labels of a file: those that it lists, then those that it only names."""
    names = staged.labels
    return list(dict.fromkeys([*(names[staged.label(name)] for name in reading.vocabulary), *names]))


def _check_claim(file: LabelFile) -> None:
    if file.claim is Claim.VERIFIED and not file.form.negatives:
        raise OnetagError(
            f"The format {file.form.name} cannot say that a label is absent.",
            "Use --as positive, or --as complete where what it does not name is absent.",
        )


def _report(
    file: LabelFile, target: Target, reading: Reading, staged: Staging, *, dry_run: bool
) -> ImportReport:
    counts = staged.counts()
    report = ImportReport(str(file.path), file.form.name, file.claim.value, target.title, dry_run)
    report.images, report.matched = counts.named, counts.matched
    report.missing, report.several, report.twice = counts.missing, counts.several, counts.twice
    report.left_out = {reason: count for reason, count in reading.left_out.items() if count}
    report.missing_names = staged.names("missing", SAMPLE)
    report.several_names = staged.names("several", SAMPLE)
    report.twice_names = staged.names("twice", SAMPLE)
    report.pictures_left_out = [f"{name}: {reason}" for name, reason in target.left_out[:SAMPLE]]
    named = staged.images()
    report.unnamed = len(target.addresses) - len(named)
    unnamed = (address for place, address in enumerate(target.addresses) if place not in named)
    report.unnamed_names = list(islice(unnamed, SAMPLE))
    if file.claim in (Claim.POSITIVE, Claim.SINGLE):
        report.ignored_absent = staged.absents
    return report


def _check_images(file: LabelFile, target: Target, staged: Staging, report: ImportReport) -> None:
    if not report.images:
        told = "; ".join(f"{count:,} {reason}" for reason, count in report.left_out.items())
        raise broken(
            file.path, f"it names no image{f' ({told})' if told else ''}.", "Name a file that holds labels."
        )
    if not report.matched:
        first = (report.missing_names or report.several_names)[0]
        there = target.addresses[0] if target.addresses else "none at all"
        raise broken(
            file.path,
            f"none of its {report.images:,} images is in {target.title!r} (it names {first!r}, "
            f"the project has {there!r}).",
            "Give the folder of its images with --images, or another project.",
        )
    crowded = staged.with_several_labels(SHOWN) if file.claim is Claim.SINGLE else []
    if crowded:
        raise broken(
            file.path,
            f"images with more than one label, which --as single does not allow: {', '.join(crowded)}.",
            "Use --as positive, or correct the file.",
        )


def _labels(
    file: LabelFile, target: Target, named: list[str], new: NewLabels, report: ImportReport
) -> list[str]:
    """The labels that the project is to have. Raises OnetagError when some are lacking and unwanted."""
    report.labels = len(named)
    lacking = [name for name in named if name not in set(target.labels)]
    if not target.labels and target.folder is not None:
        report.new_labels = lacking
        if not lacking:
            raise broken(file.path, "it names no label.", "Name a file that holds labels.")
        return lacking
    if lacking and not new.skip:
        if not new.add and not (new.ask is not None and new.ask(lacking)):
            shown = ", ".join(lacking[:50]) + (
                f" and {len(lacking) - 50:,} more" if len(lacking) > 50 else ""
            )
            raise broken(
                file.path,
                f"it has labels that {target.title!r} lacks: {shown}.",
                f"Add them with --add-labels{_brought_back(target, lacking)}, or leave them out with "
                "--skip-labels.",
            )
        report.new_labels = lacking
        return [*target.labels, *lacking]
    report.skipped_labels = lacking
    return target.labels


def _brought_back(target: Target, lacking: list[str]) -> str:
    """That some of these labels are archived, where some are."""
    back = [name for name in lacking if name in target.archived]
    return f" (which brings back those that are archived: {', '.join(back[:SHOWN])})" if back else ""
