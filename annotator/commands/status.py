"""`onetag status`: how every project stands, from the store alone."""

from __future__ import annotations

import json as codec
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from annotator.commands.options import Json
from annotator.commands.with_settings import with_settings
from annotator.flags import Panel
from annotator.settings import Settings
from annotator.store import (
    Annotation,
    Event,
    Image,
    Label,
    ModelVersion,
    Observation,
    Project,
    Store,
    TrainingRun,
    open_current,
)


@with_settings(Panel.STORE)
def status(settings: Settings, *, json: Json = False) -> None:
    """Show how far each project is: images, answers, observations, model version, training."""
    store = open_current(settings)
    try:
        rows = collect(store)
    finally:
        store.close()
    if json:
        typer.echo(codec.dumps(rows, indent=2, default=str, ensure_ascii=False))
        return
    _show(rows)


def collect(store: Store) -> list[dict[str, Any]]:
    """One row a project, plain values."""
    with store.reading() as session:
        return [_row(session, project) for project in session.scalars(select(Project).order_by(Project.id))]


def _row(session: Session, project: Project) -> dict[str, Any]:
    def count(entity: Any, *conditions: Any) -> int:
        return session.scalar(select(func.count()).select_from(entity).where(*conditions)) or 0

    live = Image.project_id == project.id, Image.removed_at.is_(None)
    answers = Annotation.project_id == project.id, Annotation.retired_at.is_(None)
    answered = select(func.count(func.distinct(Annotation.image_id))).where(
        *answers, Annotation.skipped.is_(False)
    )
    observed = (
        select(Observation.value, func.count())
        .join(Image, Image.id == Observation.image_id)
        .where(*live, Observation.retired_at.is_(None))
        .group_by(Observation.value)
    )
    imported = (
        select(func.count())
        .select_from(Observation)
        .join(Image, Image.id == Observation.image_id)
        .where(*live, Observation.retired_at.is_(None), Observation.import_id.is_not(None))
    )
    values: dict[int, int] = dict(session.execute(observed).all())
    version = session.get(ModelVersion, project.active_version_id) if project.active_version_id else None
    return {
        "project": project.studio_project,
        "label_studio": project.studio_url,
        "image_folder": project.image_folder,
        "title": project.title,
        "labels": count(Label, Label.project_id == project.id, Label.archived_at.is_(None)),
        "images": count(Image, *live),
        "images_with_a_problem": count(Image, *live, Image.problem.is_not(None)),
        "images_answered": session.scalar(answered) or 0,
        "skips": count(Annotation, *answers, Annotation.skipped),
        "observed_present": values.get(1, 0),
        "observed_absent": values.get(-1, 0),
        "observed_imported": session.scalar(imported) or 0,
        "events_waiting": count(Event, Event.project_id == project.id, Event.processed_at.is_(None)),
        "version": version.name if version else None,
        "version_from": version.created_at if version else None,
        "training": _training(session, project),
    }


def _training(session: Session, project: Project) -> dict[str, Any] | None:
    latest = select(TrainingRun).where(TrainingRun.project_id == project.id).order_by(TrainingRun.id.desc())
    run = session.scalars(latest.limit(1)).first()
    if run is None:
        return None
    names = "state", "stage", "progress", "reason", "error", "started_at", "finished_at"
    return {name: getattr(run, name) for name in names}


def _show(rows: list[dict[str, Any]]) -> None:
    console = Console(highlight=False)
    if not rows:
        console.print("No project yet. Start with `onetag up IMAGES --labels a,b,c` or `onetag connect`.")
    for row in rows:
        table = Table(box=None, show_header=False, padding=(0, 2))
        for name, value in _lines(row):
            table.add_row(name, value)
        console.print(f"[bold]{escape(row['title'])}[/] ({escape(_place(row))})")
        console.print(table)


def _place(row: dict[str, Any]) -> str:
    if row["image_folder"] is not None:
        return f"without Label Studio, images in {row['image_folder']}"
    return f"project {row['project']} at {row['label_studio']}"


def _lines(row: dict[str, Any]) -> list[tuple[str, str]]:
    problems = f", {row['images_with_a_problem']} with a problem" if row["images_with_a_problem"] else ""
    imported = f", {row['observed_imported']} of them from files" if row["observed_imported"] else ""
    lines = [
        ("labels", str(row["labels"])),
        ("images", f"{row['images']}{problems}"),
        ("answered", f"{row['images_answered']} images, {row['skips']} skips"),
        ("observed", f"{row['observed_present']} present, {row['observed_absent']} absent{imported}"),
        ("model version", row["version"] or "none yet"),
        ("training", _training_line(row["training"])),
    ]
    if row["events_waiting"]:
        lines.append(("inbox", f"{row['events_waiting']} events wait for the worker"))
    return lines


def _training_line(run: dict[str, Any] | None) -> str:
    if run is None:
        return "never yet"
    if run["state"] == "failed":
        return f"failed: {run['error']}"
    if run["state"] == "running":
        return f"running: {run['stage']} ({run['progress']:.0%})"
    if run["state"] == "queued":
        return f"queued: {run['reason']}"
    return str(run["state"])
