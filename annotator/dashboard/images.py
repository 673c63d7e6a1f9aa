"""Images in a grid, found by what people say and what is estimated; and each image by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from flask import abort, request
from sqlalchemy import select

from annotator.dashboard.catalog import Find, Found, Search, SearchError, words
from annotator.dashboard.charts.track import track
from annotator.dashboard.formats import percent
from annotator.dashboard.one_image import Row, one_image
from annotator.dashboard.pictures import MOST_ID
from annotator.dashboard.tiles import image_name, shown_size, tiles
from annotator.store import Annotation, Image, Project
from annotator.store.versions import newest_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Blueprint
    from markupsafe import Markup
    from sqlalchemy.orm import Session

    from annotator.dashboard.page import Page

A_PAGE = 60
"""Images of a page of the grid."""
LARGE = 960
"""Pixels of the longer side of an image by itself."""
NAMED = 200  # annotators and versions that the form offers


@dataclass(frozen=True)
class Choices:
    """What the form of filters offers of this project, as value and text: the newest version first."""

    labels: Mapping[str, str]
    annotators: Mapping[str, str]
    versions: Mapping[str, str]


@dataclass(frozen=True)
class Neighbours:
    """The images before and after one within a search, None at its ends.

    place: from 0, among `count`; next_place: of the one after. found: whether the search finds the image
    itself.
    """

    place: int
    count: int
    before: int | None
    after: int | None
    next_place: int
    found: bool


class ImagesView:
    """The grid, and the page of one image."""

    title, endpoint = "Images", "images"

    def __init__(self, page: Page) -> None:
        self._page = page

    def add_to(self, blueprint: Blueprint) -> None:
        """Add its addresses."""
        blueprint.add_url_rule("/<key>/images", "images", self.show)
        blueprint.add_url_rule(f"/<key>/images/<int(max={MOST_ID}):image>", "image", self.show_one)
        self._page.warm.append(self.warm)

    def warm(self, project_id: int) -> None:
        """Have what searches look through in memory."""
        with self._page.store.reading() as session:
            project = session.get_one(Project, project_id)
            found = self._page.catalog.find(session, project, Search(find=Find.MISSING))
            tiles(session, found, 0, 1)
            _choices(session, project, found)

    def show(self, key: str) -> str:
        """A page of the images that the link asks for."""
        with self._page.store.reading() as session:
            project = self._page.project(session, key)
            search, found = self._find(session, project)
            pages = max(1, -(-len(found.image_ids) // A_PAGE))
            search = search.at(min(search.page, pages))
            first = (search.page - 1) * A_PAGE
            shown = tiles(session, found, first, A_PAGE)
            choices = _choices(session, project, found)
        return self._page.show(
            "images.html",
            project,
            search=search,
            found=found,
            pages=pages,
            first=first,
            tiles=shown,
            in_force=words.in_force(search),
            choices=choices,
            words=words,
        )

    def show_one(self, key: str, image: int) -> str:
        """One image, with its neighbours within the search that led to it."""
        with self._page.store.reading() as session:
            project = self._page.project(session, key)
            chosen = session.get(Image, image)
            if chosen is None or chosen.project_id != project.id:
                abort(404, f"There is no image {image} in this project.")
            search, found = self._find(session, project)
            known = one_image(session, chosen, found.version)
        near = _neighbours(found, image, request.args.get("place", ""))
        return self._page.show(
            "image.html",
            project,
            search=search.at(near.place // A_PAGE + 1),
            near=near,
            in_force=words.in_force(search),
            name=image_name(chosen),
            size=shown_size(chosen, LARGE),
            known=known,
            studio=_studio_address(project, chosen),
            bar=_bar,
        )

    def _find(self, session: Session, project: Project) -> tuple[Search, Found]:
        """What the link asks for; the browser gets 400 for one that cannot be read."""
        try:
            search = Search.read(request.args)
            return search, self._page.catalog.find(session, project, search)
        except SearchError as error:
            abort(400, str(error))


def _choices(session: Session, project: Project, found: Found) -> Choices:
    live = Annotation.project_id == project.id, Annotation.retired_at.is_(None)
    named = select(Annotation.annotator).where(*live, Annotation.annotator.is_not(None)).distinct()
    annotators = sorted(name for name in session.scalars(named.limit(NAMED)) if name is not None)
    newest = newest_names(session, project.id, NAMED)
    return Choices(
        {label.name: label.name for label in found.labels},
        {name: name for name in annotators},
        {name: name for name in newest},
    )


def _neighbours(found: Found, image: int, place: str) -> Neighbours:
    """Around an image; around the place where it was, where the search does not find it any more."""
    ids, count = found.image_ids, len(found.image_ids)
    where = np.flatnonzero(ids == image)
    if len(where):
        at = after = int(where[0])
        after += 1
    else:
        at = after = min(int(place[:9]), count) if place.isascii() and place.isdigit() else 0
    return Neighbours(
        at,
        count,
        int(ids[at - 1]) if 0 < at <= count else None,
        int(ids[after]) if after < count else None,
        after,
        len(where) > 0,
    )


def _studio_address(project: Project, image: Image) -> str | None:
    """Where Label Studio shows the task."""
    if not project.studio_url or project.studio_project is None or image.studio_task is None:
        return None
    return f"{project.studio_url}/projects/{project.studio_project}/data?task={image.studio_task}"


def _bar(row: Row) -> Markup:
    """The bars of one label."""
    told = [{1: "people say present", -1: "people say absent"}.get(row.value, "not known by people")]
    if row.chance is not None:
        told.append(f"estimated {percent(row.chance)}")
    if row.before is not None:
        told.append(f"{percent(row.before)} by the version before")
    if row.threshold is not None and row.threshold <= 1:
        told.append(f"suggested from {percent(row.threshold)} on")
    description = f"{row.label}: {', '.join(told)}"
    return track(description, row.value, row.chance, row.before, row.threshold)
