"""Labels that leave a project: said with how many answers speak of them, and asked about before they go."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from annotator.errors import OnetagError
from annotator.store import Label, LabelAnswers, Store
from annotator.store.labels import labels_in_use

Confirm = Callable[[str], bool | None]
"""Asks a question; None when there is nobody to answer it."""
SHOWN = 20  # labels that are named one by one


def let_leave(
    store: Store, project_id: int | None, gone: Sequence[str], say: Callable[[str], None], confirm: Confirm
) -> None:
    """Say which labels leave a project; ask where answers speak of them. project_id: None where the store has
    none.

    Raises OnetagError unless the answer is yes; then nothing may be changed.
    """
    if not gone:
        return
    answered = answers_of(store, project_id, gone)
    say(told(gone, answered))
    if not answered:
        return
    agreed = confirm("Let these labels go?")
    if agreed is None:
        raise OnetagError(
            "Labels with answers leave the project, and nobody is here to be asked.",
            "Say --yes if that is meant, or give all labels to --labels.",
        )
    if not agreed:
        raise OnetagError("Nothing was changed.", "Give all labels to --labels, or none to keep them.")


def answers_of(store: Store, project_id: int | None, gone: Sequence[str]) -> list[LabelAnswers]:
    """Which of the labels answers speak of."""
    with store.reading() as session:
        return labels_in_use(session, Label.project_id == project_id, Label.name.in_(gone))


def told(gone: Sequence[str], answered: Sequence[LabelAnswers]) -> str:
    """What becomes of the labels, for people."""
    lines = [f"{len(gone)} labels leave the project: {_first(gone)}."]
    if answered:
        spoken = [
            f"{each.name} ({each.answers} answers: {each.present} present, {each.absent} absent)"
            for each in answered
        ]
        lines.append(
            f"Answers speak of {len(answered)} of them: {_first(spoken)}. They are kept, and count again "
            "when the label is back; until then they are neither learned from nor exported."
        )
    return " ".join(lines)


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
