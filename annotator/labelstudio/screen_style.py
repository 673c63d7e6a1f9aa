"""How the labelling screen looks: the CSS of its label config.

Measured with Label Studio 1.23 in Chromium: `<Style>` is taken as it is, and `visibleWhen` knows one control
alone. So what depends on two of them, or on one choice, is hidden by `:has()`. A browser without it (before
2023) shows everything, and asks the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from string import Template

from annotator.store.states import Question

STYLE = """
.onetag { --model: #7c3aed; --own: #4c5fa9; }
[data-color-scheme="dark"] .onetag { --model: #c4b5fd; --own: #a5b4fc; }
.onetag { display: flex; gap: 16px; height: calc(100vh - 172px); min-height: 360px; }
.lsf-root_mode_labelstream .onetag { height: calc(100vh - 130px); }
.onetag-picture { flex: 1 1 0; min-width: 0; }
.onetag-picture .lsf-toolbar { display: none; }
.onetag-ask { flex: 0 0 38%; min-width: 0; max-width: 400px; }
.onetag-ask { display: flex; flex-direction: column; gap: 6px; }
.onetag-2 .onetag-ask { flex-basis: 46%; max-width: 500px; }
.onetag-3 .onetag-ask { flex-basis: 58%; max-width: 620px; }
.onetag .lsf-choices { margin: 0; }
.onetag .lsf-choice, .onetag .lsf-choice__item { margin: 0; padding: 0; min-height: 0; }
.onetag .ant-checkbox-wrapper, .onetag .ant-radio-wrapper { font-size: 13px; line-height: 18px; margin: 0; }
.onetag .ant-checkbox-wrapper { align-items: center; }
.onetag .ant-checkbox { top: 0; }
.onetag-list { flex: 0 1 auto; min-height: 0; overflow-y: auto; }
.onetag-list .lsf-choice { break-inside: avoid; padding: 2px 4px; border-radius: 4px; }
.onetag-list .lsf-choice { overflow-wrap: anywhere; }
.onetag-1 .onetag-list .lsf-choice { padding: 4px; }
.onetag-2 .onetag-list .lsf-choices { columns: 2; column-gap: 8px; }
.onetag-3 .onetag-list .lsf-choices { columns: 3; column-gap: 4px; }
.onetag-3 .onetag-list .lsf-choice { padding: 1px 2px; }
.onetag-3 .onetag-list .ant-checkbox-wrapper { font-size: 12px; line-height: 17px; }
.onetag-also .lsf-choices { columns: auto !important; display: grid; grid-auto-flow: column; }
.onetag-also .lsf-choices { grid-auto-columns: minmax(0, 1fr); column-gap: 4px; }
.onetag-also .lsf-hint, .onetag-3 .lsf-hint { font-size: 9px; }
.onetag-unkeyed .lsf-hint { display: none; }
.onetag-often { flex: none; }
.onetag-often .lsf-choices { display: flex; flex-wrap: wrap; gap: 4px; }
.onetag-often .lsf-choice { border: 1px solid #a8a29e; border-radius: 6px; padding: 1px 6px; }
.onetag-footer { display: flex; flex-wrap: wrap; gap: 0 12px; align-items: baseline; }
.onetag-footer :is(p, a) { margin: 0; font-size: 12px; line-height: 18px; }
.onetag-one { flex-shrink: 1; }
.onetag-question .lsf-choice, .onetag-about, .onetag-note { pointer-events: none; }
.onetag-question .lsf-hint, .onetag-about .lsf-hint { display: none; }
.onetag-question .ant-radio, .onetag-about .ant-checkbox { display: none; }
.onetag-question .ant-radio + span { padding: 0; font-size: 16px; font-weight: 600; line-height: 22px; }
.onetag-about .ant-checkbox + span { padding: 0; font-size: 20px; line-height: 26px; font-weight: 600; }
.onetag .htx-taxonomy { width: 100%; }
:is(.onetag-note, .onetag-about) form { display: none; }
:is(.onetag-note, .onetag-about) * { border: none !important; background: none !important; }
:is(.onetag-note, .onetag-about) * { margin: 0 !important; padding: 0 !important; min-height: 0 !important; }
.onetag-note * { font-size: 13px !important; line-height: 18px !important; color: var(--model) !important; }
.onetag-about [data-testid="textarea-regions"] * { font-size: 20px !important; line-height: 26px !important; }
.onetag-about [data-testid="textarea-regions"] * { font-weight: 600 !important; }
.onetag-buttons .lsf-choices { display: flex; flex-wrap: wrap; gap: 6px; }
.onetag-buttons .lsf-choice { border: 1px solid #a8a29e; border-radius: 6px; padding: 3px 8px; }
.onetag-buttons .lsf-choice:has(input:checked) { background: rgba(76, 95, 169, 0.15); }
.onetag-never { display: none; }
"""

STATES = """
@supports selector(:has(a)) {
.onetag-question .lsf-choice:not(:has(input:checked)) { display: none; }
.onetag-about .lsf-choice:not(:has(input:checked)) { display: none; }
.onetag-about, .onetag-also { display: none; }
$yes_no .onetag-about { display: block; }
$seen .onetag-also { display: flex; flex-direction: column; gap: 4px; }
$listed .onetag-one:not(:has($ticked)), $listed .onetag-often:not(:has($ticked)),
$listed :is(.onetag-what, .onetag-find) { display: none; }
.onetag-review .lsf-choice:nth-child(-n + 2):not(:has(input:checked)) { display: none; }
$seen .onetag-review .lsf-choice:nth-child(2) { display: block !important; }
$seen:has(.onetag-about $ticked) .onetag-review .lsf-choice:nth-child(1) { display: block !important; }
$chosen .onetag-review .lsf-choice:nth-child(3):not(:has(input:checked)) { display: none; }
$chosen .onetag-plain, $chosen .onetag-question .lsf-choice:nth-child(1) { display: none; }
.onetag-one:has(input:checked) { flex-shrink: 0; overflow: visible; }
.onetag-one:has(input:checked) .lsf-choice:not(:has(input:checked)) { display: none; }
.onetag-one:has(input:checked) .lsf-choices { columns: 1 !important; }
$chosen :is(.onetag-one, .onetag-often):not(:has($ticked)), $chosen .onetag-find { display: none; }
.onetag-often:has(input:checked) :is(.lsf-choice:not(:has(input:checked)), h4) { display: none; }
:is(.onetag-one, .onetag-often) .lsf-choice:has(input:checked) { background: rgba(76, 95, 169, 0.15); }
:is(.onetag-one, .onetag-often) .lsf-choice:has(input:checked) .ant-checkbox + span::before
  { content: "You chose "; color: var(--own); }
$suggested { order: -1; background: rgba(124, 58, 237, 0.12); }
$suggested .ant-checkbox + span::after { content: " model"; font-size: 10px; color: var(--model); }
$again { display: none; }
$yes_no .onetag-also .lsf-choice { background: none; }
$yes_no .onetag-also .ant-checkbox + span::after { content: none; }
$yes_no .onetag-review .lsf-choice:nth-child(1), $chosen .onetag-besides { display: none !important; }
}
"""
"""What is there in which state of the page: each name stands for a selector of `_selectors`."""

TICKED = ':is(input:checked, .ant-select-selection-item, [data-testid="textarea-regions"])'
"""What is chosen, in a list, in a taxonomy and in a text area."""


def screen_style(labels: int, columns: int, keyed: Sequence[int] = ()) -> str:
    """The CSS for a list of this many labels in so many columns; 0 where suggestions are no list of choices.

    keyed: the places, from 1, of those labels in a longer list that have a key all the same.
    """
    rows = ceil(labels / columns)
    more = [f".onetag-also .lsf-choices {{ grid-template-rows: repeat({rows}, auto); }}"] if rows else []
    if keyed:
        hints = ", ".join(f".onetag-unkeyed .lsf-choice:nth-child({place}) .lsf-hint" for place in keyed)
        more.append(f"{hints} {{ display: inline; }}")
    return "\n".join([STYLE.rstrip(), *more, Template(STATES).substitute(_selectors(labels)).lstrip()])


def _selectors(labels: int) -> dict[str, str]:
    """What each state of the page is told by; `listed` is one in which all labels are asked for at once."""
    places = range(1, labels + 1)
    chosen = f".onetag:has(:is(.onetag-one, .onetag-often) {TICKED})"
    listed = (
        f".onetag:is({', '.join(f':has({_asked(each)})' for each in (Question.CHECK, Question.COMPLETE))})"
    )
    return {
        "ticked": TICKED,
        "chosen": chosen,
        "listed": listed,
        "seen": f".onetag:is({chosen}, {listed})",
        "yes_no": f".onetag:has({_asked(Question.YES_NO)})",
        "suggested": _rows(".onetag-about", places),
        "again": _rows(".onetag-one", places),
    }


def _asked(question: Question) -> str:
    place = list(Question).index(question) + 1
    return f".onetag-question .lsf-choice:nth-child({place}) input:checked"


def _rows(where: str, places: Sequence[int]) -> str:
    """The rows in the second list of those labels that are ticked in another."""
    rows = [
        f".onetag:has({where} .lsf-choice:nth-child({place}) input:checked)"
        f" .onetag-also .lsf-choice:nth-child({place})"
        for place in places
    ]
    return f":is({', '.join(rows)})" if rows else ".onetag-never"
