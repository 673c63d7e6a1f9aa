"""A project's label config, read the way that was chosen for it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from annotator.labelstudio.config import Chosen, LabelConfig, parse_config
from annotator.store.merged_labels import MergedLabel
from annotator.store.models import Project

_parsed = lru_cache(maxsize=16)(parse_config)  # a thousand labels take a while, and are read for every answer


def chosen_of(project: Project) -> Chosen:
    """What was chosen for a project, from its columns."""
    return Chosen(project.control, project.image_field, project.unticked, project.suggest)


def answers_config(project: Project, merged: Iterable[MergedLabel]) -> LabelConfig:
    """The same as answers are read by: its merged labels are known in them, too."""
    config = project_config(project)
    words = {each.written: each.name for each in merged if each.into}
    return config.also_reading(words) if words else config


def project_config(project: Project) -> LabelConfig:
    """The label config of a project. Raises OnetagError where it holds no labels any more."""
    return _parsed(project.label_config, chosen_of(project))
