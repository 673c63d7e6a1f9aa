"""The versions of a project as a list shows them, and what is known of each with what it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from annotator.dashboard.formats import duration, number, percent, short_name
from annotator.store import ModelVersion, Project, Publication, TrainingRun
from annotator.store.learning_curve import Step
from annotator.store.shares import Share
from annotator.store.states import RunReason
from annotator.store.versions import number_of, recipe_in_words

SOURCES = {
    "reviews": "from completely marked images",
    "user": "as it was given",
    "tags": "from which labels are tagged",
    "prior": "a prior: too few tags to tell",
}
"""Where the expected positives of a training come from."""
PUBLICATIONS = {
    Publication.NONE: "not published",
    Publication.PUBLISHING: "being published",
    Publication.PUBLISHED: "published",
    Publication.OVERTAKEN: "overtaken: a newer one was in use before it was published",
}


@dataclass(frozen=True)
class VersionRow:
    """One version. kept: whether it can be used, and its estimates are whole; else only records are left.

    used, pinned: see the glossary. reason, observations, seconds: of its training, where that is on record.
    derived_from: the version that it differs from by thresholds of people alone.
    """

    id: int
    name: str
    made_at: datetime
    backbone: str
    recipe: str
    publication: str
    published_at: datetime | None
    kept: bool
    used: bool
    pinned: bool
    reason: RunReason | None
    observations: int | None
    seconds: float | None
    derived_from: str | None = None

    @property
    def number(self) -> int:
        """Within its project, from 1."""
        return number_of(ModelVersion(name=self.name))


def version_rows(
    session: Session, project: Project, *, before: int | None = None, most: int = 1, name: str | None = None
) -> list[VersionRow]:
    """The newest versions of a project, at most so many. before: those older than the one with this id.

    name: the one that is called so.
    """
    origin = aliased(ModelVersion)
    chosen = (
        select(
            ModelVersion.id,
            ModelVersion.name,
            ModelVersion.created_at,
            ModelVersion.backbone,
            ModelVersion.recipe,
            ModelVersion.publication,
            ModelVersion.published_at,
            ModelVersion.folder,
            ModelVersion.derived_from_id,
            origin.name.label("origin"),
        )
        .outerjoin(origin, ModelVersion.derived_from_id == origin.id)
        .where(ModelVersion.project_id == project.id)
        .order_by(ModelVersion.id.desc())
        .limit(most)
    )
    if before is not None:
        chosen = chosen.where(ModelVersion.id < before)
    if name is not None:
        chosen = chosen.where(ModelVersion.name == name)
    versions = session.execute(chosen).all()
    runs = runs_of(session, [version.derived_from_id or version.id for version in versions])
    return [
        VersionRow(
            id=version.id,
            name=version.name,
            made_at=version.created_at,
            backbone=version.backbone,
            recipe=recipe_in_words(version.recipe),
            publication=PUBLICATIONS[version.publication],
            published_at=version.published_at,
            kept=bool(version.folder),
            used=version.id == project.active_version_id,
            pinned=version.id == project.active_version_id and project.version_pinned,
            reason=run.reason if run else None,
            observations=run.observations if run else None,
            seconds=seconds_of(run),
            derived_from=version.origin,
        )
        for version in versions
        for run in [runs.get(version.derived_from_id or version.id)]
    ]


def learned_instead(version: ModelVersion) -> list[float | None]:
    """Of each label of a version whose threshold people set: what its training chose; else None."""
    learned = version.learned_thresholds or version.thresholds
    return [
        chosen if chosen != held else None for chosen, held in zip(learned, version.thresholds, strict=False)
    ]


def runs_of(session: Session, version_ids: Sequence[int]) -> dict[int, TrainingRun]:
    """The trainings that made these versions, by their ids."""
    runs = session.scalars(select(TrainingRun).where(TrainingRun.version_id.in_(version_ids)))
    return {run.version_id: run for run in runs if run.version_id is not None}


def seconds_of(run: TrainingRun | None) -> float | None:
    """How long a training took; None where that is not on record."""
    if run is None or run.started_at is None or run.finished_at is None:
        return None
    return (run.finished_at - run.started_at).total_seconds()


@dataclass(frozen=True)
class Fact:
    """Something known of a version. value: a dash where it is not known; basis: what it rests on."""

    name: str
    value: str
    basis: str


def facts(version: ModelVersion, run: TrainingRun | None, step: Step | None) -> list[Fact]:
    """What is known of a version: the same names in the same order for each.

    step: how right it was about answers that came after its training; None where it is not looked at.
    """
    right, found = (step.right, step.found) if step is not None else (Share(), Share())
    return [
        _share("Suggestions right since then", right, "suggestions that people checked after its training"),
        _share("Named labels found", found, "labels that people named after its training"),
        _right_before(version),
        _calibration(version),
        _learned_from(version, run),
        _images(version),
        _labels(version),
        _suggested(version),
        _expected_positives(version),
        _seconds(version, run),
        Fact("Started from", short_name(str(version.metrics.get("from_version") or "-")), ""),
    ]


def _share(name: str, share: Share, of: str) -> Fact:
    if not share.whole:
        return Fact(name, "-", f"not measured yet: no {of}")
    low, high = share.interval
    sure = f"{percent(low)} to {percent(high)} with 95 % certainty"
    return Fact(name, percent(share.value), f"{number(share.part)} of {number(share.whole)} {of}; {sure}")


def _right_before(version: ModelVersion) -> Fact:
    """What its training was told of the suggestions of versions before it."""
    answers, right = version.metrics.get("answers"), version.metrics.get("suggestions_right")
    of = "answers to suggestions of earlier versions"
    if not answers or right is None:
        return _share("Suggestions right before", Share(), of)
    return _share("Suggestions right before", Share(round(right * answers), answers), of)


def _calibration(version: ModelVersion) -> Fact:
    error, answers = version.metrics.get("calibration_error"), version.metrics.get("answers")
    if error is None or not answers:
        return Fact("Error of earlier probabilities", "-", "not measured yet: no answers to suggestions")
    used = "calibrated by these" if version.metrics.get("calibrated") else "too few to calibrate by"
    return Fact("Error of earlier probabilities", percent(error), f"on {number(answers)} answers, {used}")


def _learned_from(version: ModelVersion, run: TrainingRun | None) -> Fact:
    told = [f"{number(version.metrics['tagged'])} images with a label"] if "tagged" in version.metrics else []
    conflicts = version.metrics.get("conflicts")
    told += [f"{number(conflicts)} labels left out on which people disagree"] if conflicts else []
    value = number(run.observations) if run is not None else "-"
    return Fact("Observations learned from", value, ", ".join(told))


def _images(version: ModelVersion) -> Fact:
    images = version.metrics.get("images")
    lacking = {"could not be read": "unreadable", "were not read yet": "waiting"}
    told = [
        f"{number(count)} more {words}"
        for words, name in lacking.items()
        if (count := version.metrics.get(name))
    ]
    return Fact("Images estimated", "-" if images is None else number(images), ", ".join(told))


def _labels(version: ModelVersion) -> Fact:
    columns = version.metrics.get("never_tagged") or ()
    named = [version.labels[column] for column in columns if column < len(version.labels)]
    more = f" and {len(named) - 5} more" if len(named) > 5 else ""
    told = f"nobody had named {', '.join(named[:5])}{more}" if named else ""
    return Fact("Labels", number(len(version.labels)), told)


def _suggested(version: ModelVersion) -> Fact:
    suggested = sum(threshold <= 1 for threshold in version.thresholds)
    told = ["the others had not earned it"] if suggested < len(version.thresholds) else []
    by_people = sum(learned is not None for learned in learned_instead(version))
    told += [f"{number(by_people)} by thresholds that people set"] if by_people else []
    return Fact("Labels it suggests", number(suggested), ", ".join(told))


def _expected_positives(version: ModelVersion) -> Fact:
    value = version.metrics.get("expected_positives")
    source = SOURCES.get(str(version.metrics.get("expected_positives_source")), "")
    return Fact("Labels an image shows", "-" if value is None else f"{value:.1f}", source)


def _seconds(version: ModelVersion, run: TrainingRun | None) -> Fact:
    seconds = seconds_of(run)
    parts = {"features": "features_seconds", "fit": "fit_seconds", "suggestions": "suggest_seconds"}
    told = list(_parts(version, parts))
    return Fact("Training took", "-" if seconds is None else duration(seconds), ", ".join(told))


def _parts(version: ModelVersion, parts: dict[str, str]) -> Iterator[str]:
    for words, name in parts.items():
        if (seconds := version.metrics.get(name)) is not None:
            yield f"{words} {seconds:.1f} s" if seconds < 10 else f"{words} {duration(seconds)}"
