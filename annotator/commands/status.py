"""`onetag status`: how every project stands, from the store alone."""

from __future__ import annotations

import json as codec
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from annotator.commands.agreement import acceptance_rows, agreement_lines, as_row
from annotator.commands.options import Json
from annotator.commands.with_settings import with_settings
from annotator.errors import OnetagError
from annotator.flags import Panel
from annotator.labelstudio.health import in_words
from annotator.labelstudio.reading import project_config
from annotator.settings import Settings
from annotator.store import (
    Annotation,
    Image,
    Label,
    ModelVersion,
    Project,
    SetAside,
    Store,
    TrainingRun,
    archived_labels,
    count_unanswered,
    open_current,
    set_aside,
    suggestions_left,
    waiting_counts,
)
from annotator.store.acceptance import LIMIT, acceptances
from annotator.store.agreement import agreement
from annotator.store.costs import NEWEST, Cost, Costs, costs
from annotator.store.current import FIRST
from annotator.store.last_failures import last_failures
from annotator.store.observation_counts import ABSENT, IMPORTED, PRESENT, count_observations
from annotator.store.problems import image_problems
from annotator.store.rates import HOUR, Rate, rates
from annotator.store.shared import NEWEST_SHARED, shared_votes
from annotator.store.unused import answered, unused_answers


@with_settings(Panel.STORE, "acceptance_limit")
def status(settings: Settings, *, json: Json = False) -> None:
    """Show how far each project is: images, answers, observations, model version, training."""
    store = open_current(settings)
    try:
        rows = collect(store, settings.acceptance_limit)
    finally:
        store.close()
    if json:
        typer.echo(codec.dumps(rows, indent=2, default=str, ensure_ascii=False))
        return
    _show(rows)


def collect(store: Store, acceptance_limit: float = LIMIT) -> list[dict[str, Any]]:
    """One row a project, plain values."""
    waiting = waiting_counts(store)
    with store.reading() as session:
        aside, projects = set_aside(session), session.scalars(select(Project).order_by(Project.id))
        return [
            _row(session, project, acceptance_limit) | _inbox(waiting[project.id], aside.get(project.id))
            for project in projects
        ]


def _inbox(waiting: int, aside: SetAside | None) -> dict[str, Any]:
    """The events of a project that are not taken in."""
    return {
        "events_waiting": waiting,
        "events_set_aside": aside.count if aside else 0,
        "events_set_aside_error": aside.error if aside else None,
    }


def _row(session: Session, project: Project, acceptance_limit: float) -> dict[str, Any]:
    def count(entity: Any, *conditions: Any) -> int:
        return session.scalar(select(func.count()).select_from(entity).where(*conditions)) or 0

    live = Image.project_id == project.id, Image.removed_at.is_(None)
    answers = Annotation.project_id == project.id, Annotation.retired_at.is_(None)
    images_answered = select(func.count(func.distinct(Annotation.image_id))).where(*answers, answered())
    present, absent, imported = count_observations(session, project.id, PRESENT, ABSENT, IMPORTED)[None]
    labels = count(Label, Label.project_id == project.id, Label.archived_at.is_(None))
    spent = costs(session, project.id, newest=NEWEST)
    votes = shared_votes(session, project.id, newest=NEWEST_SHARED)
    problems = image_problems(session, project.id)
    version = session.get(ModelVersion, project.active_version_id) if project.active_version_id else None
    return {
        "key": project.key,
        "project": project.studio_project,
        "label_studio": project.studio_url,
        "image_folder": project.image_folder,
        "title": project.title,
        "control": project.control,
        "image_field": project.image_field,
        "label_config": _label_config(project),
        "unticked": project.unticked,
        "suggest": project.suggest,
        "labels": labels,
        "archived_labels": [asdict(each) for each in archived_labels(session, project.id)],
        "images": count(Image, *live),
        "images_with_a_problem": sum(each.count for each in problems),
        "image_problems": [asdict(each) for each in problems],
        "images_answered": session.scalar(images_answered) or 0,
        "images_left": count_unanswered(session, project.id),
        "suggestions_left": suggestions_left(session, version.id) if version else 0,
        "answers_unused": [
            {"reason": each.reason, "answers": each.answers, "detail": each.detail, "fix": each.fix}
            for each in unused_answers(session, project.id)
        ],
        "skips": count(Annotation, *answers, Annotation.skipped),
        "observed_present": present,
        "observed_absent": absent,
        "observed_imported": imported,
        **_costs(spent),
        "next_hour": _next_hour(rates(spent, labels, suggests=version is not None)),
        "agreement": as_row(agreement(session, project.id, votes)),
        "acceptance": acceptance_rows(acceptances(session, project.id, votes), acceptance_limit),
        "version": version.name if version else None,
        "version_pinned": project.version_pinned,
        "newer_versions": _newer(session, version),
        "not_expected_by_name": _nameless(version),
        "version_from": version.created_at if version else None,
        "training": _training(session, project),
        "failures": [asdict(each) for each in last_failures(session, project.id)],
    }


