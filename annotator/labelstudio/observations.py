"""What an annotation says about each label: one pure function, the table of README.md.

Touching one box says something of that box alone.

| the annotator                              | becomes                                                      |
|--------------------------------------------|--------------------------------------------------------------|
| chooses the one label that is asked for    | that label +1 `tag`                                          |
| leaves suggestions as they were shown      | nothing: an untouched suggestion is not an observation       |
| ticks what was not suggested               | that label +1 `added`                                        |
| unticks what was suggested                 | that label -1 `rejected`; what stays ticked is still unknown |
| draws a region, or changes a predicted one | its label +1, `added` or, where it was predicted, `confirmed`|
| removes a predicted region                 | nothing: another may be there                                |
| marks *Suggestions checked*                | besides: what was suggested and left ticked +1 `confirmed`   |
| the same, asked to check some labels       | of those, the ticked +1 `confirmed`, the others -1 `rejected`|
| marks *All labels marked*                  | the same, and every label that is not ticked -1 `complete`   |
| marks *Nothing of these*                   | what was suggested and seen -1 `rejected`, every other label |
|                                            | -1 `complete`; where a label is chosen, nothing              |
| answers *Yes* or *No* to one label         | that label +1 or -1 `answered`                               |
| answers where the project labels           | every label neither ticked nor shown -1 `complete`, unless   |
| completely (`--unticked absent`)           | the answer is a suggestion left as it was                    |
| skips, or chooses nothing                  | nothing: without a label our suggestions were never visible  |
| says on the page what is there and what not| those labels +1 and -1 `page`, and nothing of any other      |

What another model's prediction showed is compared alike: only what differs from it was said by a person.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from annotator.labelstudio.config import LabelConfig
from annotator.labelstudio.controls import Control
from annotator.labelstudio.statements import Page, Statement, answered, prefer, statement_of
from annotator.labelstudio.told import said_on_the_page
from annotator.store.records import Observed
from annotator.store.states import Question, Review, Source, Unticked, Unused


@dataclass(frozen=True)
class Said:
    """What one annotation makes known, at most one observation a label, in the order of the labels.

    unmatched are names that no label has; review is what was said to have been looked at; question is what
    was asked, where the page told; unused tells why nothing is known.
    """

    observed: tuple[Observed, ...] = ()
    unmatched: tuple[str, ...] = ()
    review: Review | None = None
    unused: Unused | None = None
    question: Question | None = None


def observe(
    result: Any, config: LabelConfig, shown: Sequence[Any] | None = None, *, skipped: bool = False
) -> Said:
    """What one annotation makes known.

    `result` is Label Studio's list of regions as it came, however malformed; `shown` are the regions of the
    prediction that the annotator saw, None when there was none or it is not known. A region without an
    `origin` came through the API: it is touched when it differs from what was shown.
    """
    if skipped:
        return Said()
    page = Page(result, shown, config)
    statements = [statement_of(page, control) for control in config.holders]
    reply = answered(page)
    if reply is not None:
        statements.append(reply)
    values: dict[str, Observed] = {}
    for statement in statements:
        for each in statement.observed:
            prefer(values, each)
    unmatched = tuple(dict.fromkeys(name for each in statements for name in each.unmatched))
    if not unmatched:  # who names another label saw another list of labels than this one
        for name in _absent(page, statements):
            values.setdefault(name, Observed(name, -1, Source.COMPLETE))
    for name in said_on_the_page(result, config) & values.keys():
        values[name] = replace(values[name], source=Source.PAGE)
    observed = tuple(values[name] for name in (*config.labels, *config.aside) if name in values)
    unused = None if observed else _unused(statements, unmatched)
    return Said(observed, unmatched, page.review, unused, page.question)


def _absent(page: Page, statements: Sequence[Statement]) -> Iterator[str]:
    """The labels that a complete answer leaves out; what lies above a ticked one is there."""
    ticked = {name for each in statements for name in each.ticked}
    if not _tells_all(page, statements):
        return
    above = {step for each in statements for name in each.ticked for step in _above(each.control, name)}
    yield from (name for name in page.config.labels if name not in ticked | above)


def _tells_all(page: Page, statements: Sequence[Statement]) -> bool:
    if page.review is Review.ALL_LABELS:
        return True
    if page.review is Review.NOTHING:
        return not any(each.ticked for each in statements)
    if page.config.unticked is not Unticked.ABSENT:
        return False
    whole, earlier = page.config.control, page.config.earlier
    return any(
        each.claims and (each.control == whole or (each.control == earlier and each.answered))
        for each in statements
    )


def _above(control: Control, label: str) -> Iterator[str]:
    """The labels on the way to one, in a taxonomy."""
    steps = control.written.get(label, ())
    for length in range(1, len(steps)):
        name = control.label_of(steps[:length])
        if name is not None:
            yield name


def _unused(statements: Sequence[Statement], unmatched: Sequence[str]) -> Unused:
    if unmatched:
        return Unused.UNKNOWN_LABEL
    if any(each.shown_unknown for each in statements):
        return Unused.SHOWN_UNKNOWN
    if any(each.answered for each in statements):
        return Unused.UNTOUCHED
    return Unused.OTHER_CONTROLS
