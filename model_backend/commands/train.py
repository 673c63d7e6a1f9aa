"""`onetag train`: one training now, in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from annotator.commands.options import (
    Backbone,
    DatabaseUrl,
    DataDir,
    Device,
    EndToEnd,
    Estimator,
    ExpectedPositives,
    Json,
    Loss,
    Project,
    Seed,
    Weights,
    chosen_project,
    open_current,
)
from annotator.labelstudio.connection import open_studio
from annotator.settings import load_settings
from model_backend.commands.console import print_json, stage_bar, standard
from model_backend.engine.publish import publish_if_possible

if TYPE_CHECKING:
    from annotator.settings import Settings
    from annotator.store import ModelVersion, Store


def train(
    project: Project = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    backbone: Backbone = None,
    weights: Weights = None,
    loss: Loss = None,
    estimator: Estimator = None,
    end_to_end: EndToEnd = None,
    expected_positives: ExpectedPositives = None,
    device: Device = None,
    seed: Seed = None,
    json: Json = False,
) -> None:
    """Train on what is known now, and send the new suggestions to Label Studio."""
    settings = load_settings(
        data_dir=data_dir,
        database_url=database_url,
        backbone=backbone,
        weights=weights,
        loss=loss,
        estimator=estimator,
        end_to_end=end_to_end,
        expected_positives=expected_positives,
        device=device,
        seed=seed,
    )
    store = open_current(settings)
    console = standard(quiet=json)
    try:
        with stage_bar(console, "Training") as report:
            version = train_now(store, settings, project, report)
    finally:
        store.close()
    told = {"version": version.name, "labels": len(version.labels), "metrics": version.metrics}
    if json:
        print_json(told)
    else:
        console.print(f"Trained version [bold]{version.name}[/] for {len(version.labels)} labels.")


def train_now(store: Store, settings: Settings, number: int | None, report: Any) -> ModelVersion:
    """Train the project with this number in Label Studio (the only one when None) and return its version."""
    from model_backend.engine.resources import open_resources  # noqa: PLC0415 (torch is slow to import)
    from model_backend.engine.train import train_project  # noqa: PLC0415 (torch is slow to import)

    with store.reading() as session:
        project_id = chosen_project(session, number).id
    studio = open_studio(settings)
    resources = open_resources(settings, studio)
    version = train_project(store, resources, project_id, progress=report)
    if studio is not None:
        publish_if_possible(store, settings, project_id, studio)
    return version
