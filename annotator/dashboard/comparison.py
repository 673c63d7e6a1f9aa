"""Two versions beside each other: their thresholds, and the images of which they decide otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from flask import abort, redirect, render_template, request, url_for
from sqlalchemy import select

from annotator.dashboard.catalog import thresholds_of
from annotator.dashboard.flips import Flip, Flips, Side, compare
from annotator.dashboard.tiles import SIDE, image_name, shown_size
from annotator.store import Image, Label, ModelVersion, Project, live_labels
from annotator.store.said import said

if TYPE_CHECKING:
    from flask import Blueprint
    from sqlalchemy.orm import Session
    from werkzeug import Response

    from annotator.dashboard.page import Page

SHOWN = 24
"""Images that are shown."""
DECISIONS = {1: "present", -1: "absent", 0: "not decided"}


@dataclass(frozen=True)
class FlippedImage:
    """An image with its flips. said: what people say of these labels by their ids, +1 or -1."""

    image: Image
    flips: Sequence[Flip]
    said: Mapping[int, int]

    @property
    def name(self) -> str:
        """What people call it."""
        return image_name(self.image)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height at which it is shown."""
        return shown_size(self.image, SIDE)


@dataclass(frozen=True)
class Comparison:
    """Two versions, and what changed from the first to the second.

    label: the one whose images are shown, None for all. flips: None where that takes too much memory. only:
    labels that one of them does not know. shown: the images that moved furthest.
    """

    first: ModelVersion
    second: ModelVersion
    label: Label | None
    flips: Flips | None
    only: Sequence[str]
    shown: Sequence[FlippedImage]


class ComparisonView:
    """What changed between two versions; the count of it follows the page, and waits for nobody."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def add_to(self, blueprint: Blueprint) -> None:
        """Add its addresses."""
        blueprint.add_url_rule("/<key>/compare", "compare_versions", self.choose)
        blueprint.add_url_rule("/<key>/versions/<first>/<second>", "comparison", self.show)
        blueprint.add_url_rule("/<key>/versions/<first>/<second>/flips", "flips", self.flips)

    def choose(self, key: str) -> Response:
        """To the comparison that a form names as `a` and `b`."""
        first, second = (request.args.get(name, "") for name in ("a", "b"))
        if not first or not second:
            abort(400, "Two versions are to be compared: a and b.")
        return redirect(url_for("page.comparison", key=key, first=first, second=second), 303)

    def show(self, key: str, first: str, second: str) -> str:
        """The page; with `?wait` what changed is in it at once."""
        with self._page.store.reading() as session:
            project = self._page.project(session, key)
            chosen = [self._version(session, project, name) for name in (first, second)]
            found = self._compare(session, project, *chosen) if "wait" in request.args else None
        return self._page.show(
            "comparison.html",
            project,
            first=chosen[0],
            second=chosen[1],
            found=found,
            decisions=DECISIONS,
            label=request.args.get("label", type=int),
        )

    def flips(self, key: str, first: str, second: str) -> str:
        """What changed: a part of the page. `?label=` shows the images of one label."""
        with self._page.store.reading() as session:
            project = self._page.project(session, key)
            chosen = [self._version(session, project, name) for name in (first, second)]
            found = self._compare(session, project, *chosen)
        return render_template("page/_flips.html", project=project, found=found, decisions=DECISIONS)

    def _compare(
        self, session: Session, project: Project, first: ModelVersion, second: ModelVersion
    ) -> Comparison:
        labels = live_labels(session, project.id)
        label = _label(labels, request.args.get("label", type=int))
        sides = [self._side(session, version) for version in (first, second)]
        known = set(first.label_ids) & set(second.label_ids)
        only = [each.name for each in labels if each.id not in known]
        before, after = sides
        if before is None or after is None:
            return Comparison(first, second, label, None, only, [])
        gone = select(Image.id).where(Image.project_id == project.id, Image.removed_at.is_not(None))
        without = np.array(session.scalars(gone).all(), dtype=np.int64)
        found = compare(before, after, labels, most=0 if label else SHOWN, without=without)
        largest = found.largest
        if label is not None:
            largest = compare(before, after, [label], most=SHOWN, without=without).largest
        return Comparison(first, second, label, found, only, _images(session, largest))

    def _version(self, session: Session, project: Project, name: str) -> ModelVersion:
        found = self._page.version(session, project, name)
        if found is None:
            abort(404, "There is no version yet.")
        return found

    def _side(self, session: Session, version: ModelVersion) -> Side | None:
        estimates = self._page.catalog.estimates(session, version)
        return None if estimates is None else Side(estimates, thresholds_of(version))


def _label(labels: Sequence[Label], label_id: int | None) -> Label | None:
    if label_id is None:
        return None
    found = next((label for label in labels if label.id == label_id), None)
    if found is None:
        abort(404, f"There is no label {label_id} in this project.")
    return found


def _images(session: Session, largest: Mapping[int, Sequence[Flip]]) -> list[FlippedImage]:
    """These images in their order, with what people say of the labels that flipped."""
    image_ids = np.sort(np.array(list(largest), dtype=np.int64))
    labels = sorted({flip.label.id for flips in largest.values() for flip in flips})
    told = said(session, labels, image_ids).values
    rows = {image: row for row, image in enumerate(image_ids.tolist())}
    images = session.scalars(select(Image).where(Image.id.in_(image_ids.tolist())))
    by_id = {image.id: image for image in images}
    return [
        FlippedImage(
            by_id[image],
            flips,
            {label: int(value) for label, value in zip(labels, told[rows[image]], strict=True) if value},
        )
        for image, flips in largest.items()
    ]
