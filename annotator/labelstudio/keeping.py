"""Keeps our screen in Label Studio as it should be: buttons for what is chosen most, the way to the page.

A screen that a person edited is left as it is, and instructions that a person wrote are, too.
"""

from __future__ import annotations

from annotator.errors import OnetagError
from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import build_config, parse_config
from annotator.labelstudio.instructions import instructions_for
from annotator.labelstudio.screen import MAX_CHOICES
from annotator.labelstudio.screen_before import often_in
from annotator.labelstudio.sync import adopt_config
from annotator.labelstudio.untouched import is_untouched
from annotator.store import Project, Store
from annotator.store.often import often_chosen


def keep_screen(store: Store, studio: Studio, project_id: int, page: str) -> tuple[str, ...]:
    """Bring screen and instructions of a project up to date; returns the fields that were changed.

    page: where people open the page, without a slash at its end; empty for no link. The labels stay as they
    are. Label Studio is written to only where something differs.
    """
    with store.reading() as session:
        project = session.get_one(Project, project_id)
        number, key = project.studio_project, project.key
    if number is None:
        return ()
    there = studio.project(number)
    config, told = str(there.get("label_config") or ""), str(there.get("expert_instruction") or "")
    progress = f"{page}/{key}/" if page else ""
    wanted = {
        "label_config": _screen(store, project_id, config, progress),
        "expert_instruction": instructions_for(config, told, progress),
    }
    had = {"label_config": config, "expert_instruction": told}
    changed = {name: value for name, value in wanted.items() if value != had[name]}
    if changed:
        studio.update_project(number, **changed)
    if "label_config" in changed:
        with store.session() as session:
            adopt_config(session, session.get_one(Project, project_id), changed["label_config"])
    return tuple(changed)


def _screen(store: Store, project_id: int, config: str, progress: str) -> str:
    """The label config as it should be; the one that is there where it is not for us to change."""
    if not is_untouched(config):
        return config
    try:
        parsed = parse_config(config)
        if not parsed.asks:
            return config  # of version 0.1, which `connect --fix-config` brings up to date
        often = often_in(config)
        if len(parsed.labels) > MAX_CHOICES:
            with store.reading() as session:
                often = often_chosen(session, project_id, often)
        return build_config(
            parsed.labels, image_field=parsed.image_field, before=config, often=often, progress=progress
        )
    except OnetagError:
        return config
