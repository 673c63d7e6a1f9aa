"""Label Studio's JSON export, a real one first: what people said, and never what a model did."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from annotator.errors import OnetagError
from annotator.exchange.importing import Entry, Reading, ReadOptions
from annotator.exchange.importing.answers import NOT_SHOWN
from annotator.exchange.importing.label_studio import PREDICTIONS
from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import build_config, parse_config
from annotator.labelstudio.predictions import prediction
from annotator.store import Claim, Store
from tests.annotator.exchange.importing.conftest import Bring, Files, Read, known

ANIMALS = """<View><Image name="img" value="$pic"/><Choices name="animals" toName="img" choice="multiple">
<Choice value="cat"/><Choice value="dog"/><Choice value="fox"/></Choices>
<Choices name="quality" toName="img"><Choice value="good"/><Choice value="bad"/></Choices>
<RectangleLabels name="boxes" toName="img"><Label value="cat"/><Label value="wheel"/></RectangleLabels>
</View>"""


def region(control: str, *names: Any, kind: str = "choices", **more: Any) -> dict[str, Any]:
    to_name = "image" if control in ("label", "suggested", "review") else "img"
    value: dict[str, Any] = {kind: list(names)}
    if kind == "rectanglelabels":
        value |= {"x": 1, "y": 2, "width": 3, "height": 4, "rotation": 0}
    return {"from_name": control, "to_name": to_name, "type": kind, "value": value, **more}


def task(*results: Any, image: str = "/data/upload/7/0a1b2c3d-a.jpg", **more: Any) -> dict[str, Any]:
    return {"id": 1, "data": {"image": image}, "annotations": [{"result": each} for each in results], **more}


def write(tmp_path: Path, tasks: Any) -> Path:
    file = tmp_path / "export.json"
    file.write_text(tasks if isinstance(tasks, str) else json.dumps(tasks), encoding="utf-8")
    return file


def exported(studio: Studio, project: int, tmp_path: Path) -> Path:
    """The project's JSON as its page hands it out, all tasks in it."""
    path = f"/api/projects/{project}/export?exportType=JSON&download_all_tasks=true"
    file = tmp_path / "project-export.json"
    file.write_bytes(studio.http.answer("GET", path).content)
    return file


def snapshot(studio: Studio, project: int, tmp_path: Path) -> Path:
    """The same with the predictions in it, which Label Studio calls a snapshot."""
    options = {"serialization_options": {"predictions": {"only_id": False}}}
    made = studio.http.request("POST", f"/api/projects/{project}/exports", json=options)
    where = f"/api/projects/{project}/exports/{made['id']}"
    deadline = time.monotonic() + 60
    while studio.http.get(where)["status"] != "completed":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    file = tmp_path / "project-snapshot.json"
    file.write_bytes(studio.http.answer("GET", f"{where}/download?exportType=JSON").content)
    return file


TICKS = parse_config(build_config(["cat", "dog", "tree"])).ticks


