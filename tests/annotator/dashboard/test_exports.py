"""The view of exports: what is chosen, what is shown of it, and the file."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from annotator.dashboard.export_jobs import ExportJobs, ExportsBusy
from annotator.exchange import EXPORTS
from annotator.store import Annotation, Image, Project, Store
from tests.annotator.dashboard.made_versions import add_version
from tests.annotator.dashboard.test_versions import words

Annotate = Callable[..., Annotation | None]

ESTIMATES = [[0.9, 0.1, 0.5], [0.95, 0.5, 0.5], [0.1, 0.9, 0.5], [0.5, 0.5, 0.5], [0.3, 0.3, 0.3]]


@pytest.fixture
def known(store: Store, project: Project, annotate: Annotate) -> Project:
    """A version in use, and one answer."""
    with store.session() as session:
        add_version(session, project, "v0001-x", ESTIMATES, [0.8, 0.8, 1.01])
        annotate(session, session.get_one(Project, project.id), "tree", "-cat", task=1, number=1)
    return project


def page(browser: FlaskClient, project: Project, path: str = "") -> str:
    answer = browser.get(f"/page/{project.key}/exports{path}")
    assert answer.status_code == 200
    return words(answer.text)


def made(browser: FlaskClient, project: Project, query: str = "") -> str:
    """The address of an export's page, once it has ended: a slow machine takes longer than a page waits."""
    answer = browser.get(f"/page/{project.key}/exports/make{query}")
    assert answer.status_code == 303
    address, patience = str(answer.location), time.monotonic() + 60
    while not any(end in browser.get(address).text for end in ("It is whole.", "There is no file.")):
        assert time.monotonic() < patience, "the export does not end"
        time.sleep(0.05)
    return address


def fetched(browser: FlaskClient, project: Project, query: str, file: str) -> TestResponse:
    """The answer with a file of an export, read to its end."""
    answer = browser.get(f"{made(browser, project, query)}/{file}")
    answer.get_data()
    answer.close()
    return answer


def test_without_images_there_is_nothing_to_export(
    browser: FlaskClient, store: Store, project: Project
) -> None:
    with store.session() as session:
        session.query(Image).delete()
    assert "There is nothing to export yet: the project has no images." in page(browser, project)


def test_the_first_rows_tell_people_from_estimates(browser: FlaskClient, known: Project) -> None:
    text = page(browser, known)
    assert "/data/1.png tree cat 1 absent 0" in text  # said present and absent; estimated
    assert "/data/2.png nothing cat 95 % 2" in text
    assert "/data/3.png nothing dog 90 % 1 absent 1" in text


def test_what_will_be_in_it_follows_or_is_waited_for(browser: FlaskClient, known: Project) -> None:
    assert "say 1 present, 1 absent" not in page(browser, known)
    for path in ("?wait=1", "/contents"):
        text = page(browser, known, path)
        assert "5 images × 3 labels = 15 values" in text
        assert "say 1 present, 1 absent" in text
        assert "guessed 13 by v0001" in text
    assert "none, since you chose people's word alone" in page(browser, known, "/contents?values=human")


def test_the_file_itself_is_shown_where_it_is_text(browser: FlaskClient, known: Project) -> None:
    assert "p:cat,d:cat,h:cat" in page(browser, known, "?format=csv")
    for name in ("jsonl", "coco", "labelstudio"):
        assert "As the file has it" in page(browser, known, f"?format={name}")
    for name in ("parquet", "imagefolder", "npy"):
        assert "As the file has it" not in page(browser, known, f"?format={name}")


@pytest.mark.parametrize(
    "query", ["format=exe", "values=all", "split=2", "split=half", "split=0.5&seed=x", "split=nan"]
)
def test_choices_that_cannot_be_read_are_refused(browser: FlaskClient, known: Project, query: str) -> None:
    for path in ("", "/contents", "/make"):
        assert browser.get(f"/page/{known.key}/exports{path}?{query}").status_code == 400


def test_a_version_that_is_not_there_is_not_found(browser: FlaskClient, known: Project) -> None:
    for path in ("", "/make"):
        assert browser.get(f"/page/{known.key}/exports{path}?version=v9").status_code == 404


