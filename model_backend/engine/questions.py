"""Which question is asked of each image of a pool, and in which order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from annotator.labelstudio.reading import project_config
from annotator.settings import Asking
from annotator.store import Project, Suggested
from annotator.store.costs import Costs, costs
from annotator.store.drawn import places
from annotator.store.states import Question
from model_backend.acquisition import priority
from model_backend.acquisition.drawn import with_drawn
from model_backend.acquisition.questions import Kind, Questions, Seconds, choose_questions
from model_backend.engine.fitting import TrainingOutput
from model_backend.engine.resources import LearningResources
from model_backend.engine.suggest import queue_scores, suggested_labels
from model_backend.training import candidates_of

KINDS: dict[Kind, Question] = {
    "tag": Question.TAG,
    "yes_no": Question.YES_NO,
    "check": Question.CHECK,
    "complete": Question.COMPLETE,
}


def asked_of_pool(
    session: Session,
    resources: LearningResources,
    project: Project,
    label_names: list[str],
    output: TrainingOutput,
) -> list[Suggested]:
    """What each image of the pool is asked, what is suggested, how soon, and its cluster.

    Where the label config can show one kind of question alone, or tags are what the settings want, every
    image is asked for one label.
    """
    settings, pool, model = resources.settings, output.pool, output.fit.model
    suggested = suggested_labels(output.fit.probabilities, model.thresholds, output.observed, label_names)
    candidates = candidates_of(output.fit, pool.features, output.observed)
    if settings.questions is Asking.MIXED and project.studio_project and project_config(project).asks:
        found = costs(session, project.id)
        questions = choose_questions(
            candidates, output.observed, seconds_of(found), spent=spent(found), seed=settings.seed
        )
        chance = places(project.id, pool.image_ids)
        share = settings.complete_share
        questions = with_drawn(questions, candidates.free, chance, share, seed=settings.seed)
        likely = [[] if its < share else names for its, names in zip(chance, suggested, strict=True)]
        return _suggested(pool.image_ids, label_names, questions, likely)
    scores = queue_scores(priority(settings.acquisition, candidates, seed=settings.seed))
    clusters = resources.clusters(pool.features)
    return [
        Suggested(image_id, names, float(score), int(cluster))
        for image_id, names, score, cluster in zip(pool.image_ids, suggested, scores, clusters, strict=True)
    ]


def seconds_of(found: Costs) -> Seconds:
    """What answers cost in this project, measured or as was published."""
    return Seconds(
        tag=found.of(Question.TAG).seconds,
        yes_no=found.of(Question.YES_NO).seconds,
        complete=found.of(Question.COMPLETE).seconds,
    )


def spent(found: Costs) -> float:
    """The seconds that the answers so far have cost, each as much as its kind does."""
    return sum(cost.answers * cost.seconds for cost in found.together.values())


def _suggested(
    image_ids: list[int], names: list[str], questions: Questions, suggested: list[list[str]]
) -> list[Suggested]:
    """In the words of the store. Labels that a question names stand in the place of the suggestions."""
    scores: NDArray[np.float64] = queue_scores(questions.scores)
    return [
        Suggested(
            image_id,
            [names[column] for column in columns] if columns else likely,
            float(score),
            0,  # they are spread over unlike images already: nothing has to take turns
            KINDS[kind],
        )
        for image_id, kind, columns, likely, score in zip(
            image_ids, questions.kinds, questions.labels, suggested, scores, strict=True
        )
    ]