def _costs(found: Costs) -> dict[str, Any]:
    """What an answer of each kind costs, of everybody and by annotator, with what the figure rests on."""
    by_annotator = [
        {"annotator": annotator} | _cost(cost) for (_, annotator), cost in sorted(found.by_annotator.items())
    ]
    return {
        "costs": [_cost(cost) for cost in found.together.values()],
        "costs_by_annotator": by_annotator,
        "costs_of_answers": found.answers,
        "answers_untimed": found.untimed,
    }


def _next_hour(found: Sequence[Rate]) -> list[dict[str, Any]]:
    """What an hour of each kind brings, in tags, the most first; a complete image's worth is a prior."""
    return [
        {
            "question": rate.question,
            "answers": int(HOUR / rate.cost.seconds),
            "worth": round(rate.worth, 3),
            "tags": round(rate.an_hour, 1),
        }
        for rate in found
    ]


def _cost(cost: Cost) -> dict[str, Any]:
    return {
        "question": cost.question,
        "seconds": round(cost.seconds, 3),
        "measured": cost.measured,
        "answers": cost.answers,
        "breaks": cost.breaks,
        "middle": cost.middle,
        "source": cost.source,
    }


def _newer(session: Session, version: ModelVersion | None) -> int:
    """How many versions are newer than the one in use, since somebody went back to it."""
    if version is None:
        return 0
    newer = ModelVersion.project_id == version.project_id, ModelVersion.id > version.id
    return session.scalar(select(func.count(ModelVersion.id)).where(*newer)) or 0


def _nameless(version: ModelVersion | None) -> list[str] | None:
    """The labels of a version whose names told its backbone nothing; None where it went by no names."""
    columns = version.metrics.get("not_expected_by_name") if version else None
    return None if version is None or columns is None else [version.labels[each] for each in columns]


def _label_config(project: Project) -> str:
    """How the label config is read, or why it cannot be."""
    try:
        return in_words(project_config(project))
    except OnetagError as error:
        return str(error)


def _training(session: Session, project: Project) -> dict[str, Any] | None:
    latest = select(TrainingRun).where(TrainingRun.project_id == project.id).order_by(TrainingRun.id.desc())
    run = session.scalars(latest.limit(1)).first()
    if run is None:
        return None
    names = "state", "stage", "progress", "reason", "error", "started_at", "heartbeat_at", "finished_at"
    return {name: getattr(run, name) for name in names}


def _show(rows: list[dict[str, Any]]) -> None:
    console = Console(highlight=False)
    if not rows:
        console.print(f"There is no project yet. {FIRST}")
    for row in rows:
        table = Table(box=None, show_header=False, padding=(0, 2))
        for name, value in _lines(row):
            table.add_row(name, value)
        console.print(f"[bold]{escape(row['title'])}[/] ({escape(place(row))})")
        console.print(table)


def place(row: dict[str, Any]) -> str:
    """The key of a project, and where it is."""
    if row["image_folder"] is not None:
        return f"{row['key']}, without Label Studio, images in {row['image_folder']}"
    if row["project"] is None:
        return f"{row['key']}, without Label Studio"
    return f"{row['key']}, project {row['project']} at {row['label_studio'] or 'no address'}"


