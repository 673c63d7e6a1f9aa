"""`onetag worker`: takes in what annotators did, trains, and sends suggestions back."""

from __future__ import annotations

from annotator.commands.options import (
    Backbone,
    DatabaseUrl,
    DataDir,
    Device,
    Estimator,
    ExpectedPositives,
    Loss,
    RetrainAfter,
    RetrainIdle,
    Seed,
    Weights,
    open_current,
)
from annotator.settings import load_settings
from model_backend.commands.logs import log_to_stderr
from model_backend.commands.serving import beating


def worker(
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    backbone: Backbone = None,
    weights: Weights = None,
    loss: Loss = None,
    estimator: Estimator = None,
    expected_positives: ExpectedPositives = None,
    device: Device = None,
    seed: Seed = None,
    retrain_after: RetrainAfter = None,
    retrain_idle: RetrainIdle = None,
) -> None:
    """Run the background worker: inbox, trainings, suggestions, periodic checks."""
    from model_backend.worker.run import run_worker  # noqa: PLC0415 (torch is slow to import)

    log_to_stderr()
    settings = load_settings(
        data_dir=data_dir,
        database_url=database_url,
        backbone=backbone,
        weights=weights,
        loss=loss,
        estimator=estimator,
        expected_positives=expected_positives,
        device=device,
        seed=seed,
        retrain_after=retrain_after,
        retrain_idle=retrain_idle,
    )
    store = open_current(settings)
    with beating(settings.data_dir):
        run_worker(store, settings)
