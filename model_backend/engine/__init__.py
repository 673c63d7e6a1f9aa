"""Where records and learning meet: features of a project's images, trainings, publishing, predictions."""

from model_backend.engine.connect import open_studio, open_workbench
from model_backend.engine.predict import Predictor
from model_backend.engine.train import train_project
from model_backend.engine.workbench import Workbench

__all__ = [
    "Predictor",
    "Workbench",
    "open_studio",
    "open_workbench",
    "train_project",
]
