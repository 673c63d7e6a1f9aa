"""A person answers a stream of mixed questions in a browser: its order, its words, its keys and its records.

Thirty answers of each of three kinds are on record before, given through Label Studio's API, which tells no
seconds: so an image costs little beside its questions, and all kinds are worth asking.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from annotator.labelstudio.candidates import ALL_LABELS_MARKED, ANSWER, LABEL, NO, REVIEW, SUGGESTED, YES
from annotator.labelstudio.predictions import named_region
from annotator.labelstudio.questions import Asked, question_regions
from annotator.labelstudio.screen import ANY_ONE
from annotator.store import ModelVersion
from annotator.store.costs import costs
from annotator.store.states import Question
from model_backend.demo.dataset import Dataset, read_dataset
from model_backend.demo.scenes import NAMES, write_scenes
from tests.acceptance.conftest import Up, until
from tests.acceptance.stream import PATIENCE, Shown, Stream

pytestmark = [pytest.mark.studio, pytest.mark.browser, pytest.mark.timeout(900)]
PICTURES, RECORDED = 150, 30  # pictures, and answers of each kind that are on record
FIRST = 16  # pages in which every kind must have come
ASKED = (Question.YES_NO, Question.CHECK, Question.COMPLETE)


class UpAsking(Up):
    """An `onetag up` that asks what is worth most, and is trained when it is told to be."""

    questions = "mixed"

    def command(self, *more: str) -> list[str]:
        still = ("--retrain-after", "10000", "--retrain-idle", "100000")
        return super().command(*still, "--complete-share", "0.25", *more)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("asking") / "digits"
    write_scenes(folder, PICTURES, 1, seed=5)
    return read_dataset(folder)


@pytest.fixture(scope="module")
def asking(
    pictures: Dataset, fresh_label_studio: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[UpAsking]:
    data = shutil.copytree(fresh_label_studio, tmp_path_factory.mktemp("asking-up") / "data")
    made = UpAsking(pictures.files[0].parent, data)
    try:
        made.start()
        made.await_ready()
        yield made
    finally:
        made.clean()


@pytest.fixture(scope="module")
def stream(asking: UpAsking, pictures: Dataset) -> Iterator[Stream]:
    """A stream that is opened once, for all tests."""
    store = asking.store()
    with asking.browsing() as page:
        opened = Stream(asking, page, pictures, store)
        opened.open()
        yield opened
    store.close()


@pytest.fixture(scope="module")
def first(stream: Stream) -> ModelVersion:
    """The first version, trained on thirty answers of each of three kinds."""

    def on_record() -> int:
        with stream.store.reading() as session:
            return costs(session, stream.project_id).answers

    before, questions = on_record(), (Question.TAG, Question.YES_NO, Question.COMPLETE)
    for place, task in enumerate(list(stream.tasks)[-3 * RECORDED :]):
        label = NAMES[place // 3 % len(NAMES)]
        stream.studio.annotate(task, given(stream, questions[place % 3], label, stream.present(task)))
    until(lambda: on_record() == before + 3 * RECORDED, PATIENCE, "the answers are on record")
    return stream.train()


def given(stream: Stream, question: Question, label: str, present: Sequence[str]) -> list[dict[str, Any]]:
    """An answer as the page sends it."""
    about = [label] if question is Question.YES_NO else []
    asked = question_regions(stream.config, Asked(question, about), "by hand")
    said: list[tuple[str, Sequence[str]]]
    match question:
        case Question.TAG:
            said = [(LABEL, [present[0]])]
        case Question.YES_NO:
            said = [(ANSWER, [YES if label in present else NO])]
        case _:
            said = [(SUGGESTED, present), (REVIEW, [ALL_LABELS_MARKED])]
    by_person = [named_region(name, "image", "choices", list(values), "by hand") for name, values in said]
    return asked + [region | {"origin": "manual"} for region in by_person]


def answered(stream: Stream, version: ModelVersion | None) -> Shown:
    """The page that is open, once it was answered by keys and the record holds just that."""
    shown = stream.shown(version)
    expected = stream.answer(shown)
    row, known = stream.recorded(stream.submit())
    assert known == expected
    assert row.question is (shown.question if version else None)
    assert row.suggested_version == (version.name if version else None)
    assert stream.stays(), "the page was loaded again"
    return shown


def walk(stream: Stream, version: ModelVersion, pages: int) -> Iterator[Shown]:
    """Answer pages, each of which must be the one with the lowest score that is left."""
    for _ in range(pages):
        queue = stream.queue(version)
        assert queue[stream.task] == min(queue.values()), "the page is not the next in the version's order"
        yield answered(stream, version)


def test_before_the_first_model_any_one_label_is_asked_for(stream: Stream) -> None:
    for _ in range(2):
        assert stream.page.get_by_text(ANY_ONE).is_visible()
        assert answered(stream, None).question is Question.TAG


def test_pages_come_in_the_order_of_the_scores_and_ask_in_words_what_keys_answer(
    stream: Stream, first: ModelVersion
) -> None:
    answered(stream, None)  # the page that was open before there was a model
    order, asked = list(stream.queue(first)), stream.asked_by(first)
    kinds = [asked[task].question for task in order[:FIRST]]
    assert set(kinds) >= set(ASKED), f"none of the first pages asks some kind: {kinds}"
    pages = 1 + max(kinds.index(kind) for kind in ASKED)
    walked = list(walk(stream, first, pages))
    assert [shown.task for shown in walked] == order[:pages]
    assert [shown.question for shown in walked] == kinds[:pages]


def test_after_a_retraining_the_next_page_follows_the_new_order_without_a_reload(
    stream: Stream, first: ModelVersion
) -> None:
    older = list(stream.queue(first))[1:]  # behind the page that is open
    second = stream.train()
    newer = [task for task in stream.queue(second) if task != stream.task]
    assert newer[:FIRST] != older[:FIRST], "the training changed nothing"
    answered(stream, first)
    assert [shown.task for shown in walk(stream, second, 3)] == newer[:3]


def test_clusters_take_turns_where_the_order_is_not_spread_itself(
    stream: Stream, first: ModelVersion
) -> None:
    before = stream.newest() or first
    wanted = ("--backbone", "handcrafted", "--questions", "tags", "--acquisition", "entropy")
    trained = stream.up.onetag("train", *wanted)
    assert trained.returncode == 0, trained.stderr
    version = stream.published(after=before.id)
    asked, order = stream.asked_by(version), list(stream.queue(version))
    groups = {asked[task].cluster for task in order}
    assert len(groups) > 2
    turn = [asked[task].cluster for task in order[: len(groups)]]
    assert sorted(turn) == sorted(groups), "each cluster has its turn before one has a second"
    opened = answered(stream, before)  # the page that was open before may have been a cluster's turn
    left = [task for task in order if task != opened.task]
    assert [shown.task for shown in walk(stream, version, len(groups))] == left[: len(groups)]
