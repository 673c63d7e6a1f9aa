"""Thumbnails as a browser asks for them: whose, of which size, how long kept, and what is in their place."""

from xml.etree import ElementTree

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from annotator.dashboard.pictures import placeholder
from annotator.dashboard.services import SIZES, NoPicture, PicturesBusy
from annotator.labelstudio.config import build_config
from annotator.store import Image, Project, Store
from tests.annotator.dashboard.conftest import LABELS, STUDIO, PicturesAsked


@pytest.fixture
def image(store: Store, project: Project) -> int:
    """The id of task 1's image."""
    with store.session() as session:
        found = session.scalars(select(Image).where(Image.studio_task == 1)).one()
        found.digest = "abc"
        return found.id


def test_a_thumbnail_is_a_private_picture(
    browser: FlaskClient, project: Project, image: int, pictures: PicturesAsked
) -> None:
    answer = browser.get(f"/page/{project.key}/thumbnail/{image}?size=160")
    assert (answer.status_code, answer.content_type) == (200, "image/jpeg")
    assert answer.data == b"/data/1.png at 160"
    assert "private" in answer.headers["Cache-Control"]
    assert "max-age" in answer.headers["Cache-Control"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    picture, size = pictures.asked[0]
    assert (picture.digest, size) == ("abc", 160)


def test_what_the_browser_has_is_not_made_again(
    browser: FlaskClient, project: Project, image: int, pictures: PicturesAsked, store: Store
) -> None:
    address = f"/page/{project.key}/thumbnail/{image}"
    tag = {"If-None-Match": browser.get(address).headers["ETag"]}
    pictures.asked.clear()
    same = browser.get(address, headers=tag)
    assert (same.status_code, same.data) == (304, b"")
    assert pictures.asked == []
    with store.session() as session:
        session.get_one(Image, image).digest = "another"
    assert browser.get(address, headers=tag).status_code == 200


@pytest.mark.parametrize("size", ["0", "161", "100000", "-160", "", "big", "160.0"])
def test_other_sizes_are_refused_by_naming_those_that_there_are(
    browser: FlaskClient, project: Project, image: int, pictures: PicturesAsked, size: str
) -> None:
    answer = browser.get(f"/page/{project.key}/thumbnail/{image}?size={size}")
    assert answer.status_code == 400
    assert ", ".join(map(str, SIZES)) in answer.text
    assert pictures.asked == []


def test_images_of_other_projects_are_not_shown(
    browser: FlaskClient, project: Project, image: int, store: Store, pictures: PicturesAsked
) -> None:
    with store.session() as session:
        other = Project(
            studio_url=STUDIO, studio_project=8, title="Others", label_config=build_config(LABELS)
        )
        session.add(other)
        session.flush()
        key = other.key
    assert browser.get(f"/page/{key}/thumbnail/{image}").status_code == 404
    for wrong in ("999", str(2**63 - 1), str(2**70), "-1", "x"):
        assert browser.get(f"/page/{project.key}/thumbnail/{wrong}").status_code == 404
    assert pictures.asked == []


def test_where_many_wait_the_browser_is_told_to_ask_again(
    browser: FlaskClient, project: Project, image: int, pictures: PicturesAsked
) -> None:
    pictures.failure = PicturesBusy()
    answer = browser.get(f"/page/{project.key}/thumbnail/{image}")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.headers["Cache-Control"] == "no-store"


def test_in_the_place_of_what_cannot_be_shown_stands_the_reason(
    browser: FlaskClient, project: Project, image: int, pictures: PicturesAsked
) -> None:
    pictures.failure = NoPicture("The file is <script>alert(1)</script> & empty.")
    answer = browser.get(f"/page/{project.key}/thumbnail/{image}")
    assert (answer.status_code, answer.content_type.partition(";")[0]) == (200, "image/svg+xml")
    drawn = ElementTree.fromstring(answer.data)
    assert drawn.findtext("{*}title") == "The file is <script>alert(1)</script> & empty."
    assert drawn.find(".//{*}script") is None
    assert "ETag" not in answer.headers


def test_a_long_reason_is_cut_and_one_long_word_too() -> None:
    for reason in ("word " * 200, "w" * 900, ""):
        lines = ElementTree.fromstring(placeholder(reason)).findall(".//{*}text")
        assert len(lines) <= 6
        assert all(len(line.text or "") <= 32 for line in lines)
