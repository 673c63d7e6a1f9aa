"""The examples in docstrings run and print what they say, and every public function of the core has one."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("annotator", "model_backend", "onetag")
CORE = (
    "model_backend.acquisition.clusters.clusters",
    "model_backend.acquisition.core_set.core_set",
    "model_backend.acquisition.disagreement.disagreement",
    "model_backend.acquisition.directions.leading_directions",
    "model_backend.acquisition.entropy.label_entropy",
    "model_backend.acquisition.margin.threshold_margin",
    "model_backend.acquisition.one_by_one.in_order",
    "model_backend.acquisition.random.random_order",
    "model_backend.acquisition.registry.find_acquisition",
    "model_backend.acquisition.registry.priority",
    "model_backend.acquisition.surprise.positives_surprise",
    "model_backend.acquisition.typical.cold_start",
    "model_backend.backbones.registry.find_backbone",
    "model_backend.backbones.registry.load_backbone",
    "model_backend.estimators.registry.build_estimator",
    "model_backend.estimators.registry.find_estimator",
    "model_backend.features.cache.FeatureCache",
    "model_backend.features.extract.extract",
    "model_backend.features.mapping.FeatureMap",
    "model_backend.losses.registry.build_loss",
    "model_backend.losses.registry.find_loss",
    "model_backend.training.calibration.Calibration",
    "model_backend.training.calibration.fit_platt",
    "model_backend.training.candidates.candidates_of",
    "model_backend.training.evaluate.retrieval_at",
    "model_backend.training.evaluate.mean_average_precision",
    "model_backend.training.feedback.Feedback",
    "model_backend.training.fit.fit",
    "model_backend.training.model.LabelModel.load",
    "model_backend.training.model.LabelModel.predict",
    "model_backend.training.model.LabelModel.save",
    "model_backend.training.pool.Pool",
    "model_backend.training.propensity.label_propensity",
    "model_backend.training.recipe.Recipe",
    "model_backend.training.thresholds.feedback_thresholds",
    "model_backend.training.thresholds.prior_thresholds",
    "model_backend.training.tune.tune",
)


def modules_with_examples() -> list[str]:
    files = (file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py")))
    parts = (
        file.relative_to(ROOT).with_suffix("").parts for file in files if ">>> " in file.read_text("utf-8")
    )
    return [".".join(part for part in name if part != "__init__") for name in parts]


def examples(module: str) -> list[doctest.DocTest]:
    found = doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(module))
    return [test for test in found if test.examples]


@pytest.mark.parametrize("module", modules_with_examples())
def test_the_examples_of_a_module_run(module: str) -> None:
    tests = examples(module)
    assert tests, f"{module} shows an example outside of a docstring"
    report: list[str] = []
    for test in tests:
        doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=report.append)
    assert not report, "".join(report)


@pytest.mark.parametrize("name", CORE)
def test_the_core_shows_how_it_is_called(name: str) -> None:
    module = max(
        (each for each in modules_with_examples() if name.startswith(f"{each}.")), key=len, default=""
    )
    assert module, f"{name} has no example"
    assert name in {test.name for test in examples(module)}, f"{name} has no example"