def test_the_file_is_fetched_whole_with_its_length_and_a_safe_name(
    browser: FlaskClient, known: Project
) -> None:
    answer = fetched(browser, known, "?values=hard&split=0.8&seed=3", "pets-labels.csv")
    assert answer.status_code == 200
    assert answer.content_length == len(answer.data)
    assert answer.headers["Content-Disposition"] == "attachment; filename=pets-labels.csv"
    rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert [(row["p:cat"], row["d:cat"], row["h:cat"]) for row in rows[:2]] == [
        ("0", "absent", "1"),
        ("1", "present", "0"),
    ]
    assert {row["split"] for row in rows} <= {"train", "validation"}


@pytest.mark.parametrize("name", [name for name, form in EXPORTS.items() if not form.folder])
def test_every_format_of_one_file_can_be_fetched(browser: FlaskClient, known: Project, name: str) -> None:
    answer = fetched(browser, known, f"?format={name}", f"pets-{EXPORTS[name].default_output}")
    assert (answer.status_code, bool(answer.data)) == (200, True)


def test_the_page_of_an_export_tells_what_it_holds(browser: FlaskClient, known: Project) -> None:
    text = words(browser.get(made(browser, known, "?split=1")).text)
    assert "It is whole. pets-labels.csv" in text
    assert "say 1 present, 1 absent; guessed 13; empty 0." in text
    assert "For training 5 images, for validation 0." in text


def test_an_export_that_fails_has_no_file(browser: FlaskClient, known: Project) -> None:
    address = made(browser, known, "?format=imagefolder")  # none of the pictures can be read from here
    text = words(browser.get(address).text)
    assert "None of the 5 pictures can be read from here" in text
    assert "There is no file." in text
    assert browser.get(f"{address}/pets-labels-imagefolder.zip").status_code == 404


def test_a_browser_that_has_seen_the_end_is_told_to_ask_no_more(browser: FlaskClient, known: Project) -> None:
    address = made(browser, known)
    event = browser.get(f"{address}/live").text
    assert event.startswith("retry: 1000\nid: ended\ndata: ")
    assert "It is whole." in event
    assert browser.get(f"{address}/live", headers={"Last-Event-ID": "ended"}).status_code == 204
    assert browser.get(f"{address}/live", headers={"Last-Event-ID": "going on"}).status_code == 200


@pytest.mark.parametrize("file", ["other.csv", "..%2f..%2fonetag.db", "%2fetc%2fpasswd"])
def test_nothing_but_its_files_can_be_fetched(browser: FlaskClient, known: Project, file: str) -> None:
    assert browser.get(f"{made(browser, known)}/{file}").status_code == 404


def test_a_file_that_is_gone_is_said_to_be(browser: FlaskClient, known: Project) -> None:
    assert browser.get(f"/page/{known.key}/exports/unknown").status_code == 404


def test_more_than_may_be_made_at_once_is_a_page_that_says_so(
    browser: FlaskClient, known: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> None:
        raise ExportsBusy

    monkeypatch.setattr(ExportJobs, "start", busy)
    answer = browser.get(f"/page/{known.key}/exports/make?format=coco")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert "2 exports are being made already" in words(answer.text)
    assert "coco: One JSON file" in answer.text  # with the choices as they were


def test_a_page_from_elsewhere_may_not_start_one(browser: FlaskClient, known: Project) -> None:
    answer = browser.get(f"/page/{known.key}/exports/make", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


def test_who_looks_may_export_and_a_stranger_may_not(
    onlooker: FlaskClient, stranger: FlaskClient, known: Project
) -> None:
    assert fetched(onlooker, known, "", "pets-labels.csv").status_code == 200
    address = made(onlooker, known)
    for path in ("", "/make"):
        assert stranger.get(f"/page/{known.key}/exports{path}").location.startswith("/page/login")
    assert stranger.get(f"{address}/pets-labels.csv").location.startswith("/page/login")


def test_the_data_card_of_a_version_is_a_file_of_its_own(browser: FlaskClient, known: Project) -> None:
    answer = fetched(browser, known, "?format=card&version=v0001-x", "pets-labels-card.json")
    card = json.loads(answer.data)
    assert (card["model_version"]["name"], card["images"], card["format"]) == ("v0001-x", 5, "card")
    assert card["labels"][0]["estimated_present"] == 1


def test_a_place_with_markup_is_text_and_never_html(
    browser: FlaskClient, store: Store, known: Project
) -> None:
    with store.session() as session:
        session.query(Image).filter_by(studio_task=2).one().uri = "/data/<img src=x>.png"
    answer = browser.get(f"/page/{known.key}/exports?format=jsonl").text
    assert "<img src=x>" not in answer
    assert "&lt;img src=x&gt;" in answer