@pytest.mark.studio
def test_a_real_export_of_our_own_project(
    sqlite_store: Store,
    studio: Studio,
    new_studio_project: Callable[..., int],
    tmp_path: Path,
    bring: Bring,
    pictures: Files,
) -> None:
    project = new_studio_project(uris=tuple(f"/data/local-files/?d=pets/{name}.jpg" for name in "abcdef"))
    tasks = sorted(each["id"] for each in studio.tasks(project))
    studio.push_predictions(project, [prediction(["dog"], "v1", 0.5, TICKS, task=each) for each in tasks])
    shown = {each["id"]: each["predictions"][0]["id"] for each in map(studio.task, tasks)}
    left = region("suggested", "dog", id="r", origin="prediction")
    changed = region("suggested", "tree", id="r", origin="prediction-changed")
    answers = [
        [region("label", "cat"), left],
        [region("label", "cat"), changed],
        [region("label", "cat"), left, region("review", "All labels marked")],
        [region("label", "dog")],
    ]
    for each, result in zip(tasks, answers, strict=False):
        studio.annotate(each, result, parent_prediction=shown[each])
    studio.annotate(tasks[4], [], skipped=True)
    folder = pictures(*(f"{name}.jpg" for name in "abcdef"))
    said = {
        "a.jpg": {"cat": 1},
        "b.jpg": {"cat": 1},
        "c.jpg": {"cat": 1, "dog": 1, "tree": -1},
        "d.jpg": {"dog": 1},
    }
    report = bring(sqlite_store, exported(studio, project, tmp_path), folder, Claim.VERIFIED)
    assert (report.format, report.matched) == ("labelstudio", 4)
    assert known(sqlite_store) == said, "the plain export does not tell what was shown in b"
    assert sorted(report.left_out.values()) == [1, 1, 1, 2, 6]
    bring(sqlite_store, snapshot(studio, project, tmp_path), folder, Claim.VERIFIED)
    assert known(sqlite_store) == said | {"b.jpg": {"cat": 1, "dog": -1, "tree": 1}}


@pytest.mark.studio
def test_a_real_export_of_anybodys_project(
    studio: Studio, new_studio_project: Callable[..., int], tmp_path: Path, read: Read
) -> None:
    project = new_studio_project(label_config=ANIMALS)
    data = [{"pic": f"s3://pets/{name}.jpg", "note": "x"} for name in "abc"]
    studio.import_tasks(project, [{"data": each} for each in data])
    tasks = sorted(each["id"] for each in studio.tasks(project))
    guessed = region("animals", "cat", "dog")
    studio.push_predictions(
        project, [{"task": tasks[1], "model_version": "m", "score": 0.5, "result": [guessed]}]
    )
    offered = studio.task(tasks[1])["predictions"][0]["id"]
    changed = region("animals", "dog", "fox", origin="prediction-changed")
    studio.annotate(tasks[0], [region("animals", "cat"), region("quality", "bad")])
    studio.annotate(tasks[1], [changed], parent_prediction=offered)
    studio.annotate(tasks[2], [region("boxes", "wheel", kind="rectanglelabels"), region("quality", "good")])
    file = exported(studio, project, tmp_path)
    with pytest.raises(OnetagError, match=r"several controls hold labels: animals, quality\. Choose"):
        read(file, "labelstudio", image_column="pic")
    with pytest.raises(OnetagError, match=r"several fields\. Choose .* --image-column; it has pic, note"):
        read(file, "labelstudio", control="animals")
    reading = Reading(ReadOptions(control="animals", image_column="pic"))
    first, second, third = read(file, "labelstudio", reading)
    assert [first, third] == [
        Entry("s3://pets/a.jpg", ["cat"], [], []),
        Entry("s3://pets/c.jpg", [], [], []),
    ]
    assert second == Entry("s3://pets/b.jpg", [], [], ["dog", "fox"]), "which of them was ticked by a person?"
    assert dict(+reading.left_out) == {PREDICTIONS: 1, NOT_SHOWN: 1}
    file = snapshot(studio, project, tmp_path)
    found = read(file, "labelstudio", control="animals", image_column="pic")
    assert found[1] == Entry("s3://pets/b.jpg", ["fox"], ["cat"], ["dog"])
    (*_, boxed) = read(file, "labelstudio", control="boxes", image_column="pic")
    assert boxed.present == ["wheel"]


def test_each_annotation_is_an_entry_and_predictions_are_counted(tmp_path: Path, read: Read) -> None:
    sent = task([region("animal", "cat")], [region("animal", "dog", "cat")], predictions=[{"id": 1}, 2])
    reading = Reading()
    file = write(tmp_path, [sent, task(), {"id": 3, "data": {"image": "c.jpg"}}])
    found = read(file, "labelstudio", reading)
    assert [entry.present for entry in found] == [["cat"], ["dog", "cat"]]
    assert sorted(reading.left_out.values()) == [0, 2, 2]


