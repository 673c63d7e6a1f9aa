"""The list of versions, one of them, and going to another."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask.testing import FlaskClient

from annotator.dashboard.version_rows import facts, version_rows
from annotator.dashboard.versions import ON_A_PAGE
from annotator.errors import OnetagError
from annotator.store import ModelVersion, Project, Publication, RunReason, Store, TrainingRun
from annotator.store.learning_curve import Step
from annotator.store.shares import Share
from annotator.store.types import utc_now
from tests.annotator.dashboard.conftest import VersionsAsked
from tests.annotator.dashboard.made_versions import add_version

ESTIMATES = [[0.9, 0.1, 0.5]] * 5
FIRST, SECOND = "v0001-20261122T214500", "v0002-20261123T214500"


@pytest.fixture
def two(store: Store, project: Project) -> Project:
    """The first was let go, the second is in use."""
    with store.session() as session:
        add_version(session, project, FIRST, ESTIMATES, [0.8, 0.7, 1.01], folder="")
        add_version(session, project, SECOND, ESTIMATES, [0.6, 0.7, 1.01], recipe={"loss": "role"})
    return project


def words(page: str) -> str:
    """What a person reads, one space between words."""
    return unescape(" ".join(re.sub(r"<[^>]*>", " ", page).split()))


def shown(browser: FlaskClient, project: Project, path: str = "versions", status: int = 200) -> str:
    answer = browser.get(f"/page/{project.key}/{path}")
    assert answer.status_code == status
    return words(answer.text)


def test_without_a_version_it_says_how_to_get_one(browser: FlaskClient, project: Project) -> None:
    assert "There is no version yet" in shown(browser, project)


def test_the_list_tells_what_each_is_to_the_annotators(browser: FlaskClient, two: Project) -> None:
    text = shown(browser, two)
    assert text.index("v0002") < text.index("v0001")
    assert f"Suggestions come from {SECOND} ." in text
    assert "asked for role clip in use , not published" in text
    assert "asked for default clip let go: records only" in text


def test_a_row_holds_what_its_training_left(store: Store, two: Project) -> None:
    with store.reading() as session:
        rows = version_rows(session, session.get_one(Project, two.id), most=5)
    assert [(row.number, row.kept, row.used, row.reason, row.observations) for row in rows] == [
        (2, True, True, RunReason.ASKED_FOR, 12),
        (1, False, False, RunReason.ASKED_FOR, 12),
    ]
    assert rows[0].seconds == 0.0


def test_older_versions_are_a_page_away(browser: FlaskClient, store: Store, project: Project) -> None:
    with store.session() as session:
        for number in range(1, ON_A_PAGE + 3):
            add_version(session, project, f"v{number:04d}-x", [], [0.8, 0.7, 1.01])
    newest = browser.get(f"/page/{project.key}/versions").text
    (older,) = re.findall(r'href="([^"]+)">Older versions', newest)
    rest = browser.get(unescape(older)).text
    named = [re.findall(r'<th scope="row"><a [^>]*>(v\d+)<', page) for page in (newest, rest)]
    assert [len(each) for each in named] == [ON_A_PAGE, 2]
    assert named[1] == ["v0002", "v0001"]
    assert "Older versions" not in rest


def test_one_version_tells_its_thresholds_and_what_was_not_earned(browser: FlaskClient, two: Project) -> None:
    text = shown(browser, two, f"versions/{SECOND}")
    assert "cat 0.600 dog 0.700 tree not earned" in text
    assert "What changed since" not in text  # the one before was let go


def test_one_that_was_let_go_says_that_it_cannot_be_used(browser: FlaskClient, two: Project) -> None:
    assert "cannot be used again" in shown(browser, two, f"versions/{FIRST}")


@pytest.mark.parametrize("path", ["versions/v9", "versions/v9/use"])
def test_a_version_that_is_not_there_is_not_found(browser: FlaskClient, two: Project, path: str) -> None:
    address = f"/page/{two.key}/{path}"
    answer = browser.post(address, data={"as": "use"}) if path.endswith("use") else browser.get(address)
    assert answer.status_code == 404
    assert "The project has no version v9." in words(answer.text)


def test_another_projects_version_is_not_found(browser: FlaskClient, store: Store, two: Project) -> None:
    with store.session() as session:
        other = Project(title="Other", label_config="<View/>", image_folder="/other")
        session.add(other)
        session.flush()
    assert browser.get(f"/page/{other.key}/versions/{SECOND}").status_code == 404
    assert browser.post(f"/page/{other.key}/versions/{SECOND}/use", data={"as": "use"}).status_code == 404


@pytest.mark.parametrize(("wanted", "pin"), [("use", False), ("pin", True), ("unpin", False)])
def test_using_a_version_asks_for_just_that(
    browser: FlaskClient, two: Project, versions: VersionsAsked, wanted: str, *, pin: bool
) -> None:
    answer = browser.post(f"/page/{two.key}/versions/{SECOND}/use", data={"as": wanted})
    assert (answer.status_code, versions.asked) == (303, [(two.id, SECOND, pin)])
    assert "Suggestions" in words(browser.get(answer.location).text)


def test_what_is_not_offered_is_refused(browser: FlaskClient, two: Project, versions: VersionsAsked) -> None:
    answer = browser.post(f"/page/{two.key}/versions/{SECOND}/use", data={"as": "eat"})
    assert (answer.status_code, versions.asked) == (400, [])


def test_a_damaged_version_is_refused_with_the_reason_on_the_page(
    browser: FlaskClient, two: Project, versions: VersionsAsked
) -> None:
    versions.failure = OnetagError(f"Version {SECOND} is damaged.", "Use another one.")
    answer = browser.post(f"/page/{two.key}/versions/{SECOND}/use", data={"as": "use"})
    assert answer.status_code == 409
    assert f"Version {SECOND} is damaged. Use another one. Nothing was changed." in words(answer.text)


def test_the_page_tells_what_became_of_it(browser: FlaskClient, store: Store, two: Project) -> None:
    with store.session() as session:
        session.get_one(Project, two.id).version_pinned = True
    path = f"versions/{SECOND}?now=pin"
    assert "and later trainings leave it in use. Label Studio does not have" in shown(browser, two, path)
    with store.session() as session:
        version = session.query(ModelVersion).filter_by(name=SECOND).one()
        version.publication, version.published_at = Publication.PUBLISHED, utc_now()
    text = shown(browser, two, path)
    assert "in use , pinned, published" in text
    assert "Label Studio does not have" not in text


def test_figures_stand_side_by_side_the_oldest_first(browser: FlaskClient, two: Project) -> None:
    text = shown(browser, two, "version-figures")
    assert text.index("v0001") < text.index("v0002")
    assert "33 of 40 answers to suggestions of earlier versions" in text
    assert "nobody had named tree" in text
    one = shown(browser, two, f"version-figures?version={FIRST}")
    assert "v0002" not in one


def test_a_figure_says_what_it_rests_on_or_that_it_is_not_measured(store: Store, two: Project) -> None:
    with store.reading() as session:
        version = session.query(ModelVersion).filter_by(name=SECOND).one()
    told = {fact.name: (fact.value, fact.basis) for fact in facts(version, None, None)}
    of = "suggestions that people checked after its training"
    assert told["Suggestions right since then"] == ("-", f"not measured yet: no {of}")
    assert told["Observations learned from"][0] == "-"
    assert told["Labels it suggests"] == ("2", "the others had not earned it")
    assert told["Labels an image shows"] == ("1.5", "from which labels are tagged")
    step = Step(SECOND, utc_now(), 12, Share(9, 10), Share(0, 0))
    told = {fact.name: (fact.value, fact.basis) for fact in facts(version, None, step)}
    assert told["Suggestions right since then"] == (
        "90 %",
        f"9 of 10 {of}; 60 % to 98 % with 95 % certainty",
    )


def test_a_version_with_other_thresholds_alone_says_so(
    browser: FlaskClient, store: Store, two: Project
) -> None:
    name = "v0003-20261124T214500-thresholds"
    with store.session() as session:
        origin = session.query(ModelVersion).filter_by(name=SECOND).one()
        version = add_version(
            session, two, name, ESTIMATES, [0.5, 1.01, 0.4],
            derived_from_id=origin.id, learned_thresholds=[0.6, 0.7, 1.01],
        )  # fmt: skip
        session.query(TrainingRun).filter_by(version_id=version.id).delete()
    assert "other thresholds than v0002" in shown(browser, two)
    text = shown(browser, two, f"versions/{name}")
    assert "cat 0.500 set by people; the training chose 0.600" in text
    assert "dog never set by people; the training chose 0.700" in text
    assert "tree 0.400 set by people; the training had not earned it" in text
    assert "3 by thresholds that people set" in shown(browser, two, f"version-figures?version={name}")
    with store.reading() as session:
        (row,) = version_rows(session, session.get_one(Project, two.id), name=name)
    assert (row.derived_from, row.observations) == (SECOND, 12)


def test_a_version_of_before_that_knows_no_figures_has_dashes(store: Store, project: Project) -> None:
    with store.session() as session:
        version = add_version(session, project, "v0001-x", [], [], metrics={})
        told = facts(version, None, None)
    assert {fact.name for fact in told if fact.value == "-"} >= {"Images estimated", "Training took"}
