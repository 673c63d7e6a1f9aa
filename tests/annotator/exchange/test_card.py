"""The data card: what an export holds, and what is known to be wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from annotator.exchange import EXPORTS, ExportChoices, Split, Values, export_project
from annotator.store import Annotation, Observed, Project, Source, Store
from annotator.store.states import Review
from tests.annotator.exchange.conftest import Pets, make_pets

Annotate = Callable[..., Annotation | None]


def card_of(pets: Pets, folder: Path, **choices: Any) -> dict[str, Any]:
    pets.export("csv", folder / "labels.csv", **choices)
    card: dict[str, Any] = json.loads((folder / "labels.csv.card.json").read_text("utf-8"))
    return card


def test_it_is_the_same_on_both_engines(store: Store, tmp_path: Path) -> None:
    card = card_of(make_pets(store, tmp_path), tmp_path)
    assert card["project"] == "Pets"
    assert card["model_version"]["name"] == "v0001"
    assert card["images"] == 6
    assert card["expected_positives"] == {"value": 1.5, "source": "tags"}
    assert card["precision"] == {"answers": 40, "suggestions_right": 0.825}
    assert card["labels"][0] == {
        "name": "cat, tame", "threshold": 0.8, "said_present": 1, "said_absent": 1, "estimated": 3,
        "estimated_present": 1, "estimated_absent": 1, "unknown": 1,
    }  # fmt: skip
    assert card["labels"][3]["unknown"] == 5
    assert card["biases"]["conflicts"] == 1
    assert card["biases"]["sources"]["tag"] == 4


def test_annotators_are_numbered_and_never_named(pets: Pets, tmp_path: Path) -> None:
    card = card_of(pets, tmp_path)
    assert card["annotators"] == [
        {"annotator": 1, "observations": 4, "images": 2, "compared": 1, "same_as_others": 0},
        {"annotator": 2, "observations": 3, "images": 3, "compared": 1, "same_as_others": 0},
    ]
    assert card["agreement"] == {
        "images": 1, "labels_compared": 1, "ties": 1, "agree": 0.0, "alpha": 0.0,
    }  # fmt: skip
    assert "ann" not in json.dumps(card["annotators"][0]).replace("annotator", "")


def test_values_and_split_are_told(pets: Pets, tmp_path: Path) -> None:
    card = card_of(pets, tmp_path, values=Values.HARD, split=Split(0.5, seed=1))
    assert card["values"] == "hard"
    assert (card["split"]["train"], card["split"]["seed"]) == (0.5, 1)
    assert sum(card["split"]["images"].values()) == 6


def test_before_any_training_there_is_no_version_and_no_precision(
    store: Store, make_project: Callable[..., Project], tmp_path: Path
) -> None:
    with store.session() as session:
        project = make_project(session)
        project.expected_positives = 2.5
        export_project(session, project, EXPORTS["csv"], tmp_path / "labels.csv", ExportChoices())
    card = json.loads((tmp_path / "labels.csv.card.json").read_text("utf-8"))
    assert (card["model_version"], card["precision"]) == (None, None)
    assert card["expected_positives"] == {"value": 2.5, "source": "given"}
    assert card["biases"]["tagged_when_present"] == {}
    assert card["agreement"] is None, "no image was answered by several"


def test_biases_are_read_off_reviews_and_answered_suggestions(
    store: Store, make_project: Callable[..., Project], annotate: Annotate, tmp_path: Path
) -> None:
    def said(*values: tuple[str, int, Source]) -> list[Observed]:
        return [Observed(name, value, source) for name, value, source in values]

    complete = ("tree", -1, Source.COMPLETE)
    with store.session() as session:
        project = make_project(session, images=4)
        annotate(
            session,
            project,
            task=101,
            number=1,
            observed=said(("cat", 1, Source.TAG), ("dog", 1, Source.CONFIRMED), complete),
        )
        annotate(
            session,
            project,
            task=102,
            number=2,
            observed=said(("cat", 1, Source.TAG), ("dog", 1, Source.CONFIRMED), complete),
        )
        annotate(
            session,
            project,
            task=103,
            number=3,
            observed=said(("dog", 1, Source.TAG), ("cat", 1, Source.ADDED), complete),
        )
        annotate(
            session,
            project,
            task=104,
            number=4,
            observed=said(("dog", 1, Source.TAG), ("tree", -1, Source.REJECTED)),
        )
        export_project(session, project, EXPORTS["csv"], tmp_path / "labels.csv")  # fmt: skip
    biases = json.loads((tmp_path / "labels.csv.card.json").read_text("utf-8"))["biases"]
    assert biases["suggestions_accepted"] == 0.6667
    assert biases["tagged_when_present"] == {
        "cat": {"images": 3, "share": 0.6667},
        "dog": {"images": 3, "share": 0.3333},
    }


def test_who_confirms_what_others_found_absent_is_flagged_and_not_named(
    sqlite_store: Store, make_project: Callable[..., Project], annotate: Annotate, tmp_path: Path
) -> None:
    absent, confirmed = Observed("dog", -1, Source.COMPLETE), Observed("dog", 1, Source.CONFIRMED)
    with sqlite_store.session() as session:
        project = make_project(session, images=5)
        for task in range(101, 106):
            said = {"task": task, "review": Review.SUGGESTIONS}
            annotate(session, project, number=task, annotator="lazy", observed=[confirmed], **said)
            annotate(session, project, number=task + 50, annotator="careful", observed=[absent], **said)
        cards = []
        for limit in (0.5, 1.0):
            choices = ExportChoices(acceptance_limit=limit)
            export_project(session, project, EXPORTS["csv"], tmp_path / "labels.csv", choices)
            cards.append(json.loads((tmp_path / "labels.csv.card.json").read_text("utf-8")))
    lazy = cards[0]["annotators"][1]
    assert (lazy["absent_suggestions"], lazy["of_these_confirmed"], lazy["flagged"]) == (5, 5, True)
    assert lazy["interval"] == [0.5655, 1.0]
    assert [card["biases"]["confirmed_by_flagged"] for card in cards] == [5, 0]
    assert "flagged" not in cards[0]["annotators"][0], "of whom nothing is known"
    assert "lazy" not in json.dumps(cards)
