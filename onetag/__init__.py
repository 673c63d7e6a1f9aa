"""onetag: tag one label an image; get them all. The public names, each loaded when it is first used.

>>> import onetag
>>> sorted(onetag.LOSSES)[:3]
['an', 'an-ls', 'bce']
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from annotator.errors import OnetagError as OnetagError
    from annotator.settings import Settings as Settings
    from annotator.settings import load_settings as load_settings
    from annotator.store import open_current as open_current
    from model_backend.acquisition import ACQUISITIONS as ACQUISITIONS
    from model_backend.backbones import BACKBONES as BACKBONES
    from model_backend.backbones import load_backbone as load_backbone
    from model_backend.errors import LearningError as LearningError
    from model_backend.estimators import ESTIMATORS as ESTIMATORS
    from model_backend.estimators import build_estimator as build_estimator
    from model_backend.losses import LOSSES as LOSSES
    from model_backend.losses import build_loss as build_loss
    from model_backend.server.adapter import hosted_app as hosted_app
    from model_backend.training import Feedback as Feedback
    from model_backend.training import Fit as Fit
    from model_backend.training import LabelModel as LabelModel
    from model_backend.training import Pool as Pool
    from model_backend.training import Recipe as Recipe
    from model_backend.training import fit as fit
    from model_backend.training import mean_average_precision as mean_average_precision
    from model_backend.worker.queue import open_job_queue as open_job_queue
    from onetag import data as data

_ROOMS = {
    "ACQUISITIONS": "model_backend.acquisition",
    "BACKBONES": "model_backend.backbones",
    "ESTIMATORS": "model_backend.estimators",
    "Feedback": "model_backend.training",
    "Fit": "model_backend.training",
    "LOSSES": "model_backend.losses",
    "LabelModel": "model_backend.training",
    "LearningError": "model_backend.errors",
    "OnetagError": "annotator.errors",
    "Pool": "model_backend.training",
    "Recipe": "model_backend.training",
    "Settings": "annotator.settings",
    "build_estimator": "model_backend.estimators",
    "build_loss": "model_backend.losses",
    "fit": "model_backend.training",
    "hosted_app": "model_backend.server.adapter",
    "load_backbone": "model_backend.backbones",
    "load_settings": "annotator.settings",
    "mean_average_precision": "model_backend.training",
    "open_current": "annotator.store",
    "open_job_queue": "model_backend.worker.queue",
}
__version__: str
__all__ = ["__version__", "data", *_ROOMS]


def __getattr__(name: str) -> Any:
    """Load a public name from its room. Raises AttributeError for one that there is not."""
    if name == "__version__":
        return import_module("importlib.metadata").version("onetag")  # slow to import, seldom asked for
    if name == "data":
        return import_module("onetag.data")
    if name not in _ROOMS:
        raise AttributeError(f"module 'onetag' has no attribute {name!r}")
    return getattr(import_module(_ROOMS[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
