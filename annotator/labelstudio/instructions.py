"""What Label Studio's own button "Instructions" tells annotators of our screen.

Measured with Label Studio 1.23: the button is there as soon as there are instructions. With
`show_instruction` they also open over the page whenever labelling starts, and keys choose labels behind them:
so that stays off, and the page itself says what to do. Of a link in them Label Studio keeps `href` and drops
`target`.
"""

from __future__ import annotations

import re
from html import escape

from annotator.errors import OnetagError
from annotator.labelstudio.config import parse_config

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


LINK = re.compile(r'\n<p><a href="[^"]*">How far the model is</a></p>$')


def instructions_for(label_config: str, there: str, progress: str) -> str:
    """The instructions that a project should have: ours for our screen, else those that are there.

    there: what it has; what somebody wrote stays. progress: where the page tells how far the model is; empty
    for no link.
    """
    if LINK.sub("", there.strip()) not in ("", INSTRUCTIONS) or not _is_ours(label_config):
        return there
    link = f'\n<p><a href="{escape(progress)}">How far the model is</a></p>' if progress else ""
    return f"{INSTRUCTIONS}{link}"


def _is_ours(label_config: str) -> bool:
    try:
        return parse_config(label_config).asks
    except OnetagError:
        return False
