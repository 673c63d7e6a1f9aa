"""Takes the pictures of the labelling screen, from a demo that is still up.

make demo                                    # in another terminal; it stays up until Ctrl-C
.venv/bin/python docs/labelling_screen.py    # writes labelling-screen.png and yes-or-no.png into docs/images
"""

from __future__ import annotations

import argparse
import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from playwright.sync_api import sync_playwright
from pydantic import SecretStr
from sqlalchemy import select

from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import parse_config
from annotator.labelstudio.questions import Asked, asked_prediction, told_of_suggestions
from annotator.settings import load_credentials, load_settings
from annotator.store import (
    Image,
    ModelVersion,
    Project,
    open_store,
    suggestion_feedback,
    unanswered_images,
)
from annotator.store.states import Question
from annotator.store.vectors import load_vectors, reaches

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).parents[1]
SIZE = {"width": 1280, "height": 720}
FEWEST, MOST = 2, 4
"""Labels at their threshold that the image shown should have."""


@dataclass(frozen=True)
class Chosen:
    """An image that nobody has answered: what the version suggests, and how sure it is."""

    uri: str
    asked: Asked
    config: str
    version: str


def choose_image(data_dir: Path) -> Chosen:
    """Of the unanswered images that a few labels fit, the one where these are surest."""
    store = open_store(load_settings(data_dir=data_dir).store_url)
    with store.reading() as session:
        project = session.scalars(select(Project)).one()
        version = session.get_one(ModelVersion, project.active_version_id)
        image_ids, vectors = load_vectors(session, version.id, unanswered_images(session, project.id))
        reached = reaches(vectors, version.thresholds)
        counts = reached.sum(axis=1)
        surest = np.where(reached, vectors, 1).min(axis=1)
        row = int(np.where((counts >= FEWEST) & (counts <= MOST), surest, -1).argmax())
        if not FEWEST <= counts[row] <= MOST:
            raise SystemExit(f"No image fits {FEWEST} to {MOST} labels: let the demo learn longer.")
        chances = {version.labels[at]: float(vectors[row, at]) for at in np.flatnonzero(reached[row])}
        right = [value > 0 for value in suggestion_feedback(session, project.id).values]
        asked = Asked(Question.TAG, tuple(chances), chances, told_of_suggestions(right))
        uri = session.get_one(Image, image_ids[row]).uri
        chosen = Chosen(uri, asked, project.label_config, version.name)
    store.close()
    return chosen


def log_in(page: Page, url: str, credentials: dict[str, str]) -> None:
    """Log in as the user of the demo."""
    page.goto(f"{url}/user/login/")
    page.fill("input[name=email]", credentials["label_studio_email"])
    page.fill("input[name=password]", credentials["label_studio_password"])
    page.click("button[type=submit]")
    page.wait_for_url("**/")


@contextmanager
def asking(page: Page, studio: Studio, chosen: Chosen, asked: Asked) -> Iterator[None]:
    """A labelling stream of that one picture, with a question."""
    sent = page.request.get(f"{studio.url}{chosen.uri}")
    kind = sent.headers["content-type"]
    picture = f"data:{kind};base64,{base64.b64encode(sent.body()).decode()}"
    number = int(studio.create_project("Pictures", chosen.config)["id"])
    try:
        studio.import_tasks(number, [{"data": {"image": picture}}])
        task = int(next(iter(studio.tasks(number)))["id"])
        told = asked_prediction(parse_config(chosen.config), asked, chosen.version, 0.5, task=task)
        studio.push_predictions(number, [told])
        studio.set_queue(number, chosen.version)
        page.goto(f"{studio.url}/projects/{number}/data")
        page.get_by_text("Label All Tasks").click()
        page.locator(".onetag-review").wait_for()
        page.wait_for_timeout(1500)
        yield
    finally:
        studio.delete_project(number)


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=ROOT / "onetag-demo" / "data")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    given = parser.parse_args()
    credentials = load_credentials(given.data_dir)
    chosen = choose_image(given.data_dir)
    studio = Studio(credentials["label_studio_url"], SecretStr(credentials["label_studio_token"]))
    first, second, *_ = chosen.asked.labels
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=given.chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE)  # type: ignore[arg-type]
        log_in(page, studio.url, credentials)
        with asking(page, studio, chosen, chosen.asked):
            page.locator(f'.onetag-one input[name="{first}"]').check()
            page.wait_for_timeout(500)
            page.screenshot(path=given.out / "labelling-screen.png")
        with asking(page, studio, chosen, Asked(Question.YES_NO, (second,))):
            page.screenshot(path=given.out / "yes-or-no.png")
        browser.close()
    print(f"wrote two pictures to {given.out}; suggested were {', '.join(chosen.asked.labels)}")


if __name__ == "__main__":
    main()
