"""The page: what is known, what is guessed, and how the model gets on, for people in a browser."""

from annotator.dashboard.blueprint import page_blueprint
from annotator.dashboard.page import Page
from annotator.dashboard.services import Versions

__all__ = ["Page", "Versions", "page_blueprint"]
