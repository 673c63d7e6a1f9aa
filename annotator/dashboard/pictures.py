"""Thumbnails of images, to whoever may see the page."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from flask import Response, abort, request
from markupsafe import Markup
from sqlalchemy import select

from annotator.dashboard.services import SIZES, NoPicture, Picture, PicturesBusy
from annotator.labelstudio.images import image_address
from annotator.store import Image

if TYPE_CHECKING:
    from flask import Blueprint

    from annotator.dashboard.page import Page

FRESH = 600  # seconds that a browser shows a thumbnail before it asks whether it is still the same
LOOKED_AGAIN = 60  # the same of the reason why there is none
MOST_ID = 2**63 - 1
LINE, LINES = 30, 6  # characters a line, and lines, of the reason why there is no picture


class PicturesView:
    """`/page/<key>/thumbnail/<image>?size=320`, for `<img data-retry>`: it is asked again after a 503."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def add_to(self, blueprint: Blueprint) -> None:
        """Add its address."""
        address = f"/<key>/thumbnail/<int(max={MOST_ID}):image>"
        blueprint.add_url_rule(address, "thumbnail", self.thumbnail)

    def thumbnail(self, key: str, image: int) -> Response:
        """The picture, small; in its place the reason why there is none."""
        size, picture = _size(request.args.get("size", "320")), self._picture(key, image)
        small = self._page.pictures.thumbnail(picture, size)
        if request.if_none_match.contains(small.tag):
            return _answer(Response(status=304), small.tag)
        try:
            return _answer(Response(small.content(), content_type="image/jpeg"), small.tag)
        except PicturesBusy:
            return Response(status=503, headers={"Retry-After": "1", "Cache-Control": "no-store"})
        except NoPicture as reason:
            return _answer(Response(placeholder(str(reason)), content_type="image/svg+xml"), None)

    def _picture(self, key: str, image: int) -> Picture:
        """An image of this project; 404 for any other. The store is let go of before anything is read."""
        columns = Image.uri, Image.digest, Image.stamp, Image.problem
        with self._page.store.reading() as session:
            project = self._page.project(session, key)
            of_project = Image.id == image, Image.project_id == project.id
            row = session.execute(select(*columns).where(*of_project)).first()
            folder = project.image_folder
        if row is None:
            abort(404, f"There is no image {image} in this project.")
        return Picture(image_address(row.uri, folder), row.digest, row.stamp, row.problem)


def placeholder(reason: str) -> str:
    """A neutral picture with a reason in words, of the form that photographs have."""
    lines = textwrap.wrap(reason, LINE, max_lines=LINES, placeholder=" …")
    top = 120 - 10 * (len(lines) - 1)
    text = Markup("").join(
        Markup('<text x="160" y="{}">{}</text>').format(top + 20 * number, line)
        for number, line in enumerate(lines)
    )
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 240" width="320" height="240">'
        '<title>{}</title><rect width="320" height="240" fill="#e5e7eb"/>'
        '<g fill="#374151" font-family="sans-serif" font-size="15" text-anchor="middle">{}</g></svg>'
    ).format(reason, text)


def _size(asked: str) -> int:
    sizes = {str(size): size for size in SIZES}
    if asked not in sizes:
        abort(400, f"size is one of {', '.join(sizes)}.")
    return sizes[asked]


def _answer(response: Response, tag: str | None) -> Response:
    """Kept by the browser of this person alone, and taken for nothing but a picture."""
    response.cache_control.private = True
    response.cache_control.max_age = LOOKED_AGAIN if tag is None else FRESH
    if tag is not None:
        response.set_etag(tag)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'; sandbox"
    return response