def _lines(row: dict[str, Any]) -> list[tuple[str, str]]:
    imported = f", {row['observed_imported']} of them from files" if row["observed_imported"] else ""
    lines = [
        ("labels", str(row["labels"])),
        *[("  not in use", _archived_line(each)) for each in row["archived_labels"]],
        *([("label config", escape(row["label_config"]))] if row["image_folder"] is None else []),
        ("images", str(row["images"])),
        *[("  not used", escape(problem_line(each))) for each in row["image_problems"]],
        ("answered", f"{row['images_answered']} images, {row['skips']} skips"),
        ("observed", f"{row['observed_present']} present, {row['observed_absent']} absent{imported}"),
        *_cost_lines(row),
        ("next hour", _hour_line(row["next_hour"])),
        *[(name, escape(value)) for name, value in agreement_lines(row["agreement"], row["acceptance"])],
        ("model version", _version_line(row)),
        *[("  by name", escape(each)) for each in _by_name(row)],
        ("training", _training_line(row["training"])),
    ]
    lines += [("fails", escape(failure_line(each))) for each in row["failures"]]
    lines += [("not used", escape(each["detail"])) for each in row["answers_unused"]]
    if row["events_waiting"]:
        lines.append(("inbox", f"{row['events_waiting']} events wait for the worker"))
    if row["events_set_aside"]:
        error = escape(row["events_set_aside_error"])
        lines.append(("set aside", f"{row['events_set_aside']} events: {error} See `onetag events list`."))
    return lines


def _cost_lines(row: dict[str, Any]) -> list[tuple[str, str]]:
    """What each kind of answer costs; what was not measured yet is said to be a prior."""
    lines = [(f"  {cost['question']}", escape(_cost_line(cost))) for cost in row["costs"]]
    lines += [
        (f"  {cost['question']}", escape(f"{cost['annotator']}: {_cost_line(cost)}"))
        for cost in row["costs_by_annotator"]
    ]
    told = [f"of the newest {NEWEST:,} answers"] if row["costs_of_answers"] == NEWEST else []
    told += [f"{row['answers_untimed']} answers tell no time of a person"] if row["answers_untimed"] else []
    return [("an answer costs", "; ".join(told)), *lines]


def _hour_line(kinds: Sequence[dict[str, Any]]) -> str:
    """The short form of `onetag plan`, which measures the worth that is a prior here."""
    told = ", ".join(f"{each['question']} brings {each['tags']:.0f}" for each in kinds)
    return f"{told} tags' worth; `onetag plan` measures it"


def _cost_line(cost: dict[str, Any]) -> str:
    if not cost["measured"]:
        so_far = f", {cost['answers']} answers so far" if cost["answers"] else ""
        return f"{cost['seconds']:.1f} s (a prior: {cost['source']}{so_far})"
    low, high = cost["middle"]
    breaks = f", {cost['breaks']} breaks cut out" if cost["breaks"] else ""
    return f"{cost['seconds']:.1f} s, mostly {low:.1f} to {high:.1f} ({cost['answers']} answers{breaks})"


def _version_line(row: dict[str, Any]) -> str:
    """The version in use, and what becomes of it."""
    if row["version"] is None:
        return "none yet"
    notes = [f"{row['newer_versions']} newer ones are not used"] if row["newer_versions"] else []
    notes += ["pinned"] if row["version_pinned"] else []
    return f"{row['version']} ({'; '.join(notes)})" if notes else str(row["version"])


def _archived_line(label: dict[str, Any]) -> str:
    kept = f"{label['answers']} answers are kept, and count again when the label is back"
    return f"{escape(label['name'])}: {kept}"


def _by_name(row: dict[str, Any]) -> list[str]:
    """What the names of the labels told the version, where it went by them."""
    nameless = row["not_expected_by_name"]
    if nameless is None:
        return []
    if not nameless:
        return ["the backbone expects every label by its name"]
    listed = ", ".join(nameless)
    return [f"the backbone expects labels by their names, but not {listed}: tags alone tell these"]


def problem_line(problem: dict[str, Any]) -> str:
    """Images that are not used: how many, why, and two of them as Label Studio knows them."""
    examples = "; ".join(
        f"task {each['task']}: {each['problem']}" if each["task"] is not None else str(each["problem"])
        for each in problem["examples"]
    )
    return f"{problem['count']} images: {examples}"


def failure_line(failure: dict[str, Any]) -> str:
    """What fails, when it did last, and the error with its cure."""
    often = f", {failure['times']} times in a row" if failure["times"] > 1 else ""
    return f"{failure['work']} ({failure['failed_at']:%Y-%m-%d %H:%M} UTC{often}): {failure['error']}"


def _training_line(run: dict[str, Any] | None) -> str:
    if run is None:
        return "never yet"
    if run["state"] == "running":
        return f"running: {run['stage']} ({run['progress']:.0%})"
    if run["state"] == "queued":
        return f"queued: {run['reason']}"
    return str(run["state"])
