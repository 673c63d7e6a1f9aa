"""Looking for images: a search as a link says it, its filters, and what of the store is kept in memory."""

from annotator.dashboard.catalog.box import Box, box_around
from annotator.dashboard.catalog.catalog import Catalog, Found, thresholds_of, version_of
from annotator.dashboard.catalog.search import Alike, Answer, Find, Order, Search, SearchError, State

__all__ = [
    "Alike",
    "Answer",
    "Box",
    "Catalog",
    "Find",
    "Found",
    "Order",
    "Search",
    "SearchError",
    "State",
    "box_around",
    "thresholds_of",
    "version_of",
]
