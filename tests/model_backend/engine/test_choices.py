"""Each loss and each estimator trains a project, by the settings and from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from annotator.settings import Settings
from annotator.store import ModelVersion, Project, Store, TrainingRun, load_vectors, observed_matrix
from model_backend.cli import main
from model_backend.engine.fitting import tagging_propensity
from model_backend.engine.resources import LearningResources
from model_backend.engine.train import train_project
from model_backend.errors import LearningError
from model_backend.estimators import ESTIMATORS
from model_backend.losses import LOSSES
from model_backend.training import Pool
from tests.model_backend.engine.conftest import with_settings

IMAGES = 24
TAGGED = 12
CHOICES = [(loss, None) for loss in LOSSES] + [("role", estimator) for estimator in ESTIMATORS]


@pytest.fixture
def project(sqlite_store: Store, new_project: Callable[..., Project], tag: Callable[..., None]) -> Project:
    """A project of which half of the images are tagged."""
    made = new_project(sqlite_store, images=IMAGES)
    tag(sqlite_store, made, range(1, TAGGED + 1))
    return made


def only_version(store: Store) -> ModelVersion:
    """The version of the only run, which is done."""
    with store.reading() as session:
        run = session.scalars(select(TrainingRun)).one()
        assert (run.state, run.error) == ("done", None)
        version = session.scalars(select(ModelVersion)).one()
        assert run.version_id == version.id
        return version


def assert_learnt(store: Store, version: ModelVersion) -> None:
    """Every image has a vector of probabilities, and tags are told from what was not tagged."""
    with store.reading() as session:
        observed = observed_matrix(session, version.project_id)
        image_ids, vectors = load_vectors(session, version.id)
    assert list(image_ids) == list(observed.image_ids)
    assert vectors.shape == (IMAGES, len(observed.label_names)) == (IMAGES, 3)
    assert np.isfinite(vectors).all()
    assert ((vectors >= 0) & (vectors <= 1)).all()
    tagged = observed.values > 0
    assert tagged.sum() == TAGGED
    rows = tagged.any(axis=1)
    assert vectors[tagged].mean() > vectors[rows][~tagged[rows]].mean()


@pytest.mark.parametrize(("loss", "estimator"), CHOICES)
def test_every_loss_and_estimator_trains_a_project(
    sqlite_store: Store,
    engine_settings: Settings,
    project: Project,
    resources: LearningResources,
    loss: str,
    estimator: str | None,
) -> None:
    settings = engine_settings.model_copy(update={"loss": loss, "estimator": estimator})
    train_project(sqlite_store, with_settings(resources, settings), project.id)
    version = only_version(sqlite_store)
    assert (version.recipe["loss"], version.recipe["estimator"]) == (loss, estimator)
    assert_learnt(sqlite_store, version)


def test_an_estimator_alone_means_role(
    sqlite_store: Store, engine_settings: Settings, project: Project, resources: LearningResources
) -> None:
    alone, named = (
        train_project(
            sqlite_store,
            with_settings(
                resources, engine_settings.model_copy(update={"loss": loss, "estimator": "lowrank"})
            ),
            project.id,
        )
        for loss in (None, "role")
    )
    with sqlite_store.reading() as session:
        one, other = (load_vectors(session, version.id)[1] for version in (alone, named))
    assert np.array_equal(one, other)


@pytest.fixture
def onetag(tmp_path: Path, without_studio: None) -> Callable[..., int]:
    """`onetag train` on the project, whose images lie in the store: there is no Label Studio."""

    def train(*arguments: str) -> int:
        places = ("--data-dir", str(tmp_path), "--backbone", "handcrafted", "--device", "cpu")
        with pytest.raises(SystemExit) as ended:
            main(["train", *places, *arguments])
        return int(ended.value.code or 0)

    return train


@pytest.mark.parametrize(("loss", "estimator"), [("em", None), ("role", "lowrank")])
def test_the_command_line_trains_with_what_it_names(
    onetag: Callable[..., int],
    sqlite_store: Store,
    capsys: pytest.CaptureFixture[str],
    loss: str,
    estimator: str | None,
) -> None:
    named = ("--estimator", estimator) if estimator else ()
    assert onetag("--loss", loss, *named, "--json") == 0
    version = only_version(sqlite_store)
    assert json.loads(capsys.readouterr().out)["version"] == version.name
    assert (version.recipe["loss"], version.recipe["estimator"]) == (loss, estimator)
    assert_learnt(sqlite_store, version)


@pytest.mark.parametrize(
    ("arguments", "wrong", "choices"),
    [
        (("--loss", "guess"), "no loss 'guess'", LOSSES),
        (("--loss", "role", "--estimator", "guess"), "no estimator 'guess'", ESTIMATORS),
        (("--estimator", "guess"), "no estimator 'guess'", ESTIMATORS),
        (
            ("--loss", "em", "--estimator", "matrix"),
            "loss em uses no estimator",
            [name for name, entry in LOSSES.items() if entry.uses_estimate],
        ),
    ],
    ids=["loss", "estimator", "estimator alone", "loss without estimator"],
)
def test_a_wrong_choice_exits_with_the_choices(
    onetag: Callable[..., int],
    sqlite_store: Store,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    wrong: str,
    choices: Collection[str],
) -> None:
    assert onetag(*arguments) == 1
    told = capsys.readouterr().err
    assert wrong in told
    assert f": {', '.join(choices)}." in told
    assert "Traceback" not in told
    with sqlite_store.reading() as session:
        assert session.scalars(select(ModelVersion)).all() == []


@pytest.mark.parametrize(("loss", "estimator"), [("guess", None), ("role", "guess"), ("em", "matrix")])
def test_a_wrong_choice_is_told_before_any_image_is_read(
    sqlite_store: Store, engine_settings: Settings, project: Project, loss: str, estimator: str | None
) -> None:
    settings = engine_settings.model_copy(update={"loss": loss, "estimator": estimator})

    def refuse(uri: str) -> bytes:
        pytest.fail(f"{uri} was read")

    with pytest.raises(LearningError, match=r"[Cc]hoose"):
        train_project(sqlite_store, LearningResources(settings, refuse), project.id)


def test_the_tagging_bias_is_corrected_where_the_settings_ask_for_it(engine_settings: Settings) -> None:
    observed = np.zeros((100, 2), np.int8)
    observed[:60, 0], observed[60:] = 1, 1
    asked = engine_settings.model_copy(update={"correct_tagging_bias": True})
    features = np.eye(100, dtype=np.float32)
    assert tagging_propensity(engine_settings, Pool(features, (), observed)) is None
    tags = Pool(features[:60], (), observed[:60])
    assert tagging_propensity(asked, tags) is None, "no image is completely reviewed"
    found = tagging_propensity(asked, Pool(features, (), observed))
    assert found is not None
    assert found[0] > found[1]
