"""The page as a Flask blueprint below /page."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from flask import Blueprint, jsonify, make_response, request
from werkzeug.exceptions import HTTPException, InternalServerError, ServiceUnavailable

from annotator.dashboard.access import Access
from annotator.dashboard.annotators import AnnotatorsView
from annotator.dashboard.answering import AnsweringView
from annotator.dashboard.comparison import ComparisonView
from annotator.dashboard.exports import ExportsView
from annotator.dashboard.formats import FILTERS
from annotator.dashboard.images import ImagesView
from annotator.dashboard.labels import LabelsView
from annotator.dashboard.map import MapView
from annotator.dashboard.page import wants_json
from annotator.dashboard.pictures import PicturesView
from annotator.dashboard.progress import ProgressView
from annotator.dashboard.projects import ProjectsView
from annotator.dashboard.versions import VersionsView
from annotator.errors import OnetagError

if TYPE_CHECKING:
    from flask import Response
    from flask.sansio.blueprints import BlueprintSetupState

    from annotator.dashboard.page import Page, View

log = logging.getLogger(__name__)


def page_blueprint(page: Page) -> Blueprint:
    """All views of the page, with their navigation."""
    blueprint = Blueprint(
        "page", __name__, url_prefix="/page", template_folder="templates", static_folder="static"
    )
    Access(page.store, page.settings).add_to(blueprint)
    ProjectsView(page).add_to(blueprint)
    PicturesView(page).add_to(blueprint)
    AnsweringView(page).add_to(blueprint)
    ComparisonView(page).add_to(blueprint)
    for view in views(page):
        view.add_to(blueprint)
        page.navigation.append((f"page.{view.endpoint}", view.title))
    blueprint.record_once(_prepare_templates)
    blueprint.register_error_handler(Exception, lambda error: _explained(page, error))
    return blueprint


def views(page: Page) -> list[View]:
    """The views of a project, in the order of the navigation."""
    return [
        ProgressView(page),
        LabelsView(page),
        ImagesView(page),
        MapView(page),
        VersionsView(page),
        AnnotatorsView(page),
        ExportsView(page),
    ]


def _prepare_templates(state: BlueprintSetupState) -> None:
    templates = state.app.jinja_env
    templates.filters.update(FILTERS)
    templates.trim_blocks = templates.lstrip_blocks = True


def _explained(page: Page, error: Exception) -> Response:
    """An error as a page that says what happened, and never more than people may know."""
    if isinstance(error, HTTPException):
        told = error
    elif isinstance(error, OnetagError):
        log.error("%s %s: %s", request.method, request.path, error)
        told = ServiceUnavailable("The store cannot be used at the moment; the server's log says why.")
    else:
        log.error("%s %s failed", request.method, request.path, exc_info=error)
        told = InternalServerError("Something went wrong; the server's log says what.")
    if told.response is not None:
        return make_response(told.response)
    if wants_json():
        return make_response(jsonify(error=told.description), told.code or 500)
    return make_response(page.show("error.html", None, error=told), told.code or 500)
