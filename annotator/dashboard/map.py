"""The map of a project: all images by their features, coloured by what is known and what is estimated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from flask import abort, request, url_for
from markupsafe import Markup
from sqlalchemy import select

from annotator.dashboard.catalog import Box, box_around, version_of
from annotator.dashboard.charts import Frame, Region, data_table, scatter
from annotator.dashboard.formats import number
from annotator.dashboard.map_colours import ESTIMATED, OF_A_LABEL, WORDS, Colour, Coloured, Subject, coloured
from annotator.dashboard.map_parts import Part, nearest_to_middle, parts
from annotator.dashboard.tiles import image_name, shown_size
from annotator.store import Image, Label, live_labels
from annotator.store.layouts import Placed, load_layout

if TYPE_CHECKING:
    import numpy.typing as npt
    from flask import Blueprint
    from sqlalchemy.orm import Session

    from annotator.dashboard.page import Page
    from annotator.store import Project

PICTURES = 24
"""Images of a part that are shown beside it."""
SIDE = 160


@dataclass(frozen=True)
class Asked:
    """What a link asks of the map. label: None for all of them; box: None for the whole map."""

    colour: Colour
    label: Label | None
    box: Box | None

    def link(self, key: str) -> str:
        """The link that asks for it."""
        return url_for("page.map", key=key, colour=self.colour, label=self._name, box=self._part)

    @property
    def whole(self) -> Asked:
        """The same of the whole map."""
        return replace(self, box=None)

    @property
    def _name(self) -> str | None:
        return self.label.name if self.label else None

    @property
    def _part(self) -> str | None:
        return str(self.box) if self.box else None


@dataclass(frozen=True, eq=False)
class Shown:
    """The M images of the part of the map that is shown, with the index of their class (M,)."""

    square: Box
    image_ids: npt.NDArray[np.int64]
    places: npt.NDArray[np.float32]
    colours: Coloured


class MapView:
    """The map, and its parts in large."""

    title, endpoint = "Map", "map"

    def __init__(self, page: Page) -> None:
        self._page = page

    def add_to(self, blueprint: Blueprint) -> None:
        """Add its address."""
        blueprint.add_url_rule("/<key>/map", "map", self.show)

    def show(self, key: str) -> str:
        """The whole map, or a part of it with its images."""
        with self._page.store.reading() as session:
            project = self._page.project(session, key)
            labels = live_labels(session, project.id)
            asked = _asked(labels)
            placed = load_layout(session, project.id)
            if placed is None or not labels:
                return self._page.show("map.html", project, asked=asked, placed=None, labels=labels)
            pool = self._page.catalog.pool(session, project.id)
            version = version_of(session, project.id, None)
            estimates = None
            if version is not None and asked.colour in ESTIMATED:
                estimates = self._page.catalog.estimates(session, version)
            of = [asked.label] if asked.label else labels
            subject = Subject(self._page.catalog, pool, of, version, estimates)
            shown = _shown(subject, asked, placed)
            pictures = _pictures(session, shown) if asked.box else []
        divided = list(parts(shown.places, shown.colours.classes, len(shown.colours.names), shown.square))
        return self._page.show(
            "map.html",
            project,
            asked=asked,
            placed=placed,
            labels=labels,
            live=len(pool.image_ids),
            on_map=int(np.isin(pool.image_ids, placed.image_ids).sum()),
            shown=shown,
            version=version,
            chart=_chart(project, asked, shown, divided),
            table=_table(project, asked, shown, divided),
            pictures=pictures,
            words=WORDS,
        )


def _asked(labels: Sequence[Label]) -> Asked:
    """What the link asks for; the browser gets 400 for what cannot be."""
    told = {name: value.strip() for name, value in request.args.items() if value.strip()}
    try:
        colour = Colour(told.get("colour", Colour.ANSWER))
        box = Box.read(told["box"]) if "box" in told else None
    except ValueError as error:
        abort(400, str(error) if "box" in str(error) else f"colour is one of {', '.join(Colour)}.")
    label = next((each for each in labels if each.name == told.get("label")), None)
    if label is None and "label" in told:
        abort(400, f"The project has no label {told['label'][:80]!r}.")
    if label is None and colour in OF_A_LABEL and labels:
        label = labels[0]
    return Asked(colour, label, box)


def _shown(subject: Subject, asked: Asked, placed: Placed) -> Shown:
    """The live images of the part that is asked for."""
    live = np.isin(placed.image_ids, subject.pool.image_ids)
    ids, places = placed.image_ids[live], placed.places[live]
    square = asked.box.squared() if asked.box else box_around(places)
    inside = square.holds(places)
    all_images = coloured(subject, asked.colour)
    rows = np.searchsorted(subject.pool.image_ids, ids[inside])
    return Shown(square, ids[inside], places[inside], replace(all_images, classes=all_images.classes[rows]))


def _chart(project: Project, asked: Asked, shown: Shown, divided: Sequence[Part]) -> Markup:
    names = list(shown.colours.names)
    regions = [
        Region(
            (part.box.left, part.box.low, part.box.right, part.box.high),
            replace(asked, box=part.box).link(project.key),
            f"{part.name}: {_told(part, names)}",
        )
        for part in divided
    ]
    about = WORDS[asked.colour] + (f": {asked.label.name}" if asked.label else "")
    return scatter(
        "Map of the images" if asked.box is None else "A part of the map",
        f"Images whose features are alike lie close together; coloured by {about}.",
        shown.places,
        shown.colours.classes,
        shown.colours.names,
        frame=Frame(shown.square.left, shown.square.low, shown.square.side),
        regions=regions,
    )


def _told(part: Part, names: Sequence[str]) -> str:
    """What lies in a part, in words."""
    counts = [f"{number(count)} {name}" for name, count in zip(names, part.counts, strict=True) if count]
    images = "1 image" if part.images == 1 else f"{number(part.images)} images"
    return f"{images}: {', '.join(counts)}" if counts else images


def _table(project: Project, asked: Asked, shown: Shown, divided: Sequence[Part]) -> Markup:
    """The same in numbers, part by part, with the same links."""
    rows = [
        [
            Markup('<a href="{}">{}</a>').format(replace(asked, box=part.box).link(project.key), part.name),
            number(part.images),
            *map(number, part.counts),
        ]
        for part in divided
    ]
    caption = "Images by the part of the map they lie in; A1 is below at the left"
    return data_table(caption, ["Part", "Images", *shown.colours.names], rows)


def _pictures(session: Session, shown: Shown) -> list[tuple[int, str, tuple[int, int]]]:
    """Id, name and size of the images in the middle of a part."""
    ids = shown.image_ids[nearest_to_middle(shown.places, shown.square, PICTURES)].tolist()
    found = {image.id: image for image in session.scalars(select(Image).where(Image.id.in_(ids)))}
    return [(each, image_name(found[each]), shown_size(found[each], SIDE)) for each in ids]
