"""What annotators answered reaches the next training as its version had said it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from annotator.settings import Settings
from annotator.store import (
    Image,
    ModelVersion,
    Observed,
    Project,
    RunReason,
    Source,
    Store,
    Submission,
    live_labels,
    load_vectors,
    queue_run,
    record_annotation,
    store_vectors,
)
from annotator.store.states import Review
from model_backend.engine.feedback import recent_feedback
from model_backend.engine.fitting import read_training_input
from model_backend.engine.resources import LearningResources
from model_backend.engine.train import train_project, train_run
from model_backend.training import DEFAULT_RECIPE, Feedback, Recipe
from model_backend.training.calibration import LEAST_FEEDBACK, Calibration
from tests.model_backend.conftest import LABELS

Answer = Callable[..., None]


@pytest.fixture
def project(sqlite_store: Store, new_project: Callable[..., Project], tag: Callable[..., None]) -> Project:
    made = new_project(sqlite_store, images=40)
    tag(sqlite_store, made, range(1, 13))
    return made


@pytest.fixture
def numbers() -> Iterator[int]:
    return count(1)


@pytest.fixture
def answer(sqlite_store: Store, project: Project, numbers: Iterator[int]) -> Answer:
    """answer(version, image number, red="confirmed", blue="rejected")."""

    def record(version: ModelVersion, image: int, annotator: str = "bob", **said: str) -> None:
        observed = [
            Observed(label, -1 if source == "rejected" else 1, Source(source))
            for label, source in said.items()
        ]
        with sqlite_store.session() as session:
            record_annotation(
                session,
                session.get_one(Project, project.id),
                session.scalars(select(Image).where(Image.studio_task == 700 + image)).one(),
                Submission(
                    studio_annotation=next(numbers),
                    result=[],
                    skipped=False,
                    annotator=annotator,
                    lead_time=1.0,
                    suggested_version=version.name,
                    suggested=list(said),
                    observed=observed,
                    at=datetime.now(UTC),
                    review=Review.SUGGESTIONS,
                ),
            )

    return record


@pytest.fixture
def add_version(sqlite_store: Store, project: Project) -> Callable[..., ModelVersion]:
    """A version that gave every label of every image 0.75."""

    def add(name: str, **others: Any) -> ModelVersion:
        with sqlite_store.session() as session:
            labels = live_labels(session, project.id)
            given = {"backbone": "colours", "recipe": DEFAULT_RECIPE.to_dict(), "folder": name} | others
            version = ModelVersion(
                project_id=project.id,
                name=name,
                labels=[label.name for label in labels],
                label_ids=[label.id for label in labels],
                **given,
            )
            session.add(version)
            session.flush()
            images = list(session.scalars(select(Image.id)))
            store_vectors(session, version.id, images, np.full((len(images), 3), 0.75))
        return version

    return add


def read(store: Store, project: Project, labels: slice = slice(None)) -> Feedback:
    with store.reading() as session:
        ids = [label.id for label in live_labels(session, project.id)][labels]
        return recent_feedback(session, project.id, ids, "colours", Recipe(seed=5))


def test_answers_are_about_columns_of_the_pool(
    sqlite_store: Store, project: Project, add_version: Callable[..., ModelVersion], answer: Answer
) -> None:
    assert len(read(sqlite_store, project)) == 0
    answer(add_version("v1"), 20, green="confirmed", blue="rejected")
    found = read(sqlite_store, project)
    assert (found.labels.tolist(), found.present.tolist()) == ([1, 2], [True, False])
    assert found.raw.tolist() == found.shown.tolist() == [0.75, 0.75]
    assert read(sqlite_store, project, slice(2, 3)).labels.tolist() == [0], "of labels that are learned"


def test_other_backbones_and_recipes_say_nothing_of_this_one(
    sqlite_store: Store, project: Project, add_version: Callable[..., ModelVersion], answer: Answer
) -> None:
    recipes: list[dict[str, Any]] = [
        {"backbone": "other"},
        {"recipe": Recipe(loss="an").to_dict()},
        {"recipe": Recipe(seed=9).to_dict()},
    ]
    for number, others in enumerate(recipes):
        answer(add_version(f"v{number}", **others), 20 + number, blue="rejected")
    assert len(read(sqlite_store, project)) == 1


def test_a_recipe_of_an_older_release_lacks_fields_and_is_the_same(
    sqlite_store: Store, project: Project, add_version: Callable[..., ModelVersion], answer: Answer
) -> None:
    old = {name: value for name, value in DEFAULT_RECIPE.to_dict().items() if "end_to_end" not in name}
    later = DEFAULT_RECIPE.to_dict() | {"unheard_of": 1}
    for number, recipe in enumerate((old, later)):
        answer(add_version(f"v{number}", recipe=recipe), 20 + number, blue="rejected")
    assert len(read(sqlite_store, project)) == 1


def test_tunings_of_one_network_speak_for_each_other_where_each_training_tunes(
    sqlite_store: Store, project: Project, add_version: Callable[..., ModelVersion], answer: Answer
) -> None:
    recipe = Recipe(end_to_end=True)
    answer(add_version("v1", backbone="net-tuned-00000000", recipe=recipe.to_dict()), 20, blue="rejected")
    with sqlite_store.reading() as session:
        ids = [label.id for label in live_labels(session, project.id)]

        def found(backbone: str, recipe: Recipe) -> int:
            return len(recent_feedback(session, project.id, ids, backbone, recipe))

        assert found("net-tuned-11111111", recipe) == found("net", recipe) == 1
        assert found("other", recipe) == found("net-tuned-00000000", Recipe()) == 0


def test_probabilities_are_read_without_the_calibration_that_their_version_had(
    sqlite_store: Store, project: Project, add_version: Callable[..., ModelVersion], answer: Answer
) -> None:
    calibration = {"scale": [1.0, 0.5, 2.0], "offset": [0.0, -1.0, 0.3]}
    answer(
        add_version("v1", calibration_scale=calibration["scale"], calibration_offset=calibration["offset"]),
        20,
        red="confirmed",
        green="confirmed",
        blue="rejected",
    )
    found = read(sqlite_store, project)
    scale, offset = (np.array(calibration[name], dtype=np.float32) for name in ("scale", "offset"))
    assert Calibration(scale, offset, 3)(found.raw) == pytest.approx([0.75] * 3, abs=1e-6)
    assert found.shown.tolist() == [0.75] * 3


def test_the_next_training_is_calibrated_by_them(
    sqlite_store: Store,
    engine_settings: Settings,
    project: Project,
    resources: LearningResources,
    answer: Answer,
) -> None:
    def train() -> ModelVersion:
        return train_project(sqlite_store, resources, project.id)

    first = train()
    assert (first.metrics["answers"], first.metrics["calibrated"]) == (0, False)
    asked = range(14, 14 + LEAST_FEEDBACK // 2 + 1)
    for image in asked:
        answer(first, image, red="rejected", blue="confirmed" if image % 2 else "rejected")
    with sqlite_store.reading() as session:
        _, said = load_vectors(session, first.id)
    second = train()
    assert second.metrics["answers"] == 2 * len(asked)
    assert second.metrics["suggestions_right"] == pytest.approx(
        sum(n % 2 for n in asked) / len(asked) / 2, abs=1e-4
    )
    assert second.metrics["calibrated"]
    assert second.calibration_scale != first.calibration_scale

    found = read(sqlite_store, project)
    rows = np.repeat(np.array(asked) - 1, 2)
    assert found.shown.tolist() == said[rows, found.labels].tolist()

    answer(second, 40, red="rejected", green="confirmed")
    third = train()
    assert third.metrics["answers"] == 2 * len(asked) + 2, "earlier versions' answers count on"


def test_a_training_leaves_out_what_who_confirms_everything_confirmed(
    sqlite_store: Store,
    project: Project,
    resources: LearningResources,
    add_version: Callable[..., ModelVersion],
    answer: Answer,
) -> None:
    version = add_version("v0001-before")
    for image in range(20, 26):
        answer(version, image, green="confirmed")
        answer(version, image, annotator="careful", green="rejected")
    answer(version, 30, green="confirmed", blue="rejected")
    with sqlite_store.session() as session:
        run = queue_run(session, project.id, RunReason.ASKED_FOR)
        assert run is not None
    green = LABELS.index("green")
    images = [image - 1 for image in (*range(20, 26), 30)]
    doubting = read_training_input(sqlite_store, run.id, 0.5).observed.values
    trusting = read_training_input(sqlite_store, run.id, 1.0).observed.values
    assert doubting[images, green].tolist() == [-1] * 6 + [0]
    assert trusting[images, green].tolist() == [0] * 6 + [1]
    assert doubting[29, LABELS.index("blue")] == -1, "what was unticked holds"
    trained = train_run(sqlite_store, resources, run.id)
    assert trained.metrics["answers"] == 6, "the careful one's alone"
