"""What Label Studio's own button "Instructions" tells annotators of our screen.

Measured with Label Studio 1.23: the button is there as soon as there are instructions. With
`show_instruction` they also open over the page whenever labelling starts, and keys choose labels behind them:
so that stays off, and the page itself says what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from annotator.errors import OnetagError
from annotator.labelstudio.config import parse_config

if TYPE_CHECKING:
    from annotator.labelstudio.client import Studio

INSTRUCTIONS = """<p>Name <b>one thing that is in the picture</b>: click it, or press the key beside it.
Any one will do. <b>Ctrl+Enter</b> submits.</p>
<ul>
<li>None of the labels is there: <b>0</b>, <i>Nothing of these</i>.</li>
<li>More than 60 labels: <b>F</b>, type, <b>Enter</b> takes the first that is found.</li>
<li>Suggestions come ticked, and called the model's. Untick what is wrong, tick what is missing: <b>Shift</b>
and the label's key. Left alone they say nothing.</li>
<li>You looked at every suggestion: <b>Space</b>. You marked every label that is there: <b>A</b>.</li>
<li><i>Is this in the picture?</i> <b>Y</b> or <b>N</b>.</li>
<li>Not sure: <b>Ctrl+Space</b> skips. What you do not mark stays unknown: nobody takes it for absent.</li>
</ul>"""


def fill_instructions(studio: Studio, project: int, there: dict[str, Any]) -> bool:
    """Give a project with our screen its instructions, where it has none; says whether it did.

    there: the project as Label Studio tells it.
    """
    if (there.get("expert_instruction") or "").strip() or not _is_ours(str(there.get("label_config") or "")):
        return False
    studio.update_project(project, expert_instruction=INSTRUCTIONS)
    return True


def _is_ours(label_config: str) -> bool:
    try:
        return parse_config(label_config).asks
    except OnetagError:
        return False
