"""`onetag status` and the options that commands share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from annotator.commands.status import _show, collect, status
from annotator.commands.values import chosen_project, label_names
from annotator.errors import OnetagError
from annotator.labelstudio.config import build_config
from annotator.settings import Settings
from annotator.store import (
    Annotation,
    Claim,
    Image,
    ModelVersion,
    Observed,
    Project,
    RunReason,
    Source,
    Store,
    Submission,
    follow_file,
    get_or_create_folder_project,
    observed_matrix,
    open_current,
    open_import,
    queue_run,
    record_annotation,
    sync_folder_images,
    sync_images,
    sync_labels,
)
from annotator.store.last_failures import remembered
from annotator.store.states import Review, Unusable, Unused, Work
from annotator.store.types import utc_now
from annotator.store.versions import use_version

NOW = datetime.now(UTC)


def a_project(store: Store, number: int = 7) -> int:
    with store.session() as session:
        project = Project(
            studio_url="http://127.0.0.1:8080",
            studio_project=number,
            title=f"birds {number}",
            label_config="",
        )
        session.add(project)
        session.flush()
        sync_labels(session, project, ["cat", "dog"])
        sync_images(session, project.id, {1: "a.png", 2: "b.png", 3: "c.png"})
        return project.id


def test_a_store_without_a_project_has_no_rows(sqlite_store: Store) -> None:
    assert collect(sqlite_store) == []


def test_what_fails_is_told_with_its_moment_and_its_cure(
    sqlite_store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    project_id = a_project(sqlite_store)
    error = OnetagError("Label Studio does not answer.", "Start it.")
    with pytest.raises(OnetagError), remembered(sqlite_store, project_id, Work.RECONCILE):
        raise error
    (row,) = collect(sqlite_store)
    (failure,) = row["failures"]
    assert (failure["work"], failure["error"], failure["times"]) == ("reconcile", str(error), 1)
    _show([row])
    line = next(line for line in capsys.readouterr().out.splitlines() if "fails" in line)
    assert f"reconcile ({failure['failed_at']:%Y-%m-%d %H:%M} UTC)" in line


def test_a_version_that_somebody_went_back_to_is_told_with_what_becomes_of_it(
    sqlite_store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    project_id = a_project(sqlite_store)
    with sqlite_store.session() as session:
        for name in ("v0001-a", "v0002-b"):
            version = ModelVersion(project_id=project_id, name=name, labels=[], label_ids=[], folder="")
            version.backbone = ""
            session.add(version)
            session.flush()
            use_version(session, version, pinned=False)

    def line() -> str:
        _show(collect(sqlite_store))
        return next(line for line in capsys.readouterr().out.splitlines() if "model version" in line)

    assert line().split("model version")[1].strip() == "v0002-b"
    for pinned, told in ((False, ""), (True, "; pinned")):
        with sqlite_store.session() as session:
            use_version(session, session.get_one(ModelVersion, 1), pinned=pinned)
        assert f"v0001-a (1 newer ones are not used{told})" in line()


def test_a_row_counts_what_people_said(sqlite_store: Store) -> None:
    project_id = a_project(sqlite_store)
    with sqlite_store.session() as session:
        project = session.get_one(Project, project_id)
        images = session.query(Image).order_by(Image.studio_task).all()
        for number, (image, observed, skipped) in enumerate(
            [
                (images[0], [Observed("cat", 1, Source.TAG), Observed("dog", -1, Source.REJECTED)], False),
                (images[1], [], True),
            ]
        ):
            record_annotation(
                session,
                project,
                image,
                Submission(
                    studio_annotation=number,
                    result=[],
                    skipped=skipped,
                    annotator="1",
                    lead_time=1.0,
                    suggested_version=None,
                    suggested=None,
                    observed=observed,
                    at=datetime.now(UTC),
                ),
            )
        queue_run(session, project_id, RunReason.NEW_OBSERVATIONS)
    (row,) = collect(sqlite_store)
    assert (row["images"], row["labels"], row["images_answered"], row["skips"]) == (3, 2, 1, 1)
    assert (row["observed_present"], row["observed_absent"]) == (1, 1)
    assert (row["version"], row["training"]["state"]) == (None, "queued")


def test_what_is_not_used_is_told_with_its_reason(
    sqlite_store: Store, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    project_id = a_project(sqlite_store)
    with sqlite_store.session() as session:
        project = session.get_one(Project, project_id)
        image = session.query(Image).order_by(Image.studio_task).first()
        assert image is not None
        image.unusable, image.problem = Unusable.NO_IMAGE, "It is no [image]. Upload it again."
        submission = Submission(1, [], False, "ann", None, None, None, [Observed("cat", 1, Source.TAG)], NOW)
        record_annotation(session, project, image, submission)
        sync_labels(session, project, ["dog"])
    (row,) = collect(sqlite_store)
    assert (row["key"], row["labels"], row["observed_present"]) == (f"p{project_id}", 1, 0)
    assert row["archived_labels"] == [{"name": "cat", "answers": 1, "present": 1, "absent": 0}]
    status(data_dir=tmp_path, database_url=None, acceptance_limit=None, json=False)
    shown = " ".join(capsys.readouterr().out.split())
    assert f"(p{project_id}, project 7 at http://127.0.0.1:8080)" in shown
    assert "1 images: task 1: It is no [image]. Upload it again." in shown
    assert "cat: 1 answers are kept, and count again when the label is back" in shown


def test_answers_that_are_not_used_are_told_and_do_not_count(sqlite_store: Store) -> None:
    project_id = a_project(sqlite_store)
    with sqlite_store.session() as session:
        project = session.get_one(Project, project_id)
        project.label_config = build_config(["cat", "dog"])
        image = session.query(Image).order_by(Image.studio_task).first()
        assert image is not None
        now = datetime.now(UTC)
        unknown = Submission(1, [], False, "1", 1.0, None, None, [], now, unmatched=["zebra"])
        record_annotation(session, project, image, replace(unknown, unused=Unused.UNKNOWN_LABEL))
    (row,) = collect(sqlite_store)
    assert row["images_answered"] == 0
    (unused,) = row["answers_unused"]
    assert (unused["reason"], unused["answers"]) == ("unknown label", 1)
    assert "zebra (tasks 1)" in unused["detail"]
    assert "2 labels in 'label'" in row["label_config"]


def test_the_only_project_needs_no_number(sqlite_store: Store) -> None:
    project_id = a_project(sqlite_store)
    with sqlite_store.reading() as session:
        assert chosen_project(session, None).id == chosen_project(session, "7").id == project_id


@pytest.mark.parametrize(("wanted", "told"), [(None, "Several"), ("9", "no project 9")])
def test_a_project_that_could_not_be_meant_is_told_with_those_there_are(
    sqlite_store: Store, wanted: str | None, told: str
) -> None:
    a_project(sqlite_store, 7)
    a_project(sqlite_store, 8)
    with sqlite_store.reading() as session, pytest.raises(OnetagError, match=f"{told}.*--project.*birds 7"):
        chosen_project(session, wanted)


def test_no_project_at_all_says_how_to_start(sqlite_store: Store) -> None:
    with sqlite_store.reading() as session, pytest.raises(OnetagError, match="onetag up"):
        chosen_project(session, None)


def test_labels_come_from_the_line_or_from_a_file(tmp_path: Path) -> None:
    assert label_names("cat, dog ,,ein Baum") == ["cat", "dog", "ein Baum"]
    file = tmp_path / "labels.txt"
    file.write_text("猫\n\nred & blue\n", encoding="utf-8")
    assert label_names(f"@{file}") == ["猫", "red & blue"]
    assert len(label_names(",".join(f"label {number}" for number in range(500)))) == 500


@pytest.mark.parametrize("text", ["", " , ", "cat,dog,cat", "@/nowhere/labels.txt"])
def test_labels_that_cannot_be_used_are_refused(text: str) -> None:
    with pytest.raises(OnetagError):
        label_names(text)


def test_a_store_that_was_never_set_up_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OnetagError, match="onetag"):
        open_current(Settings(data_dir=tmp_path))


def test_a_project_of_a_folder_says_so_and_what_files_told(
    sqlite_store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with sqlite_store.session() as session:
        project = get_or_create_folder_project(session, tmp_path, "[photos]", "")
        sync_labels(session, project, ["cat"])
        sync_folder_images(session, project.id, {"a.png": utc_now(), "b.png": utc_now()})
        record = open_import(session, project.id, name="/f", form="csv", claim=Claim.COMPLETE, digest="1")
        matrix = observed_matrix(session, project.id)
        values = np.array([[1], [-1]], dtype=np.int8)
        follow_file(session, [record.id], matrix.image_ids, matrix.label_ids, values)
    (row,) = collect(sqlite_store)
    assert (row["project"], row["image_folder"]) == (None, str(tmp_path))
    assert (row["observed_present"], row["observed_absent"], row["observed_imported"]) == (1, 1, 2)
    _show([row])
    said = capsys.readouterr().out
    assert "[photos] (p1, without Label Studio, images in" in said
    assert "1 present, 1 absent, 2 of them from files" in said


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ([1], "expects labels by their names, but not [person]: tags alone tell these"),
        ([], "expects every label by its name"),
        (None, None),
    ],
)
def test_which_labels_the_backbone_expects_by_name_is_told(
    sqlite_store: Store, capsys: pytest.CaptureFixture[str], columns: list[int] | None, told: str | None
) -> None:
    project_id = a_project(sqlite_store)
    with sqlite_store.session() as session:
        version = ModelVersion(
            project_id=project_id,
            name="v1",
            labels=["dog", "[person]"],
            label_ids=[1, 2],
            folder="v1",
            backbone="x",
            metrics={"not_expected_by_name": columns},
        )
        session.add(version)
        session.flush()
        session.get_one(Project, project_id).active_version_id = version.id
    (row,) = collect(sqlite_store)
    assert row["not_expected_by_name"] == (None if columns is None else ["[person]"] * len(columns))
    _show([row])
    shown = " ".join(capsys.readouterr().out.split())
    assert ("by name" in shown) is (told is not None)
    assert told is None or told in shown


def test_what_answers_cost_is_told_and_a_prior_is_called_one(
    sqlite_store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    project_id = a_project(sqlite_store)
    with sqlite_store.session() as session:
        project = session.get_one(Project, project_id)
        image = session.query(Image).first()
        assert image is not None
        for number in range(31):
            tag = Submission(
                studio_annotation=number,
                result=[],
                skipped=False,
                annotator="ann",
                lead_time=4.0 if number else 900.0,
                suggested_version=None,
                suggested=None,
                observed=[Observed("cat", 1, Source.TAG)],
                at=NOW,
            )
            record_annotation(session, project, image, tag)
        without = replace(tag, studio_annotation=31, lead_time=None)
        record_annotation(session, project, image, without)
    (row,) = collect(sqlite_store)
    measured = {"question": "tag one", "seconds": 4.0, "measured": True, "answers": 30, "breaks": 1}
    assert measured.items() <= row["costs"][0].items()
    assert ({"annotator": "ann"} | measured).items() <= row["costs_by_annotator"][0].items()
    assert row["answers_untimed"] == 1
    _show([row])
    told = " ".join(capsys.readouterr().out.split())
    assert "an answer costs 1 answers tell no time of a person" in told
    assert "tag one 4.0 s, mostly 4.0 to 4.0 (30 answers, 1 breaks cut out)" in told
    assert "is it there 0.9 s (a prior: Speed Labeling, GI 2024)" in told


def test_of_a_large_record_the_newest_is_looked_at_and_status_says_so(
    sqlite_store: Store,
    make_project: Callable[..., Project],
    annotate: Callable[..., Annotation | None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("annotator.commands.status.NEWEST", 40)
    monkeypatch.setattr("annotator.commands.status.NEWEST_SHARED", 4)
    absent, confirmed = Observed("dog", -1, Source.COMPLETE), Observed("dog", 1, Source.CONFIRMED)
    with sqlite_store.session() as session:
        project = make_project(session, images=50)
        for task in range(101, 151):
            annotate(session, project, "cat", task=task, number=task, annotator="ann", lead_time=2.0)
        for task in range(101, 106):
            said = {"task": task, "review": Review.SUGGESTIONS, "lead_time": None}
            annotate(session, project, number=task + 50, annotator="careful", observed=[absent], **said)
            annotate(session, project, number=task + 100, annotator="lazy", observed=[confirmed], **said)
    (row,) = collect(sqlite_store)
    assert row["costs_of_answers"] == 40
    assert (row["agreement"]["shared_images"], row["agreement"]["whole"]) == (4, False)
    assert row["acceptance"][0]["known_absent"] == 4
    _show([row])
    told = " ".join(capsys.readouterr().out.split())
    assert "an answer costs of the newest 40 answers; 10 answers tell no time of a person" in told
    assert "several annotators the newest 4 shared images" in told
    assert "lazy: 4 of 4" in told
    assert "too many: trainings, which look at all shared images, leave such confirmations out" in told


def test_who_accepts_what_is_not_there_is_told(
    sqlite_store: Store,
    make_project: Callable[..., Project],
    annotate: Callable[..., Annotation | None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    absent, confirmed = Observed("dog", -1, Source.COMPLETE), Observed("dog", 1, Source.CONFIRMED)
    with sqlite_store.session() as session:
        project = make_project(session, images=5)
        for task in range(101, 106):
            said = {"task": task, "review": Review.SUGGESTIONS}
            annotate(session, project, number=task, annotator="lazy", observed=[confirmed], **said)
            annotate(session, project, number=task + 50, annotator="careful", observed=[absent], **said)
    (row,) = collect(sqlite_store)
    (found,) = row["acceptance"]
    assert found == {
        "annotator": "lazy",
        "known_absent": 5,
        "accepted": 5,
        "rate": 1.0,
        "interval": [0.5655, 1.0],
        "flagged": True,
    }
    _show([row])
    told = " ".join(capsys.readouterr().out.split())
    assert "accepts the absent lazy: 5 of 5 (57% to 100%); too many: trainings leave such" in told
    assert not collect(sqlite_store, 0.6)[0]["acceptance"][0]["flagged"]


def test_the_next_hour_is_told_by_what_each_kind_brings(
    sqlite_store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    a_project(sqlite_store)
    (row,) = collect(sqlite_store)
    # Two labels: either kind of answer is taken to cost 5 s, and a complete image to be worth 3 tags.
    assert row["next_hour"] == [
        {"question": "mark all", "answers": 720, "worth": 3.0, "tags": 2160.0},
        {"question": "tag one", "answers": 720, "worth": 1.0, "tags": 720.0},
    ]
    _show([row])
    told = " ".join(capsys.readouterr().out.split())
    assert "mark all brings 2160, tag one brings 720 tags' worth; `onetag plan` measures it" in told