def test_two_annotators_who_disagree_leave_unknown(
    sqlite_store: Store, tmp_path: Path, bring: Bring, pictures: Files
) -> None:
    sent = task([region("animal", "cat")], [region("animal", "dog", "cat")])
    report = bring(sqlite_store, write(tmp_path, [sent]), pictures("a.jpg"), Claim.COMPLETE)
    assert known(sqlite_store) == {"a.jpg": {"cat": 1}}
    assert (report.twice, report.contradicted) == (1, ["a.jpg: dog"])


@pytest.mark.parametrize(
    ("answer", "present", "absent", "explicit"),
    [
        ([region("review", "Nothing of these", origin="manual")], [], [], True),
        ([region("onetag_answer", "Yes", origin="manual")], ["dog"], [], False),
        ([region("onetag_answer", "No", origin="manual")], [], ["dog"], False),
        ([region("onetag_answer", "No"), region("label", "cat")], ["cat"], ["dog"], False),
    ],
    ids=["nothing", "yes", "no", "no and a label"],
)
def test_answers_to_the_questions_of_our_screen(
    tmp_path: Path, read: Read, answer: list[Any], present: list[str], absent: list[str], explicit: bool
) -> None:
    asked = [
        region("onetag_question", "is it there", origin="prediction"),
        region("onetag_about", "dog", origin="prediction"),
    ]
    (found,) = read(write(tmp_path, [task([*asked, *answer])]), "labelstudio")
    assert (found.present, found.absent, found.explicit) == (present, absent, explicit)
    assert found.unknown == []


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (region("t", ["animal", "cat"], ["tree"], kind="taxonomy"), ["animal / cat", "tree"]),
        (region("b", "cat", kind="brushlabels", origin="prediction-changed"), ["cat"]),
        (region("k", "cat", kind="keypointlabels"), ["cat"]),
        (region("p", "cat", "dog", kind="polygonlabels", origin="manual"), ["cat", "dog"]),
        (region("r", "cat", kind="rectanglelabels", origin="prediction"), []),
        (region("c", "cat", origin="prediction"), []),
        ({"from_name": "text", "type": "textarea", "value": {"text": ["a cat"]}}, []),
        ({"from_name": "stars", "type": "rating", "value": {"rating": 4}}, []),
        ({"from_name": "c", "type": "choices", "value": {"choices": "cat"}}, []),
        ({"from_name": "c", "value": None}, []),
    ],
)
def test_kinds_of_regions(tmp_path: Path, read: Read, made: dict[str, Any], expected: list[str]) -> None:
    (entry,) = read(write(tmp_path, [task([made])]), "labelstudio")
    assert entry.present == expected


def test_an_untouched_prediction_is_not_absent_in_a_complete_file(
    sqlite_store: Store, tmp_path: Path, bring: Bring, pictures: Files
) -> None:
    tasks = [
        task([region("c", "cat", origin="prediction")], image="a.jpg"),
        task([region("c", "dog")], image="b.jpg"),
    ]
    bring(sqlite_store, write(tmp_path, tasks), pictures("a.jpg", "b.jpg"), Claim.COMPLETE)
    assert known(sqlite_store) == {"a.jpg": {"dog": -1}, "b.jpg": {"cat": -1, "dog": 1}}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ([{"id": 1, "image": "a.jpg", "choice": "cat"}], r"task 1 has no data\..*not JSON_MIN"),
        ([task([]) | {"data": {"text": "x", "more": "y"}}], "has several fields"),
        ([task([]) | {"data": {"image": ["a.jpg"], "n": 1}}], "has no image in its data"),
        ('[{"id": 1, "data": {"image": "a.jpg"}},\n{"id": 2 ["data"]}]', "no JSON in line 2, column 10"),
    ],
)
def test_what_is_no_export_is_told(tmp_path: Path, read: Read, content: Any, told: str) -> None:
    with pytest.raises(OnetagError, match=told):
        read(write(tmp_path, content), "labelstudio")
