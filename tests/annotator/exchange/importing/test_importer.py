"""Importing into the store: what is claimed is what becomes known, once, and nothing else does."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select

from annotator.errors import OnetagError
from annotator.exchange.importing import (
    LabelFile,
    NewLabels,
    choose_import_format,
    folder_target,
    labels_of,
    project_target,
)
from annotator.exchange.importing.entry import Progress, nobody
from annotator.exchange.importing.importer import import_labels
from annotator.store import (
    Annotation,
    Claim,
    Image,
    Import,
    Observation,
    Observed,
    Project,
    Source,
    Store,
    Submission,
    observed_matrix,
    record_annotation,
    sync_labels,
)
from annotator.store.types import utc_now
from tests.annotator.exchange.importing.conftest import Bring, Files, known, no_bar

LISTED = "image,labels\na.jpg,cat|dog\nb.jpg,\nc.jpg,tree\n"
MARKED = "image,cat,dog,tree\na.jpg,1,1,0\nb.jpg,0,,0\nc.jpg,0,0,1\n"


@pytest.fixture
def folder(pictures: Files) -> Path:
    return pictures("a.jpg", "b.jpg", "c.jpg", "d.jpg")


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_that_lies_too_deep_to_be_found_again_is_refused(
    store: Store, folder: Path, tmp_path: Path, bring: Bring
) -> None:
    deep = tmp_path.joinpath(*["d" * 200] * 13)
    deep.mkdir(parents=True)
    with pytest.raises(OnetagError, match=r"labels\.csv has .* bytes"):
        bring(store, write(deep / "labels.csv", LISTED), folder)
    with store.reading() as session:
        assert session.scalars(select(Project)).all() == []


def test_only_what_is_named_is_known(store: Store, folder: Path, tmp_path: Path, bring: Bring) -> None:
    report = bring(store, write(tmp_path / "labels.csv", LISTED), folder)
    assert known(store) == {"a.jpg": {"cat": 1, "dog": 1}, "c.jpg": {"tree": 1}}
    assert (report.images, report.matched, report.unnamed, report.unnamed_names) == (3, 3, 1, ["d.jpg"])
    assert (report.present, report.absent, report.standing, report.retired) == (3, 0, 0, 0)
    assert (report.images_added, report.new_labels) == (4, ["cat", "dog", "tree"])


def test_a_renamed_label_may_be_named_as_before(
    store: Store, folder: Path, tmp_path: Path, bring: Bring
) -> None:
    file = write(tmp_path / "labels.csv", MARKED)
    bring(store, file, folder, Claim.VERIFIED)
    with store.session() as session:
        project = session.scalars(select(Project)).one()
        sync_labels(session, project, ["cat", "hound", "tree"], renamed={"dog": "hound"})
    again = bring(store, file, folder, Claim.VERIFIED)
    assert (again.present + again.absent, again.retired, again.new_labels) == (0, 0, [])
    assert again.renamed_labels == {"dog": "hound"}
    assert known(store)["a.jpg"] == {"cat": 1, "hound": 1, "tree": -1}
    both = bring(store, write(tmp_path / "both.csv", "image,dog,hound\nb.jpg,1,0\nd.jpg,1,\n"), folder)
    assert known(store)["d.jpg"] == {"hound": 1}
    assert both.renamed_labels == {"dog": "hound"}


def test_a_label_that_is_renamed_while_its_file_is_read_is_still_the_same(
    store: Store, folder: Path, tmp_path: Path, bring: Bring
) -> None:
    file = write(tmp_path / "labels.csv", LISTED)
    bring(store, file, folder)
    with store.session() as session:
        project = session.scalars(select(Project)).one()
        before = project_target(store, project.id)
        sync_labels(session, project, ["cat", "hound", "tree"], renamed={"dog": "hound"})
    again = import_labels(store, LabelFile(file, choose_import_format(file)), before, no_bar)
    assert (again.standing, again.present, again.retired) == (3, 0, 0)


def test_a_label_that_was_archived_comes_back_only_where_that_is_said(
    store: Store, folder: Path, tmp_path: Path, bring: Bring
) -> None:
    file = write(tmp_path / "labels.csv", LISTED)
    bring(store, file, folder)
    with store.session() as session:
        sync_labels(session, session.scalars(select(Project)).one(), ["cat", "tree"], by="Ann")
    with pytest.raises(OnetagError, match=r"brings back those that are archived: dog\)"):
        bring(store, file, folder)
    assert bring(store, file, folder, new_labels=NewLabels(skip=True)).skipped_labels == ["dog"]
    assert known(store)["a.jpg"]["dog"] == 1, "what the file still says stays on record until then"
    for dry_run in (True, False):
        back = bring(store, file, folder, new_labels=NewLabels(add=True), dry_run=dry_run)
        assert (back.standing, back.present, back.retired) == (3, 0, 0)


def test_a_complete_file_makes_absent_what_it_does_not_name(
    store: Store, folder: Path, tmp_path: Path, bring: Bring
) -> None:
    report = bring(store, write(tmp_path / "labels.csv", LISTED), folder, Claim.COMPLETE)
    assert known(store) == {
        "a.jpg": {"cat": 1, "dog": 1, "tree": -1},
        "b.jpg": {"cat": -1, "dog": -1, "tree": -1},
        "c.jpg": {"cat": -1, "dog": -1, "tree": 1},
    }, "and an image that it does not name stays unknown"
    assert (report.present, report.absent) == (3, 6)


@pytest.mark.parametrize("claim", [Claim.VERIFIED, Claim.COMPLETE])
def test_an_unknown_of_the_file_is_never_absent(
    store: Store, folder: Path, tmp_path: Path, bring: Bring, claim: Claim
) -> None:
    bring(store, write(tmp_path / "labels.csv", MARKED), folder, claim)
    assert known(store)["b.jpg"] == {"cat": -1, "tree": -1}
    assert known(store)["a.jpg"] == {"cat": 1, "dog": 1, "tree": -1}


def test_what_a_table_marks_absent_needs_to_be_claimed(
    store: Store, folder: Path, tmp_path: Path, bring: Bring
) -> None:
    bring(store, write(tmp_path / "labels.csv", MARKED), folder)
    assert known(store) == {"a.jpg": {"cat": 1, "dog": 1}, "c.jpg": {"tree": 1}}


def test_one_label_an_image_is_checked(store: Store, folder: Path, tmp_path: Path, bring: Bring) -> None:
    file = write(tmp_path / "labels.csv", LISTED)
    with pytest.raises(OnetagError, match=r"more than one label.*a\.jpg"):
        bring(store, file, folder, Claim.SINGLE)
    assert known(store) == {}
    bring(store, write(file, "image,label\na.jpg,cat\nc.jpg,dog\n"), folder, Claim.SINGLE)
    assert known(store) == {"a.jpg": {"cat": 1}, "c.jpg": {"dog": 1}}


def test_a_format_without_negatives_cannot_be_verified(
    store: Store, pictures: Files, bring: Bring, tmp_path: Path
) -> None:
    tree = pictures("cat/a.jpg", folder=tmp_path / "tree")
    with pytest.raises(OnetagError, match="cannot say that a label is absent"):
        bring(store, tree, tree, Claim.VERIFIED)


def test_an_import_is_on_record_with_its_file_and_its_time(
    store: Store, folder: Path, tmp_path: Path, bring: Bring
) -> None:
    before = utc_now()
    file = write(tmp_path / "labels.csv", LISTED)
    bring(store, file, folder)
    with store.reading() as session:
        (record,) = session.scalars(select(Import)).all()
        observations = session.scalars(select(Observation)).all()
    assert record.name == str(file.resolve())
    assert (record.format, record.claim, len(record.digest)) == ("csv", Claim.POSITIVE, 64)
    assert record.finished_at is not None
    assert before <= record.started_at <= record.finished_at <= utc_now()
    assert {(each.source, each.import_id, each.annotation_id) for each in observations} == {
        (Source.IMPORTED, record.id, None)
    }


def test_the_same_file_twice_adds_nothing(store: Store, folder: Path, tmp_path: Path, bring: Bring) -> None:
    file = write(tmp_path / "labels.csv", MARKED)
    bring(store, file, folder, Claim.COMPLETE)
    again = bring(store, file, folder, Claim.COMPLETE)
    assert (again.present, again.absent, again.standing, again.retired) == (0, 0, 8, 0)
    assert (again.images_added, again.images_removed) == (0, 0)
    with store.reading() as session:
        assert session.scalar(select(func.count(Import.id))) == 1
        assert session.scalar(select(func.count(Observation.id))) == 8


def test_a_file_that_was_moved_is_the_same_file(
    store: Store, folder: Path, tmp_path: Path, bring: Bring
) -> None:
    file = write(tmp_path / "labels.csv", MARKED)
    bring(store, file, folder)
    moved = file.rename(tmp_path / "renamed.csv")
    assert bring(store, moved, folder).present == 0
    changed = bring(store, write(moved, MARKED.replace("c.jpg,0,0,1", "c.jpg,1,0,0")), folder)
    assert (changed.present, changed.standing, changed.retired) == (1, 2, 1)


def test_a_changed_file_takes_back_what_it_said(
    store: Store, folder: Path, tmp_path: Path, bring: Bring
) -> None:
    file = write(tmp_path / "labels.csv", LISTED)
    bring(store, file, folder, Claim.COMPLETE)
    changed = "image,labels\na.jpg,cat\nd.jpg,bird\nb.jpg,\n"
    report = bring(store, write(file, changed), folder, Claim.COMPLETE, new_labels=NewLabels(add=True))
    assert known(store) == {
        "a.jpg": {"cat": 1, "bird": -1},
        "b.jpg": {"cat": -1, "bird": -1},
        "d.jpg": {"cat": -1, "bird": 1},
    }
    assert (report.present, report.absent, report.standing, report.retired) == (1, 3, 2, 7)
    with store.reading() as session:
        assert session.scalar(select(func.count(Import.id))) == 2
        assert session.scalar(select(func.count(Observation.id))) == 13, "nothing is deleted"


def test_two_files_stand_beside_each_other(store: Store, folder: Path, tmp_path: Path, bring: Bring) -> None:
    one, two = tmp_path / "train" / "labels.csv", tmp_path / "val" / "labels.csv"
    for file in (one, two):
        file.parent.mkdir()
    bring(store, write(one, "image,labels\na.jpg,cat\n"), folder)
    bring(store, write(two, "image,labels\nb.jpg,cat\n"), folder)
    assert known(store) == {"a.jpg": {"cat": 1}, "b.jpg": {"cat": 1}}


def test_a_dry_run_says_the_same_and_writes_nothing(
    store: Store, folder: Path, tmp_path: Path, bring: Bring
) -> None:
    file = write(tmp_path / "labels.csv", LISTED)
    dry = bring(store, file, folder, Claim.COMPLETE, dry_run=True)
    with store.reading() as session:
        for table in (Project, Image, Import, Observation):
            assert session.scalar(select(func.count()).select_from(table)) == 0
    real = bring(store, file, folder, Claim.COMPLETE)
    assert (dry.present, dry.absent, dry.matched) == (real.present, real.absent, real.matched)
    write(file, "image,labels\na.jpg,dog\nb.jpg,tree\n")
    again = bring(store, file, folder, Claim.COMPLETE, dry_run=True)
    assert again.new_labels == []
    real = bring(store, file, folder, Claim.COMPLETE)
    numbers = [
        (each.present, each.absent, each.standing, each.retired, each.unnamed) for each in (again, real)
    ]
    assert numbers[0] == numbers[1] == (1, 0, 3, 6, 2)


def test_contradictions_of_a_file_stay_unknown_and_are_told(
    store: Store, folder: Path, tmp_path: Path, bring: Bring
) -> None:
    text = MARKED + "a.jpg,1,0,0\n"
    report = bring(store, write(tmp_path / "labels.csv", text), folder, Claim.VERIFIED)
    assert known(store)["a.jpg"] == {"cat": 1, "tree": -1}
    assert (report.twice, report.twice_names) == (1, ["a.jpg"])
    assert (report.contradictions, report.contradicted) == (1, ["a.jpg: dog"])


def test_an_image_named_twice_alike_is_no_contradiction(
    store: Store, folder: Path, tmp_path: Path, bring: Bring
) -> None:
    text = MARKED + "./a.jpg,1,1,0\n"
    report = bring(store, write(tmp_path / "labels.csv", text), folder, Claim.COMPLETE)
    assert known(store)["a.jpg"] == {"cat": 1, "dog": 1, "tree": -1}
    assert (report.twice, report.contradictions, report.matched) == (1, 0, 3)


def test_images_that_are_missing_or_could_be_several_are_told(
    store: Store, pictures: Files, tmp_path: Path, bring: Bring
) -> None:
    folder = pictures("one/a.jpg", "two/a.jpg", "b.jpg")
    text = "image,labels\na.jpg,cat\nb.jpg,dog\ngone.jpg,tree\n"
    report = bring(store, write(tmp_path / "labels.csv", text), folder)
    assert known(store) == {"b.jpg": {"dog": 1}}
    assert (report.missing, report.missing_names) == (1, ["gone.jpg"])
    assert (report.several, report.several_names) == (1, ["a.jpg"])
    assert (report.unnamed, report.unnamed_names) == (2, ["one/a.jpg", "two/a.jpg"])


def test_a_file_of_other_images_is_refused(store: Store, folder: Path, tmp_path: Path, bring: Bring) -> None:
    file = write(tmp_path / "labels.csv", "image,labels\nx/1.png,cat\n")
    with pytest.raises(OnetagError, match=r"none of its 1 images .* 'x/1\.png', the project has 'a\.jpg'"):
        bring(store, file, folder)


def test_labels_that_the_project_lacks_are_refused_added_or_left_out(
    store: Store, folder: Path, tmp_path: Path, bring: Bring
) -> None:
    bring(store, write(tmp_path / "first.csv", "image,labels\na.jpg,cat\n"), folder)
    file = write(tmp_path / "second.csv", "image,labels\nb.jpg,cat;bird\nc.jpg,fox\n")
    with pytest.raises(OnetagError, match=r"lacks: bird, fox.*--add-labels"):
        bring(store, file, folder)
    asked: list[list[str]] = []

    def no(labels: list[str]) -> bool:
        asked.append(labels)
        return False

    with pytest.raises(OnetagError, match="lacks: bird, fox"):
        bring(store, file, folder, new_labels=NewLabels(ask=no))
    assert asked == [["bird", "fox"]]
    report = bring(store, file, folder, Claim.COMPLETE, new_labels=NewLabels(skip=True))
    assert report.skipped_labels == ["bird", "fox"]
    assert known(store) == {"a.jpg": {"cat": 1}, "b.jpg": {"cat": 1}, "c.jpg": {"cat": -1}}
    report = bring(store, file, folder, Claim.COMPLETE, new_labels=NewLabels(ask=lambda labels: True))
    assert report.new_labels == ["bird", "fox"]
    assert known(store)["c.jpg"] == {"cat": -1, "bird": -1, "fox": 1}
    assert known(store)["a.jpg"] == {"cat": 1}, "of what the other file could not name it says nothing"


def test_labels_are_compared_as_everywhere_else(
    store: Store, folder: Path, tmp_path: Path, bring: Bring
) -> None:
    text = "image,labels\na.jpg,nai\u0308ve  cat \nb.jpg,na\u00efve cat\n"
    bring(store, write(tmp_path / "labels.csv", text), folder)
    assert known(store) == {"a.jpg": {"naïve cat": 1}, "b.jpg": {"naïve cat": 1}}


def test_a_broken_file_writes_nothing_at_all(
    store: Store, folder: Path, tmp_path: Path, bring: Bring
) -> None:
    file = write(tmp_path / "labels.csv", MARKED + "d.jpg,1,0\n")
    with pytest.raises(OnetagError, match="line 5 has 3 cells, where the first line has 4"):
        bring(store, file, folder)
    with store.reading() as session:
        assert session.scalar(select(func.count(Project.id))) == 0


def test_files_that_come_and_go_are_followed(
    store: Store, folder: Path, tmp_path: Path, bring: Bring, pictures: Files
) -> None:
    file = write(tmp_path / "labels.csv", LISTED)
    bring(store, file, folder)
    (folder / "a.jpg").unlink()
    pictures("e.jpg")
    report = bring(store, file, folder)
    assert (report.images_added, report.images_removed, report.missing_names) == (1, 1, ["a.jpg"])
    with store.reading() as session:
        project = session.scalars(select(Project)).one()
        matrix = observed_matrix(session, project.id)
    assert len(matrix.image_ids) == 4
    assert matrix.values.sum() == 1, "what was said of the removed one counts no more"
    pictures("a.jpg")
    assert bring(store, file, folder).standing == 3, "and is there again with it"


def test_what_a_person_said_is_never_overruled(
    store: Store, make_project: Callable[..., Project], tmp_path: Path
) -> None:
    with store.session() as session:
        project = make_project(session)
        image = session.scalars(select(Image).where(Image.studio_task == 101)).one()
        said = [Observed("cat", 1, Source.TAG), Observed("dog", -1, Source.REJECTED)]
        record_annotation(
            session,
            project,
            image,
            Submission(1, [{"said": 1}], False, "ann", None, None, None, said, utc_now()),
        )
        project_id = project.id
    for name in ("one.csv", "two.csv"):
        file = LabelFile(
            write(tmp_path / name, "image,cat,dog,tree\n1.jpg,0,1,1\n2.jpg,1,0,\n"),
            choose_import_format(tmp_path / name),
            Claim.VERIFIED,
        )
        import_labels(store, file, project_target(store, project_id), no_bar)
    with store.reading() as session:
        matrix = observed_matrix(session, project_id)
        assert session.scalars(select(Annotation.retired_at)).all() == [None]
    assert matrix.values.tolist() == [[1, -1, 1], [1, -1, 0], [0, 0, 0]]
    assert matrix.conflicts == 0


def test_two_files_that_disagree_leave_unknown(
    store: Store, folder: Path, tmp_path: Path, bring: Bring
) -> None:
    bring(store, write(tmp_path / "one.csv", "image,cat,dog\na.jpg,1,1\n"), folder, Claim.VERIFIED)
    bring(store, write(tmp_path / "two.csv", "image,cat,dog\na.jpg,0,1\n"), folder, Claim.VERIFIED)
    with store.reading() as session:
        matrix = observed_matrix(session, session.scalars(select(Project.id)).one())
    assert matrix.values[0].tolist() == [0, 1]
    assert matrix.conflicts == 1


KILLED = """
import os, signal, sys
from pathlib import Path
import annotator.exchange.importing.writer as writer
from annotator.exchange.importing import LabelFile, choose_import_format, folder_target, import_labels
from annotator.store import Claim, open_store
from tests.annotator.exchange.importing.conftest import no_bar

