"""Charts as SVG, drawn on the server: numbers in, markup out, colours by the classes of `static/charts.css`.

Each has its title and description inside; a view puts `data_table` beside it, which says the same in numbers.
"""

from annotator.dashboard.charts.axes import COUNT, SHARE, Axis
from annotator.dashboard.charts.bars import Bar, bars
from annotator.dashboard.charts.curve import Line, curve
from annotator.dashboard.charts.heat import heat
from annotator.dashboard.charts.reliability import Reliable, reliability
from annotator.dashboard.charts.scatter import MOST_POINTS, Frame, Region, drawn_points, frame_of, scatter
from annotator.dashboard.charts.svg import Tone
from annotator.dashboard.charts.table import data_table

__all__ = [
    "COUNT",
    "MOST_POINTS",
    "SHARE",
    "Axis",
    "Bar",
    "Frame",
    "Line",
    "Region",
    "Reliable",
    "Tone",
    "bars",
    "curve",
    "data_table",
    "drawn_points",
    "frame_of",
    "heat",
    "reliability",
    "scatter",
]
