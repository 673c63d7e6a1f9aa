"""The versions of a project as people choose among them, and going back to one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.store import ModelVersion, Project, Publication, Store
from annotator.store.versions import number_of, use_version
from model_backend.engine.checksums import damaged_file

LATEST = "latest"


@dataclass(frozen=True)
class VersionRow:
    """One version. number: what `use` takes. kept: whether its files are there; damaged: the first of them
    that is not as it was written; bytes: of its folder. derived_from: the number of the version that it
    differs from by its thresholds alone.
    """

    number: int
    name: str
    made_at: datetime
    backbone: str
    recipe: dict[str, Any]
    metrics: dict[str, Any]
    used: bool
    pinned: bool
    publication: Publication
    published_at: datetime | None
    kept: bool
    damaged: str | None
    bytes: int
    derived_from: int | None = None


def list_versions(store: Store, data_dir: Path, project_id: int) -> list[VersionRow]:
    """The versions of a project, the newest first."""
    with store.reading() as session:
        project = session.get_one(Project, project_id)
        versions = _newest_first(session, project_id)
    numbers = {version.id: number_of(version) for version in versions}
    return [_row(version, project, data_dir, numbers) for version in versions]


def go_to_version(store: Store, data_dir: Path, project_id: int, wanted: str, *, pin: bool) -> ModelVersion:
    """Make the version with this number or name, or the latest one, the one in use, to be published.

    Raises OnetagError when there is none, when its files were let go, or when they are damaged.
    """
    with store.session() as session:
        version = _found(_newest_first(session, project_id), wanted)
        if damaged := damaged_file(data_dir / version.folder):
            raise OnetagError(
                f"Version {version.name} is damaged: {damaged} is not as it was written.", "Use another one."
            )
        use_version(session, version, pinned=pin)
    return version


def _newest_first(session: Session, project_id: int) -> Sequence[ModelVersion]:
    chosen = select(ModelVersion).where(ModelVersion.project_id == project_id)
    return session.scalars(chosen.order_by(ModelVersion.id.desc())).all()


def _found(versions: Sequence[ModelVersion], wanted: str) -> ModelVersion:
    kept = [version for version in versions if version.folder]
    if not kept:
        raise OnetagError("There is no version to use.", "`onetag train` makes one.")
    if wanted == LATEST:
        return kept[0]
    for version in kept:
        if wanted in (version.name, str(number_of(version))):
            return version
    numbers = ", ".join(str(number_of(version)) for version in kept)
    raise OnetagError(
        f"There is no version {wanted} whose files are kept.",
        f"Choose one of {numbers}, or {LATEST}; `onetag versions` lists them.",
    )


def _row(version: ModelVersion, project: Project, data_dir: Path, numbers: Mapping[int, int]) -> VersionRow:
    folder, used = data_dir / version.folder, version.id == project.active_version_id
    kept = bool(version.folder)
    return VersionRow(
        number=number_of(version),
        name=version.name,
        made_at=version.created_at,
        backbone=version.backbone,
        recipe=version.recipe,
        metrics=version.metrics,
        used=used,
        pinned=used and project.version_pinned,
        publication=version.publication,
        published_at=version.published_at,
        kept=kept,
        damaged=damaged_file(folder) if kept else None,
        bytes=sum(file.stat().st_size for file in folder.glob("*")) if kept else 0,
        derived_from=numbers.get(version.derived_from_id) if version.derived_from_id else None,
    )
