"""Fitting, evaluation and calibration of arrays; no store, no web."""

from model_backend.training.candidates import candidates_of
from model_backend.training.choices import check_choices
from model_backend.training.evaluate import mean_average_precision, retrieval_at
from model_backend.training.feedback import Feedback
from model_backend.training.finish import Fit
from model_backend.training.fit import fit
from model_backend.training.model import LabelModel
from model_backend.training.pool import Pool
from model_backend.training.propensity import label_propensity, propensity_from_reviews
from model_backend.training.recipe import DEFAULT_RECIPE, Recipe
from model_backend.training.tune import Tuned, fit_tuned, tune

__all__ = [
    "DEFAULT_RECIPE",
    "Feedback",
    "Fit",
    "LabelModel",
    "Pool",
    "Recipe",
    "Tuned",
    "candidates_of",
    "check_choices",
    "fit",
    "fit_tuned",
    "label_propensity",
    "mean_average_precision",
    "propensity_from_reviews",
    "retrieval_at",
    "tune",
]
