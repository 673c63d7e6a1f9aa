"""Whatever is answered, renamed, archived and brought back: the record is as in a naive model."""

from __future__ import annotations

from dataclasses import dataclass, field

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
    names: list[str] = field(default_factory=list)  # that it had, the last one today's
    tasks: list[int] = field(default_factory=list)  # tagged with it

    @property
    def name(self) -> str:
        return self.names[-1]


class Naive:
    """The same project, with nothing in it that could go wrong."""

    def __init__(self) -> None:
        self.labels = [Known(word, names=[word]) for word in WORDS]

    def answer(self, task: int, word: str) -> None:
        next(each for each in self.labels if each.word == word).tasks.append(task)

    def can_be_called(self, label: Known, name: str) -> bool:
        others = {had.casefold() for each in self.labels if each is not label for had in each.names}
        return label.live and name != label.name and name.casefold() not in others

    def known(self) -> list[tuple[int, str, int]]:
        return sorted((task, each.name, 1) for each in self.labels if each.live for task in each.tasks)


def step(here: Here, naive: Naive, what: str, number: int, name: str) -> None:
    """Do the same to both."""
    label = naive.labels[number] if what in ("rename", "archive", "bring back") else naive.labels[0]
    live = sum(each.live for each in naive.labels)
    if what in ("answer", "late answer"):
        here.answer(number, name, build_config(WORDS) if what == "late answer" else None)
        here.event("PROJECT_UPDATED")
        naive.answer(number, name)
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
    elif what == "bring back" and not label.live:
        here.bring_back(label.name)
        label.live = True
    elif what == "replay":
        replay(here.store, everything=True)


@given(history=steps)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_record_is_as_in_a_naive_model(sqlite_store: Store, history: list[Step]) -> None:
    here = Here(sqlite_store, Standing(build_config(WORDS)), build_config(WORDS))
    naive = Naive()
    for what, number, name in history:
        step(here, naive, what, number, name)
        names = {each.name for each in naive.labels if each.live}
        assert set(here.live()) == names
        assert set(parse_config(here.studio.label_config).labels) == names
        assert [each for each in here.known() if each[1] in names] == naive.known()
    here.forget()
