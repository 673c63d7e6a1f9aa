"""A project's label config, read the way that was chosen for it."""

from __future__ import annotations

from annotator.labelstudio.config import Chosen, LabelConfig, parse_config
from annotator.store.models import Project


def chosen_of(project: Project) -> Chosen:
    """What was chosen for a project, from its columns."""
    return Chosen(project.control, project.image_field, project.unticked, project.suggest)


def project_config(project: Project) -> LabelConfig:
    """The label config of a project. Raises OnetagError where it holds no labels any more."""
    return parse_config(project.label_config, chosen_of(project))
