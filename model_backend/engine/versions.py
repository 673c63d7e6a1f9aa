"""Model versions on disk: written whole or not at all, pruned when old."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from sqlalchemy import Select, delete, select

from annotator.errors import OnetagError
from annotator.settings import Settings
from annotator.store import Annotation, LabelVector, ModelVersion, Store, Suggestion
from annotator.store.versions import active_version
from model_backend.backbones.tuned import fingerprint_start, is_tuned
from model_backend.engine.backbones import BACKBONES_FOLDER
from model_backend.engine.checksums import write_sums
from model_backend.engine.resources import CACHE_FILE
from model_backend.features import FeatureCache

SUGGESTIONS_KEPT = timedelta(days=1)  # an annotation that arrives late is compared with what was shown
ORPHAN_AGE = timedelta(hours=1)
UNRECORDED_AGE = timedelta(days=1)  # between a tuned backbone and its version all images are looked at again

log = logging.getLogger(__name__)


class Saveable(Protocol):
    """What can write itself into a folder."""

    def save(self, folder: Path) -> None:
        """Write every file."""


def save_version(data_dir: Path, project_id: int, name: str, model: Saveable) -> str:
    """Write a version's folder, whole or not at all; returns its path below the data folder.

    No version of this name may be on record: a folder that has it is replaced.
    Raises OnetagError when the disk is full or may not be written.
    """
    relative = Path("versions") / f"project-{project_id}" / name
    folder = data_dir / relative
    draft = folder.with_name(f".{name}.{os.getpid()}")
    try:
        draft.mkdir(parents=True)
        model.save(draft)
        write_sums(draft)
        for file in draft.iterdir():
            _sync(file)
        _sync(draft)
        shutil.rmtree(folder, ignore_errors=True)  # of a training that was killed before it was recorded
        draft.rename(folder)
        _sync(folder.parent)
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise OnetagError(
            f"The new version cannot be written below {data_dir} ({error.strerror or type(error).__name__}).",
            "Free some space or make the folder writable, then train again.",
        ) from error
    return relative.as_posix()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def prune(store: Store, settings: Settings, project_id: int) -> list[str]:
    """Let go of what old versions hold: weights, vectors and, after a day, suggestions; names the pruned.

    The records stay, and the vectors of images that were annotated with the version in sight: the answers
    tell how far its probabilities could be trusted. The newest `keep_versions`, the one in use and the one in
    Label Studio's queue lose nothing. One that differs from another by its thresholds alone is kept while it
    is one of the latter two. Tuned backbones that no version needs any more go too, with their
    features.
    """
    with store.reading() as session:
        active = active_version(session, project_id)
        newest = select(ModelVersion).where(ModelVersion.project_id == project_id)
        versions = session.scalars(newest.order_by(ModelVersion.id.desc())).all()
    needed = {active.id if active else None, _in_queue(versions)}
    trained = [version for version in versions if version.derived_from_id is None]
    needed |= {version.id for version in trained[: settings.keep_versions]}
    old = [version for version in versions if version.id not in needed]
    gone = [version for version in old if version.folder]
    for version in gone:
        with store.session() as session:
            session.execute(
                delete(LabelVector).where(
                    LabelVector.version_id == version.id,
                    LabelVector.image_id.not_in(_annotated_with(version)),
                )
            )
            session.get_one(ModelVersion, version.id).folder = ""
        shutil.rmtree(settings.data_dir / version.folder, ignore_errors=True)
    forgotten = [version.id for version in old if version.created_at < datetime.now(UTC) - SUGGESTIONS_KEPT]
    if forgotten:
        with store.session() as session:
            session.execute(delete(Suggestion).where(Suggestion.version_id.in_(forgotten)))
    _remove_orphans(
        settings.data_dir / "versions" / f"project-{project_id}", {version.name for version in versions}
    )
    _remove_backbones(store, settings)
    return [version.name for version in gone]


def _in_queue(versions: Sequence[ModelVersion]) -> int | None:
    """The id of the version that was published last: until another is, annotators see its suggestions."""
    published = [(each.published_at, each.id) for each in versions if each.published_at is not None]
    return max(published)[1] if published else None


def _annotated_with(version: ModelVersion) -> Select[int]:
    """The images that were annotated while this version's suggestions were shown."""
    return select(Annotation.image_id).where(
        Annotation.project_id == version.project_id,
        Annotation.suggested_version == version.name,
        Annotation.retired_at.is_(None),
    )


def _remove_orphans(parent: Path, known: set[str]) -> None:
    """Folders of trainings that were killed before they were recorded; young ones may be in the making."""
    limit = (datetime.now(UTC) - ORPHAN_AGE).timestamp()
    for folder in parent.iterdir() if parent.is_dir() else ():
        if folder.name not in known and folder.stat().st_mtime < limit:
            log.info("Removing %s: no training ever finished it.", folder)
            shutil.rmtree(folder, ignore_errors=True)


def _remove_backbones(store: Store, settings: Settings) -> None:
    """Tuned weights of pruned versions, and those that have waited long for the version they are for."""
    folder = settings.data_dir / BACKBONES_FOLDER
    files = list(folder.iterdir()) if folder.is_dir() else []
    if not files:
        return
    with store.reading() as session:
        made = session.execute(select(ModelVersion.backbone, ModelVersion.folder)).all()
    recorded, needed = {row.backbone for row in made}, {row.backbone for row in made if row.folder}
    limit = (datetime.now(UTC) - UNRECORDED_AGE).timestamp()
    for file in files:
        if file.stem not in needed and (file.stem in recorded or file.stat().st_mtime < limit):
            log.info("Removing %s: no version needs it.", file)
            file.unlink(missing_ok=True)
            _forget_features(settings.data_dir / CACHE_FILE, file.stem)


def _forget_features(cache: Path, backbone: str) -> None:
    if cache.is_file() and is_tuned(backbone):
        FeatureCache(cache).forget(fingerprint_start(backbone))
