"""Where records and learning meet: features of a project's images, trainings, publishing, predictions."""

from model_backend.engine.connect import open_resources, open_studio
from model_backend.engine.predict import Predictor
from model_backend.engine.resources import LearningResources
from model_backend.engine.train import train_project

__all__ = [
    "LearningResources",
    "Predictor",
    "open_resources",
    "open_studio",
    "train_project",
]
