"""The data card: what an export holds, how it came about, and what is known to be wrong with it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from importlib.metadata import version as installed
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from annotator.exchange.rows import ExportRow, RowChoices, label_thresholds
from annotator.exchange.splits import TRAIN, VALIDATION
from annotator.store.acceptance import Acceptance, acceptances
from annotator.store.agreement import Agreement, agreement
from annotator.store.labels import live_labels
from annotator.store.models import Image, Label, ModelVersion, Observation, Project
from annotator.store.shared import shared_votes
from annotator.store.states import Source

if TYPE_CHECKING:
    import numpy.typing as npt


class Counts:
    """What the rows hold, label by label: counted as they go by."""

    def __init__(self, labels: int) -> None:
        self.images = self.conflicts = 0
        self.splits = {TRAIN: 0, VALIDATION: 0}
        self.present, self.absent = _zeros(labels), _zeros(labels)
        self.estimated, self.estimated_present, self.estimated_absent = (_zeros(labels) for _ in range(3))

    def add(self, rows: Sequence[ExportRow]) -> None:
        """Count some rows."""
        self.images += len(rows)
        self.conflicts += sum(row.ties for row in rows)
        for split in self.splits:
            self.splits[split] += sum(row.split == split for row in rows)
        observed, values, decisions = (
            np.stack([getattr(row, name) for row in rows]) for name in ("observed", "values", "decisions")
        )
        self.present += (observed > 0).sum(axis=0)
        self.absent += (observed < 0).sum(axis=0)
        unsaid = observed == 0
        self.estimated += (unsaid & ~np.isnan(values)).sum(axis=0)
        self.estimated_present += (unsaid & (decisions > 0)).sum(axis=0)
        self.estimated_absent += (unsaid & (decisions < 0)).sum(axis=0)

    @property
    def unknown(self) -> npt.NDArray[np.int64]:
        """Cells without a value, for each label."""
        return self.images - self.present - self.absent - self.estimated


def _zeros(labels: int) -> npt.NDArray[np.int64]:
    return np.zeros(labels, dtype=np.int64)


def data_card(session: Session, project: Project, choices: RowChoices, counts: Counts) -> dict[str, Any]:
    """The card of an export whose rows have all been counted. The same store gives the same card.

    Annotators are numbered, the busiest first: the card travels with the data, and their names do not.
    """
    version, split = choices.version, choices.split
    votes = shared_votes(session, project.id)
    between, accepting = agreement(session, project.id, votes), acceptances(session, project.id, votes)
    flagged = {each.annotator for each in accepting if each.over(choices.acceptance_limit)}
    return {
        "software": f"onetag {installed('onetag')}",
        "project": project.title,
        "model_version": _version(version),
        "values": choices.values.value,
        "split": {"train": split.train, "seed": split.seed, "images": counts.splits} if split else None,
        "images": counts.images,
        "labels": _labels(live_labels(session, project.id), version, counts),
        "expected_positives": _expected_positives(project, version),
        "precision": _precision(version),
        "annotators": _annotators(session, project.id, between, accepting, flagged),
        "agreement": _agreement(between),
        "biases": _biases(session, project.id, counts, flagged),
    }


def _version(version: ModelVersion | None) -> dict[str, Any] | None:
    if version is None:
        return None
    made = version.created_at.isoformat(timespec="seconds")
    return {"name": version.name, "made": made, "backbone": version.backbone, "recipe": version.recipe}


def _labels(labels: list[Label], version: ModelVersion | None, counts: Counts) -> list[dict[str, Any]]:
    """Each label with its threshold (None: nothing is decided by estimate) and its counts of images."""
    thresholds = label_thresholds(version, labels).tolist()
    columns = {
        "said_present": counts.present,
        "said_absent": counts.absent,
        "estimated": counts.estimated,
        "estimated_present": counts.estimated_present,
        "estimated_absent": counts.estimated_absent,
        "unknown": counts.unknown,
    }
    return [
        {"name": label.name, "threshold": round(threshold, 4) if threshold <= 1 else None}
        | {name: int(column[place]) for name, column in columns.items()}
        for place, (label, threshold) in enumerate(zip(labels, thresholds, strict=True))
    ]


def _expected_positives(project: Project, version: ModelVersion | None) -> dict[str, Any] | None:
    """Labels that an image is expected to show (k), and where that number comes from."""
    metrics = version.metrics if version else {}
    if "expected_positives" in metrics:
        source = metrics.get("expected_positives_source")
        return {"value": metrics["expected_positives"], "source": source}
    if project.expected_positives is not None:
        return {"value": project.expected_positives, "source": "given"}
    return None


def _precision(version: ModelVersion | None) -> dict[str, Any] | None:
    """How many suggestions annotators answered before this version, and which share was right."""
    metrics = version.metrics if version else {}
    names = "answers", "suggestions_right", "calibration_error"
    return {name: metrics[name] for name in names if name in metrics} or None


def _agreement(between: Agreement) -> dict[str, Any] | None:
    """How far annotators say the same on the images that several answered; None where there are none.

    agree: the share of pairs of statements on the same label that are the same. alpha: Krippendorff's.
    """
    if not between.images:
        return None
    alike = {name: getattr(between, name) for name in ("agree", "alpha")}
    rounded = {name: None if value is None else round(value, 4) for name, value in alike.items()}
    return {"images": between.images, "labels_compared": between.cells, "ties": between.ties} | rounded


def _annotators(
    session: Session,
    project_id: int,
    between: Agreement,
    accepting: Sequence[Acceptance],
    flagged: Collection[str],
) -> list[dict[str, Any]]:
    counted = _active(
        project_id, Observation.annotator, func.count(), func.count(Observation.image_id.distinct())
    )
    rows = session.execute(counted.group_by(Observation.annotator)).all()
    busiest = sorted(rows, key=lambda row: (-row[1], row[0] or ""))
    return [
        {"annotator": number, "observations": observations, "images": images}
        | _beside_others(between, name)
        | _accepting(accepting, name, flagged)
        for number, (name, observations, images) in enumerate(busiest, 1)
    ]


def _beside_others(between: Agreement, annotator: str | None) -> dict[str, int]:
    """Labels of shared images on which the others have a consensus, and on how many it is said here too."""
    own = [each for each in between.confusions if each.annotator == annotator]
    same, compared = sum(each.same for each in own), sum(each.compared for each in own)
    return {"compared": compared, "same_as_others": same} if own else {}


def _accepting(
    accepting: Sequence[Acceptance], annotator: str | None, flagged: Collection[str]
) -> dict[str, Any]:
    """Of the suggestions that others found absent, how many were confirmed, and that share's 95 % interval.

    flagged: it lies above the limit, so that trainings leave the annotator's confirmations out.
    """
    return {
        key: value
        for each in accepting
        if each.annotator == annotator
        for key, value in {
            "absent_suggestions": each.known_absent,
            "of_these_confirmed": each.accepted,
            "interval": [round(end, 4) for end in each.interval],
            "flagged": annotator in flagged,
        }.items()
    }


def _biases(session: Session, project_id: int, counts: Counts, flagged: Collection[str]) -> dict[str, Any]:
    """What the records tell of how people answer.

    sources: observations by how they came about. suggestions_accepted: of the suggestions that were answered,
    the share confirmed; much above the precision, people trust what is ticked. confirmed_by_flagged: the
    observations that are confirmations of flagged annotators. tagged_when_present: of the
    completely reviewed images that show a label, the share on which that label was the one tagged; where
    labels differ much, tags are a biased sample. conflicts: cells on which as many people say yes as no.
    """
    by_source = _active(project_id, Observation.source, func.count()).group_by(Observation.source)
    sources = {source.value: count for source, count in session.execute(by_source)}
    answered = sources.get(Source.CONFIRMED, 0) + sources.get(Source.REJECTED, 0)
    return {
        "sources": {source.value: sources.get(source.value, 0) for source in Source},
        "suggestions_accepted": _share(sources.get(Source.CONFIRMED, 0), answered),
        "confirmed_by_flagged": _confirmed_by(session, project_id, flagged),
        "tagged_when_present": _tagged_when_present(session, project_id),
        "conflicts": counts.conflicts,
    }


def _confirmed_by(session: Session, project_id: int, annotators: Collection[str]) -> int:
    theirs = Observation.source == Source.CONFIRMED, Observation.annotator.in_(annotators)
    return session.scalar(_active(project_id, func.count()).where(*theirs)) or 0


def _tagged_when_present(session: Session, project_id: int) -> dict[str, Any]:
    """Of each label that completely reviewed images show: on how many, and on which share it was tagged."""
    reviewed = select(Observation.image_id).where(
        Observation.source == Source.COMPLETE, Observation.retired_at.is_(None)
    )
    tagged = case((Observation.source == Source.TAG, Observation.image_id))
    shown = _active(
        project_id,
        Label.name,
        func.count(Observation.image_id.distinct()),
        func.count(tagged.distinct()),
    ).where(Observation.value == 1, Observation.image_id.in_(reviewed))
    by_label = shown.group_by(Label.id, Label.name, Label.position).order_by(Label.position, Label.id)
    return {
        name: {"images": images, "share": _share(tags, images)}
        for name, images, tags in session.execute(by_label)
    }


def _active(project_id: int, *columns: Any) -> Select[*tuple[Any, ...]]:
    """These columns of the observations that count: of live images and labels."""
    return (
        select(*columns)
        .select_from(Observation)
        .join(Image, Image.id == Observation.image_id)
        .join(Label, Label.id == Observation.label_id)
        .where(
            Observation.retired_at.is_(None),
            Image.project_id == project_id,
            Image.removed_at.is_(None),
            Label.archived_at.is_(None),
        )
    )


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
