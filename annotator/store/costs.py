"""What answers cost: seconds by kind of question and annotator, from the record, else as was published.

Label Studio's page adds the seconds of each visit to an annotation's `lead_time` (read in its source), so the
live revision tells the time of all of them together. It runs on while nobody looks: breaks are cut out.
What is asked often looks at the newest answers only: their pace is what the next hour costs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from annotator.store.models import Annotation, Label, Observation
from annotator.store.states import Question, Review, Source

NEWEST = 2000
"""Answers that `onetag status` looks at: many times what a kind needs, few of what a large record holds."""
ENOUGH = 30
"""Answers of a kind from which on they tell what it costs."""
SHORTEST, LONGEST = 0.2, 3600.0
"""Seconds that an answer can take: no hand is quicker, and nobody looks at one picture for an hour."""
BREAK_TIMES, BREAK_SECONDS = 10, 60.0
"""Who takes over ten times as long as for the median answer of the kind, and over a minute, was away.

Times of answers spread by a factor of two or so; ten times lies beyond the slowest in a thousand."""
TAG_SECONDS, YES_NO_SECONDS = 5.0, 0.9
SHORT_LIST, LONG_LIST = 20, 0.22
"""Labels up to which each costs a second; beyond, their power: 200 cost a sixth of a second each."""
SUGGESTIONS = 2.0
"""Suggestions on a page that has some, until the record tells."""

SOURCES = {
    Question.TAG: "a class named aloud, arXiv 1905.10576",
    Question.CHECK: "derived from tag one and is it there",
    Question.YES_NO: "Speed Labeling, GI 2024",
    Question.COMPLETE: "Bearman et al. 2016, and Deng et al., CHI 2014",
}
"""Of the priors: naming one class that is there, on COCO; yes or no to one label; a second a label up to 20,
beyond as hierarchies of questions ask for 200, and never less than naming one."""


@dataclass(frozen=True)
class Cost:
    """What one answer of a kind takes.

    seconds: the median of the middle 80 %, or the prior's. middle: from where to where these reach; None for
    a prior. answers, breaks: how many were timed, and what was cut out of them. source: where it comes from.
    """

    question: Question
    seconds: float
    answers: int
    breaks: int
    middle: tuple[float, float] | None
    source: str

    @property
    def measured(self) -> bool:
        """Whether it was measured in this project; else it is a prior."""
        return self.middle is not None


@dataclass(frozen=True)
class Costs:
    """The cost of each kind of question, of everybody together and of each annotator it was measured of.

    untimed: answers without a time that a person can have taken: they came through the API, or from a file.
    answers: all that were looked at, the newest. suggestions: on a page that has some, on average.
    """

    together: dict[Question, Cost]
    by_annotator: dict[tuple[Question, str], Cost]
    untimed: int
    answers: int = 0
    suggestions: float = SUGGESTIONS

    def of(self, question: Question, annotator: str | None = None) -> Cost:
        """The annotator's own where that was measured, else everybody's."""
        own = None if annotator is None else self.by_annotator.get((question, annotator))
        return own or self.together[question]


@dataclass(frozen=True)
class Answer:
    """One live answer: its kind, the suggestions on its page, and who gave it, None where that is not known.

    seconds: None where no person took a time that can be.
    """

    question: Question
    suggestions: int
    annotator: str | None
    seconds: float | None


def costs(
    session: Session, project_id: int, newest: int | None = None, answers: Sequence[Answer] | None = None
) -> Costs:
    """What the answers of a project cost. Skips, and answers that make nothing known, are not among them.

    newest: how many are looked at, those that were recorded last; None: all. answers: these, where they have
    been read already.
    """
    counted = select(func.count(Label.id)).where(Label.project_id == project_id, Label.archived_at.is_(None))
    labels = session.scalar(counted) or 0
    answers = newest_answers(session, project_id, newest) if answers is None else answers
    shown = [each.suggestions for each in answers if each.suggestions]
    suggestions = fmean(shown) if shown else SUGGESTIONS
    times = times_of(answers)
    kept = {key: without_breaks(seconds) for key, seconds in times.items()}
    together = {}
    for question in Question:
        taken = [seconds for key in kept if key[0] is question for seconds in kept[key]]
        timed = sum(len(seconds) for key, seconds in times.items() if key[0] is question)
        prior = prior_seconds(question, labels, suggestions)
        together[question] = cost_of(question, taken, timed - len(taken), prior)
    own = {key: cost_of(key[0], kept[key], len(times[key]) - len(kept[key]), 0.0) for key in kept}
    return Costs(
        together=together,
        by_annotator={key: cost for key, cost in own.items() if cost.measured},
        untimed=sum(each.seconds is None for each in answers),
        answers=len(answers),
        suggestions=suggestions,
    )


def prior_seconds(question: Question, labels: int, suggestions: float = SUGGESTIONS) -> float:
    """What an answer is taken to cost before it is measured: `SOURCES` tells why.

    >>> prior_seconds(Question.COMPLETE, labels=18)
    18.0
    >>> round(prior_seconds(Question.COMPLETE, labels=200), 1)
    33.2
    >>> prior_seconds(Question.CHECK, labels=18, suggestions=1)
    5.9
    """
    match question:
        case Question.TAG:
            return TAG_SECONDS
        case Question.CHECK:
            return TAG_SECONDS + YES_NO_SECONDS * suggestions
        case Question.YES_NO:
            return YES_NO_SECONDS
        case Question.COMPLETE:
            beyond = math.pow(max(1.0, labels / SHORT_LIST), LONG_LIST)
            return max(TAG_SECONDS, min(labels, SHORT_LIST) * beyond)


def times_of(answers: Sequence[Answer]) -> dict[tuple[Question, str], list[float]]:
    """The seconds of those that were timed, by kind and annotator."""
    times: dict[tuple[Question, str], list[float]] = {}
    for each in answers:
        if each.annotator is not None and each.seconds is not None:
            times.setdefault((each.question, each.annotator), []).append(each.seconds)
    return times


def without_breaks(seconds: Sequence[float]) -> list[float]:
    """The times of one annotator and kind, ascending, without those during which the annotator was away."""
    longest = max(BREAK_SECONDS, BREAK_TIMES * median(seconds))
    return sorted(each for each in seconds if each <= longest)


def cost_of(question: Question, taken: Sequence[float], breaks: int, prior: float) -> Cost:
    """What these times, breaks cut out, make of a kind: measured from 30 answers on, else the prior."""
    if len(taken) < ENOUGH:
        return Cost(question, prior, len(taken), breaks, None, SOURCES[question])
    cut = len(taken) // 10
    middle = sorted(taken)[cut : len(taken) - cut]
    reach = middle[0], middle[-1]
    return Cost(question, median(middle), len(taken), breaks, reach, "measured in this project")


def newest_answers(session: Session, project_id: int, newest: int | None = NEWEST) -> list[Answer]:
    """The live answers that were recorded last, or all of them (None), but those that make nothing known."""
    # Chosen first: so nothing but these is looked up among the observations.
    looked_at = (
        select(Annotation.id)
        .where(
            Annotation.project_id == project_id,
            Annotation.retired_at.is_(None),
            Annotation.skipped.is_(False),
            Annotation.unused.is_(None),
            Annotation.page_annotation_id.is_(None),  # hundreds at once, and no page of Label Studio's
        )
        .order_by(Annotation.id.desc())
        .limit(newest)
    )
    chosen = (
        select(
            Annotation.annotator,
            Annotation.lead_time,
            Annotation.suggested,
            Annotation.review,
            _says(Source.COMPLETE),
            _says(Source.ANSWERED),
            _says(Source.ADDED, Source.REJECTED),
        )
        .outerjoin(Observation, Observation.annotation_id == Annotation.id)
        .where(Annotation.id.in_(looked_at))
        .group_by(Annotation.id)
        .execution_options(yield_per=1000)
    )
    return [
        Answer(
            question=Question.YES_NO
            if answered and not complete
            else question_of(review, complete=complete, changed=changed and bool(suggested)),
            suggestions=len(suggested or ()),
            annotator=annotator,
            seconds=_time(annotator, seconds),
        )
        for annotator, seconds, suggested, review, complete, answered, changed in session.execute(chosen)
    ]


def _time(annotator: str | None, seconds: float | None) -> float | None:
    """The seconds, where a person is known that can have taken them."""
    if annotator is None or seconds is None or not SHORTEST <= seconds <= LONGEST:
        return None
    return seconds


def _says(*sources: Source) -> ColumnElement[bool]:
    """Whether an answer has an observation of one of these sources."""
    return func.count().filter(Observation.source.in_(sources)) > 0


def question_of(review: Review | None, *, complete: bool, changed: bool) -> Question:
    """The kind that an answer is of, whatever was asked.

    complete: it tells labels absent that nobody suggested. changed: it changes suggestions.
    """
    if review is Review.ALL_LABELS or complete:
        return Question.COMPLETE
    return Question.CHECK if review is Review.SUGGESTIONS or changed else Question.TAG
