"""Whatever is answered, renamed, archived, merged and brought back: the record is as in a naive model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotator.errors import OnetagError
from annotator.labelstudio.config import build_config, parse_config
from annotator.labelstudio.replay import replay
from annotator.store import Store
from tests.annotator.labelstudio.standing import Here, Standing

WORDS = ("cat", "dog", "tree")
NAMES = (*WORDS, "hound", "Hound", "oak")
Step = tuple[str, int, str]
steps = st.lists(
    st.one_of(
        st.tuples(st.just("answer"), st.integers(1, 3), st.sampled_from(WORDS)),
        st.tuples(st.just("late answer"), st.integers(1, 3), st.sampled_from(WORDS)),
        st.tuples(st.just("rename"), st.integers(0, 2), st.sampled_from(NAMES)),
        st.tuples(st.just("merge"), st.integers(0, 2), st.sampled_from(WORDS)),
        st.tuples(st.sampled_from(("archive", "bring back")), st.integers(0, 2), st.just("")),
        st.tuples(st.just("replay"), st.just(0), st.just("")),
    ),
    max_size=14,
)


@dataclass
class Known:
    """A label as people think of it: by the word that answers write, whatever it is called."""

    word: str
    live: bool = True
    into: Known | None = None
    names: list[str] = field(default_factory=list)  # that it had, the last one today's
    tasks: list[int] = field(default_factory=list)  # tagged with it

    @property
    def name(self) -> str:
        return self.names[-1]

    @property
    def meant(self) -> Known:
        """The label that it counts for."""
        return self if self.into is None else self.into.meant


class Naive:
    """The same project, with nothing in it that could go wrong."""

    def __init__(self) -> None:
        self.labels = [Known(word, names=[word]) for word in WORDS]

    def of(self, word: str) -> Known:
        return next(each for each in self.labels if each.word == word)

    def can_be_called(self, label: Known, name: str) -> bool:
        others = {had.casefold() for each in self.labels if each is not label for had in each.names}
        return label.live and name != label.name and name.casefold() not in others

    def known(self) -> list[tuple[int, str, int]]:
        said = [(task, each.meant) for each in self.labels for task in each.tasks]
        return sorted((task, label.name, 1) for task, label in said if label.live)


def step(here: Here, naive: Naive, earlier: dict[str, Any], what: str, number: int, name: str) -> None:
    """Do the same to both. earlier: the project as an event tells of it that comes late."""
    label = naive.labels[number % len(WORDS)]
    live = sum(each.live for each in naive.labels)
    if what in ("answer", "late answer"):
        here.answer(number, name, earlier if what == "late answer" else None)
        naive.of(name).tasks.append(number)
    elif what == "rename" and not naive.can_be_called(label, name):
        if label.live:
            with pytest.raises(OnetagError):
                here.rename(label.name, name)
    elif what == "rename":
        here.rename(label.name, name)
        label.names.append(name)
    elif what == "archive" and label.live and live > 1:
        here.archive(label.name)
        label.live = False
    elif what == "merge" and label.live and naive.of(name).live and label is not naive.of(name):
        here.merge(label.name, naive.of(name).name)
        label.live, label.into = False, naive.of(name)
    elif what == "bring back" and not label.live:
        here.bring_back(label.name)
        label.live, label.into = True, None
    elif what == "replay":
        replay(here.store, everything=True)


@given(history=steps)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_record_is_as_in_a_naive_model(sqlite_store: Store, history: list[Step]) -> None:
    here = Here(sqlite_store, Standing(build_config(WORDS)), build_config(WORDS))
    naive = Naive()
    earlier = here.studio.project(7)
    for what, number, name in history:
        now = here.studio.project(7)
        step(here, naive, earlier, what, number, name)
        earlier = now
        names = {each.name for each in naive.labels if each.live}
        assert set(here.live()) == names
        assert set(parse_config(here.studio.label_config).labels) == names
        assert [each for each in here.known() if each[1] in names] == naive.known()
    here.forget()
