"""The question that a task asks: how it comes to the page with the prediction, and how an answer tells of it.

It comes in three controls of the screen that the annotator reads and cannot change: the kind of question, the
labels that it is about, and a note. So one push brings order, ticks and question together, and the answer
carries back what was asked, as regions of the origin `prediction`: whatever is asked of the image later, an
answer is read by the question that was on its page.

Measured with Label Studio 1.23, why not in the data of the task: it would work, for a `<Header
value="$field">` stands empty where a task lacks the field, and neither import nor label config is refused.
But each question is one PATCH of 170 ms more (85 s for 500 tasks), an annotation does not tell what the data
was when it was made, and choices from a field beside choices of the config are refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from annotator.labelstudio.candidates import NOTE, QUESTION
from annotator.labelstudio.config import LabelConfig
from annotator.labelstudio.predictions import named_region, prediction, regions
from annotator.store.models import Suggestion
from annotator.store.states import Question
from annotator.store.suggestions import Suggested

TOLD = 6
"""Labels that the note gives the chance of, the likeliest first."""

TELLING = 20
"""Checked suggestions from which on it is told how right they were."""


@dataclass(frozen=True)
class Asked:
    """A question: its kind, and the labels that it is about.

    labels: what is suggested, or what is asked by name: the one label of yes or no, those to check. chances:
    of labels, 0..1, told beside them in percent. note: a sentence more for the annotator.
    """

    question: Question = Question.TAG
    labels: Sequence[str] = ()
    chances: Mapping[str, float] = field(default_factory=dict)
    note: str = ""


def asked_now(
    suggested: Suggestion | Suggested,
    chances: Mapping[str, float],
    names: Mapping[str, str],
    note: str = "",
) -> Asked:
    """What a version suggests, with the chances that it gives, in the words of today.

    names: what each label is called, by every name that it had; labels without one are gone.
    """
    labels = [names[name] for name in suggested.labels if name in names]
    told = {names[name]: chance for name, chance in chances.items() if name in names}
    return Asked(suggested.question, labels, told, note)


def comes_ticked(config: LabelConfig, question: Question) -> bool:
    """Whether the labels of a question come ticked: what is suggested does, what is asked by name does not.

    What is asked may well be absent, and who waves a tick through leaves a wrong record. Where every other
    label has to be searched, those to check come ticked all the same, so that none has to be.
    """
    return question is not Question.YES_NO and (question is not Question.CHECK or not config.boxes)


def asked_prediction(
    config: LabelConfig,
    asked: Asked,
    version: str,
    score: float,
    *,
    cluster: int | None = None,
    task: int | None = None,
) -> dict[str, Any]:
    """One valid prediction that orders the queue, ticks what is suggested (`comes_ticked`), and asks.

    Where the label config cannot show it (`LabelConfig.asks`), the plain one is asked: for one label.
    """
    ticked = asked.labels if comes_ticked(config, asked.question) else ()
    made = prediction(ticked, version, score, config.ticks, cluster=cluster, task=task)
    made["result"] += question_regions(config, asked, made["model_version"])
    return made


def question_regions(config: LabelConfig, asked: Asked, version: str) -> list[dict[str, Any]]:
    """The regions that bring a question to the page; none where the label config cannot show it."""
    if config.about is None:
        return []
    known = [name for name in asked.labels if name in config.about.written]
    question = asked.question
    if (question is Question.YES_NO and len(known) != 1) or (question is Question.CHECK and not known):
        question, known = Question.TAG, []
    if question is not Question.YES_NO and config.ticks is None:
        known = []  # the project is asked without ticks
    image = config.about.image
    made = [named_region(QUESTION, image, "choices", [question.value], version)]
    made += regions(known, version, config.about)
    text = _note(known, asked) if question is not Question.YES_NO else ""  # it would give the answer away
    return [*made, named_region(NOTE, image, "textarea", [text], version)] if text else made


def told_of_suggestions(right: Sequence[bool]) -> str:
    """How right the suggestions were that people checked, for the note; empty below `TELLING` of them.

    >>> told_of_suggestions([True] * 21 + [False] * 4)
    'Of 25 checked suggestions 84 % were right.'
    """
    if len(right) < TELLING:
        return ""
    return f"Of {len(right)} checked suggestions {100 * sum(right) / len(right):.0f} % were right."


def _note(names: Sequence[str], asked: Asked) -> str:
    """What the model thinks of the labels asked about, and what else is to be said."""
    told = sorted((name for name in names if name in asked.chances), key=lambda name: -asked.chances[name])
    listed = ", ".join(f"{name} {_percent(asked.chances[name])}" for name in told[:TOLD])
    more = f" and {len(told) - TOLD} more" if len(told) > TOLD else ""
    return " ".join(part for part in (f"The model: {listed}{more}." if listed else "", asked.note) if part)


def _percent(chance: float) -> str:
    """A chance in percent; only what is certain is 100 %.

    >>> _percent(0.996), _percent(0.42), _percent(0.001)
    ('99 %', '42 %', '1 %')
    """
    return f"{min(99, max(1, round(100 * chance))):d} %" if 0 < chance < 1 else f"{100 * chance:.0f} %"
