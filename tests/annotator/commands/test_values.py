"""Labels and projects as they are named on a command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from annotator.commands.values import chosen_project, label_names
from annotator.errors import OnetagError
from annotator.store import Project, Store


def test_labels_are_listed_or_read_from_a_file(tmp_path: Path) -> None:
    assert label_names("cat, dog,,tree ") == ["cat", "dog", "tree"]
    (tmp_path / "labels.txt").write_text("Kätzchen\n\nbus stop, covered\n", encoding="utf-8")
    assert label_names(f"@{tmp_path / 'labels.txt'}") == ["Kätzchen", "bus stop, covered"]


def test_a_byte_order_mark_and_windows_lines_are_no_part_of_a_label(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_bytes(b"\xef\xbb\xbfcat\r\ndog\r\n")
    assert label_names(f"@{tmp_path / 'labels.txt'}") == ["cat", "dog"]


@pytest.mark.parametrize("name", ["ca\u200bt", "\u202ecat", "do\ufeffg"])
def test_an_invisible_character_is_refused_by_name(name: str) -> None:
    with pytest.raises(OnetagError, match=f"U\\+{max(map(ord, name)):04X}"):
        label_names(f"bird,{name}")


@pytest.mark.parametrize("text", ["", " , ", "cat,cat", "@nowhere.txt", "@"])
def test_what_names_no_labels_is_refused(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OnetagError):
        label_names(text)


def test_a_labels_file_that_is_not_text_says_what_it_should_be(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(OnetagError, match="One label a line, UTF-8"):
        label_names(f"@{tmp_path / 'labels.txt'}")


@pytest.fixture
def session(sqlite_store: Store) -> Iterator[Session]:
    """A session of an empty store."""
    with sqlite_store.session() as opened:
        yield opened


def add(session: Session, number: int | None, url: str | None = "http://studio") -> Project:
    project = Project(studio_url=url, studio_project=number, title=f"photos {number}", label_config="")
    session.add(project)
    session.flush()
    return project


def test_the_only_project_needs_no_name(session: Session) -> None:
    with pytest.raises(OnetagError, match="no project yet"):
        chosen_project(session, None)
    project = add(session, 3)
    assert chosen_project(session, None) is project
    assert chosen_project(session, "3") is project


def test_of_several_one_has_to_be_chosen(session: Session) -> None:
    add(session, 3)
    four = add(session, 4)
    assert chosen_project(session, "4") is four
    assert chosen_project(session, "photos 4") is four
    with pytest.raises(OnetagError, match=r"Several.*p1 \(photos 3, project 3 at http://studio\)"):
        chosen_project(session, None)
    with pytest.raises(OnetagError, match="no project 5"):
        chosen_project(session, "5")


def test_a_key_tells_two_projects_of_the_same_number_apart(session: Session) -> None:
    here, there, local = add(session, 1), add(session, 1, "http://other"), add(session, None, None)
    with pytest.raises(OnetagError, match=r"Several.*--project p1: p1 .*p2 ") as told:
        chosen_project(session, "1")
    assert local.key not in str(told.value), "only those that could be meant are named"
    assert chosen_project(session, here.key) is here
    assert chosen_project(session, there.key) is there
    assert chosen_project(session, local.key) is local
    with pytest.raises(OnetagError, match=r"p3 .photos None, without Label Studio"):
        chosen_project(session, None)