writer.IMAGES_AT_ONCE = 10
follow, calls = writer.follow_file, []

def dying(*arguments, **options):
    calls.append(1)
    if len(calls) > 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return follow(*arguments, **options)

writer.follow_file = dying
store, file, folder = open_store(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
target = folder_target(store, folder, None, lambda done, total: None)
import_labels(store, LabelFile(file, choose_import_format(file), Claim.COMPLETE), target, no_bar)
"""


def test_after_a_kill_in_the_middle_the_same_command_goes_on(
    store: Store, pictures: Files, tmp_path: Path, bring: Bring
) -> None:
    names = [f"{number:03}.jpg" for number in range(100)]
    folder = pictures(*names)
    lines = [f"{name},{number % 2},1" for number, name in enumerate(names)]
    file = write(tmp_path / "labels.csv", "image,cat,dog\n" + "\n".join(lines) + "\n")
    url = store.url.render_as_string(hide_password=False)
    killed = subprocess.run([sys.executable, "-c", KILLED, url, str(file), str(folder)], cwd=Path.cwd())
    assert killed.returncode == -signal.SIGKILL
    with store.reading() as session:
        assert session.scalars(select(Import.finished_at)).all() == [None]
        assert session.scalar(select(func.count(Observation.id))) == 60
    report = bring(store, file, folder, Claim.COMPLETE)
    assert (report.standing, report.present, report.absent, report.retired) == (60, 105, 35, 0)
    assert known(store) == {name: {"cat": 1 if n % 2 else -1, "dog": 1} for n, name in enumerate(names)}
    with store.reading() as session:
        assert len(session.scalars(select(Import)).all()) == 1


def test_progress_is_told_of_reading_and_writing(sqlite_store: Store, folder: Path, tmp_path: Path) -> None:
    told: dict[str, list[tuple[int, int]]] = {}

    @contextmanager
    def bar(title: str) -> Iterator[Progress]:
        yield lambda done, total: told.setdefault(title, []).append((done, total))

    file = write(tmp_path / "labels.csv", LISTED)
    label_file = LabelFile(file, choose_import_format(file))
    import_labels(sqlite_store, label_file, folder_target(sqlite_store, folder, None, nobody), bar)
    size = file.stat().st_size
    assert told["Reading labels.csv"][-1] == (size, size)
    assert told["Writing labels"] == [(3, 3)]


def test_the_labels_of_a_file_are_told_in_its_order(tmp_path: Path) -> None:
    file = write(tmp_path / "labels.csv", MARKED)
    assert labels_of(LabelFile(file, choose_import_format(file)), no_bar) == ["cat", "dog", "tree"]


def test_ten_thousand_labels(sqlite_store: Store, folder: Path, tmp_path: Path, bring: Bring) -> None:
    names = [f"label {number}" for number in range(10_000)]
    rows = "".join(f"{name}," + ",".join("01"[n % 7 == k] for n in range(10_000)) + "\n"
                   for k, name in enumerate(("a.jpg", "b.jpg")))  # fmt: skip
    file = write(tmp_path / "labels.csv", f"image,{','.join(names)}\n{rows}")
    report = bring(sqlite_store, file, folder, Claim.COMPLETE)
    assert (report.labels, report.present, report.absent) == (10_000, 2_858, 17_142)
    assert bring(sqlite_store, file, folder, Claim.COMPLETE).standing == 20_000
