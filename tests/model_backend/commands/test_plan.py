"""`onetag plan`, as typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from annotator.store import Project, Store
from annotator.store.costs import Cost
from annotator.store.rates import Rate
from annotator.store.states import Question
from model_backend.cli import main
from model_backend.commands.plan import as_row, lines
from model_backend.engine import resources as module
from model_backend.engine.planning import Plan
from model_backend.engine.resources import LearningResources
from model_backend.planning import Forecast, PowerLaw, Worth


def rate(question: Question, seconds: float, worth: float, spread: float, *, measured: bool = True) -> Rate:
    middle = (seconds, seconds) if measured else None
    return Rate(Cost(question, seconds, 40, 0, middle, "measured"), worth, spread)


LAW = PowerLaw(0.1, 1.0, 0.5)
TAG = rate(Question.TAG, 4.0, 1.0, 0.0)
ALL = rate(Question.COMPLETE, 9.0, 3.0, 0.5, measured=False)
KNOWN = Plan([ALL, TAG], 40, Worth(3.0, 0.5, alone=3.5), Forecast(400, LAW, (LAW, LAW), 0.82, 0.021), 5000)


def told(plan: Plan) -> dict[str, str]:
    return {name.strip(): value for name, value in lines(plan)}


def test_it_says_what_pays_what_to_expect_and_when_to_stop() -> None:
    said = told(KNOWN)
    # 400 answers of 3 tags would be thrice the record: the curve is believed to twice, 133 answers more.
    assert said["next hour"] == "mark all, 400 answers"
    assert said["mAP"] == "85.0 ± 0.0 now, on 40 completely marked images that were held out"
    assert said["expected"] == "86.5 ± 0.0 after 133 more answers, as far as the curve is believed"
    # 1 / sqrt(400) - 1 / sqrt(700) = 0.0122
    assert said["next 100 answers"] == "bring 1.2 ± 0.0"
    assert said["stop"] == "not within the next 133 answers, as far as the curve is believed"
    assert said["mark all"] == "9.0 s (a prior), worth 3.0 ± 0.5 tags: 1200 tags an hour"
    assert said["tag one"] == "4.0 s (measured), worth 1.0 tags: 900 tags an hour"
    assert said["a complete image"] == "worth 3.0 ± 0.5 tags (the record alone says 3.5)"


def test_what_cannot_be_told_apart_is_said() -> None:
    unsure = Plan([rate(Question.COMPLETE, 9.0, 3.0, 1.0), TAG], 40, Worth(3.0, 1.0), None, 5000)
    said = told(unsure)
    assert said["next hour"].endswith("it cannot be told apart from tag one")
    assert said["a complete image"] == "worth 3 ± 1 tags (a prior: 2 to 4 were measured elsewhere)"
    assert said["mAP"] == "there are too few other answers for a learning curve yet"


def test_while_nothing_tells_the_map_some_random_images_come_first() -> None:
    blind = Plan([TAG, ALL], 8, Worth(3.0, 1.0), None, 5000)
    # Twelve of 9 s.
    assert told(blind)["next hour"].startswith(
        "first mark all labels of 12 more images drawn at random, about 2 minutes: then this can tell the "
    )


def test_a_project_without_images_left_has_nothing_to_ask() -> None:
    finished = Plan([TAG, ALL], 40, Worth(3.0, 1.0), None, left=0)
    assert told(finished)["next hour"] == "nothing: every image has been answered"


def test_a_flat_curve_says_to_stop() -> None:
    flat = PowerLaw(0.2, 0.0, 1.0)
    done = Plan([TAG, ALL], 40, Worth(3.0, 1.0), Forecast(400, flat, (flat,), 0.8, 0.02), 5000)
    assert told(done)["stop"] == "now: a hundred more answers bring less than 0.5 points"


def test_a_script_reads_the_same() -> None:
    row = as_row(KNOWN)
    assert row["hour"] == {"question": "mark all", "answers": 400}
    assert row["map"]["now"] == {"value": 0.85, "spread": 0.0}
    assert row["map"]["measured"] == {"value": 0.82, "spread": 0.021}
    assert row["map"]["next_100"] == {"value": 0.0122, "spread": 0.0}
    assert (row["map"]["believed_answers"], row["map"]["pays_until"]) == (133, None)
    assert row["kinds"][0]["an_hour"] == 1200.0
    assert row["worth_of_complete"] == {"tags": 3.0, "spread": 0.5, "alone": 3.5}


def test_the_command_plans_a_project(
    sqlite_store: Store,
    new_project: Callable[..., Project],
    tag: Callable[..., None],
    resources: LearningResources,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    project = new_project(sqlite_store, images=12)
    tag(sqlite_store, project, range(1, 7))
    opened: Callable[..., Any] = lambda *_: resources  # noqa: E731
    monkeypatch.setattr(module, "open_resources", opened)
    with pytest.raises(SystemExit) as ended:
        main(["plan", "p1", "--json", "--data-dir", str(resources.settings.data_dir)])
    assert not ended.value.code
    row = json.loads(capsys.readouterr().out)
    assert (row["reviews"], row["reviews_lacking"], row["images_left"], row["map"]) == (0, 20, 6, None)
