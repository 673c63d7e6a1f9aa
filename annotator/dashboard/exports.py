"""Exports: what to take along, what will be in it, and the file once it is whole."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from flask import Response, abort, make_response, redirect, render_template, request, send_file, url_for

from annotator.dashboard.access import from_elsewhere
from annotator.dashboard.export_contents import export_contents
from annotator.dashboard.export_jobs import (
    AT_ONCE,
    KEPT_SECONDS,
    ExportJob,
    ExportJobs,
    ExportRequest,
    ExportsBusy,
)
from annotator.dashboard.live import one_event
from annotator.exchange import EXPORTS, ExportChoices, ExportFormat, ExportTable, Split, Values
from annotator.exchange.card_alone import CARD_ALONE
from annotator.exchange.rows import ExportRow, RowChoices, label_vectors_for_export
from annotator.exchange.table import named, rounded
from annotator.store import ModelVersion, live_labels
from annotator.store.versions import newest_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flask import Blueprint
    from sqlalchemy.orm import Session
    from werkzeug import Response as AnyResponse

    from annotator.dashboard.page import Page
    from annotator.store import Project

FORMATS = EXPORTS | {CARD_ALONE.name: CARD_ALONE}
ROWS = 5
"""Images of the preview."""
NAMED = 6
"""Labels of one that are named, the likeliest first."""
TEXT = frozenset({".csv", ".jsonl", ".json"})
SHOWN = 1500  # characters of the file itself
OFFERED = 100  # versions
SOON = 1.0
"""Seconds that a browser waits for a small export before it is told to wait."""
VALUES = {
    Values.PROBABILITIES: "probabilities: people's 0 or 1, and estimates strictly between",
    Values.HARD: "hard: 0 or 1, people's and those that an estimate decides; else empty",
    Values.HUMAN: "human: people's 0 or 1 alone; else empty",
}


class ExportsView:
    """Choosing, looking, and fetching."""

    title, endpoint = "Exports", "exports"

    def __init__(self, page: Page) -> None:
        self._page = page
        self._jobs = ExportJobs(page.make_export, page.settings.data_dir)

    def add_to(self, blueprint: Blueprint) -> None:
        """Add its addresses."""
        blueprint.add_url_rule("/<key>/exports", "exports", self.show)
        blueprint.add_url_rule("/<key>/exports/contents", "export_contents", self.contents)
        blueprint.add_url_rule("/<key>/exports/make", "make_export", self.make)
        blueprint.add_url_rule("/<key>/exports/<job>", "export", self.show_one)
        blueprint.add_url_rule("/<key>/exports/<job>/live", "export_live", self.live)
        blueprint.add_url_rule("/<key>/exports/<job>/<file>", "export_file", self.fetch)

    def show(self, key: str) -> str:
        """The choices, and the first rows; what will be in it is counted after the page, or with `?wait`."""
        return self._show(key)

    def _show(self, key: str, notice: str | None = None) -> str:
        asked = self._read(request.args)
        with self._page.store.reading() as session:
            project = self._page.project(session, key)
            version = self._page.version(session, project, asked.choices.version)
            rows = _first_rows(session, project, asked.choices, version)
            labels = tuple(label.name for label in live_labels(session, project.id))
            offered = newest_names(session, project.id, OFFERED, kept=True)
        return self._page.show(
            "exports.html",
            project,
            notice=notice,
            asked=asked,
            version=version,
            offered=offered,
            formats=EXPORTS,
            values=VALUES,
            rows=[_told(row, labels) for row in rows],
            labels=len(labels),
            written=_as_written(asked.form, project, version, labels, rows),
            contents=self._contents(project, version) if "wait" in request.args else None,
            counted="wait" in request.args,
            seed=self._page.settings.seed,
        )

    def contents(self, key: str) -> str:
        """What will be in it: a part of the page."""
        asked = self._read(request.args)
        with self._page.store.reading() as session:
            project = self._page.project(session, key)
            version = self._page.version(session, project, asked.choices.version)
        contents = self._contents(project, version)
        return render_template("page/_export_contents.html", contents=contents, asked=asked)

    def make(self, key: str) -> AnyResponse:
        """Begin to make the file, which changes nothing that is known, and lead to where it will be."""
        if from_elsewhere():
            abort(403, "A page from elsewhere may not start an export.")
        asked = self._read(request.args)
        with self._page.store.reading() as session:
            project = self._page.project(session, key)
            self._page.version(session, project, asked.choices.version)
        try:
            job = self._jobs.start(project.id, asked)
        except ExportsBusy:
            told = f"{AT_ONCE} exports are being made already: try again when one of them is done."
            return make_response(self._show(key, told), 503, {"Retry-After": "10"})
        job.ended.wait(SOON)
        return redirect(url_for("page.export", key=key, job=job.id), 303)

    def show_one(self, key: str, job: str) -> str:
        """How far an export is, and its files when they are whole."""
        project, found = self._job(key, job)
        return self._page.show("export.html", project, job=found, kept=KEPT_SECONDS)

    def live(self, key: str, job: str) -> Response:
        """The same as one server-sent event; none any more when the browser has seen the end."""
        project, found = self._job(key, job)
        if request.headers.get("Last-Event-ID") == "ended":
            return Response(status=204)
        ended = found.ended.is_set()
        html = render_template("page/_export.html", project=project, job=found, kept=KEPT_SECONDS)
        return one_event(html, again=1000, name="ended" if ended else "going on")

    def fetch(self, key: str, job: str, file: str) -> Response:
        """A file of an export, with its length: a browser can tell one that was cut short."""
        _, found = self._job(key, job)
        path = next((each for each in found.files if each.name == file), None)
        if path is None or not found.ended.is_set():
            abort(404, "There is no such file, or it is not whole yet.")
        try:
            return send_file(path.resolve(), as_attachment=True, download_name=path.name, max_age=0)
        except FileNotFoundError:
            abort(404, "This file is not kept any more: make it again.")

    def _read(self, asked: Mapping[str, str]) -> ExportRequest:
        """The choices of a link; the browser gets 400 for what cannot be read."""
        name, values = asked.get("format", "csv"), asked.get("values", Values.PROBABILITIES)
        if name not in FORMATS:
            abort(400, f"There is no export format {name[:40]!r}: it is one of {', '.join(FORMATS)}.")
        if values not in set(Values):
            abort(400, f"values is one of {', '.join(Values)}.")
        split = _split(asked.get("split", ""), asked.get("seed", ""), self._page.settings.seed)
        version = asked.get("version") or None
        limit = self._page.settings.acceptance_limit
        return ExportRequest(FORMATS[name], ExportChoices(version, Values(values), split, limit))

    def _contents(self, project: Project, version: ModelVersion | None) -> object:
        with self._page.store.reading() as session:
            return export_contents(session, self._page.catalog, project.id, version)

    def _job(self, key: str, name: str) -> tuple[Project, ExportJob]:
        project = self._page.project_of(key)
        found = self._jobs.find(project.id, name)
        if found is None:
            abort(404, "This export is not kept any more: make it again.")
        return project, found


def _split(share: str, seed: str, usual: int) -> Split | None:
    if not share:
        return None
    try:
        split = Split(float(share), int(seed or usual))
    except ValueError:
        abort(400, "The share for training is a number between 0 and 1, and the seed a whole one.")
    if not 0 <= split.train <= 1:
        abort(400, "The share for training lies between 0 and 1.")
    return split


def _first_rows(
    session: Session, project: Project, choices: ExportChoices, version: ModelVersion | None
) -> list[ExportRow]:
    wanted = RowChoices(version, choices.values, choices.split, choices.acceptance_limit)
    return list(islice(label_vectors_for_export(session, project.id, wanted, at_once=ROWS), ROWS))


def _told(row: ExportRow, labels: tuple[str, ...]) -> dict[str, object]:
    """A row for people: who decides what, and the likeliest labels of those that nobody decides."""
    values = rounded(row.values)
    guessed = [
        (name, value)
        for name, value, human, decision in zip(labels, values, row.human, row.decisions, strict=True)
        if decision > 0 and not human
    ]
    return {
        "image": row.image,
        "split": row.split,
        "present": named(labels, row.observed > 0),
        "absent": named(labels, row.observed < 0),
        "guessed": sorted(guessed, key=lambda pair: -pair[1])[:NAMED],
        "guessed_absent": int(((row.decisions < 0) & ~row.human).sum()),
        "undecided": int((row.decisions == 0).sum()),
    }


def _as_written(
    form: ExportFormat,
    project: Project,
    version: ModelVersion | None,
    labels: tuple[str, ...],
    rows: Sequence[ExportRow],
) -> str | None:
    """The beginning of the file itself, with these rows alone; None where it is no text."""
    if form.folder or form.suffix not in TEXT or form is CARD_ALONE or not rows or not labels:
        return None
    table = ExportTable(project.title, version.name if version else None, labels, iter(rows))
    with TemporaryDirectory() as folder:
        file = Path(folder) / "preview"
        form.write(table, file)
        return file.read_text(encoding="utf-8-sig", errors="replace")[:SHOWN]
