"""`onetag train`: one training now, in this process."""

from __future__ import annotations

from typing import Any

from annotator.commands.options import Json, Project
from annotator.commands.values import chosen_project
from annotator.commands.with_settings import with_settings
from annotator.flags import Panel
from annotator.labelstudio.connection import open_studio
from annotator.private import private_folder
from annotator.settings import Settings
from annotator.store import ModelVersion, Store, open_current
from model_backend.commands.console import print_json, stage_bar, standard
from model_backend.engine.publish import publish_if_possible


@with_settings(
    Panel.STORE, Panel.STUDIO, Panel.IMAGES, Panel.LEARNING, Panel.SUGGESTIONS, without=("predict_batch",)
)
def train(settings: Settings, project: Project = None, *, json: Json = False) -> None:
    """Train on what is known now, and send the new suggestions to Label Studio."""
    store = open_current(settings)
    console = standard(quiet=json)
    try:
        with private_folder(settings.data_dir), stage_bar(console, "Training") as report:
            version = train_now(store, settings, project, report)
    finally:
        store.close()
    result = {"version": version.name, "labels": len(version.labels), "metrics": version.metrics}
    if json:
        print_json(result)
    else:
        console.print(f"Trained version [bold]{version.name}[/] for {len(version.labels)} labels.")


def train_now(store: Store, settings: Settings, wanted: str | None, report: Any) -> ModelVersion:
    """Train the project that `--project` means (the only one when None) and return its version."""
    from model_backend.engine.resources import open_resources  # noqa: PLC0415 (torch is slow to import)
    from model_backend.engine.train import train_project  # noqa: PLC0415 (torch is slow to import)

    with store.reading() as session:
        project_id = chosen_project(session, wanted).id
    studio = open_studio(settings)
    resources = open_resources(settings, studio)
    version = train_project(store, resources, project_id, progress=report)
    if studio is not None:
        publish_if_possible(store, settings, project_id, studio)
    return version
