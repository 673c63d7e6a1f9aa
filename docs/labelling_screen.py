"""Takes the picture of the labelling screen, from a demo that is still up.

make demo                                    # in another terminal; it stays up until Ctrl-C
.venv/bin/python docs/labelling_screen.py    # writes docs/images/labelling-screen.png
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright
from sqlalchemy import select

from annotator.settings import load_credentials
from annotator.store import Image, ModelVersion, Project, Suggestion, open_store, unanswered_images

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).parents[1]
SIZE = {"width": 1180, "height": 730}
FEWEST, MOST = 2, 4
"""Suggestions that the image shown should have."""


def choose_image(data_dir: Path) -> tuple[int, int, list[str], list[str]]:
    """(project, task, suggestions, other labels) of an unanswered image with a few suggestions."""
    store = open_store(f"sqlite:///{data_dir / 'onetag.db'}")
    with store.reading() as session:
        project = session.scalars(select(Project)).one()
        version = session.get_one(ModelVersion, project.active_version_id)
        waiting = set(unanswered_images(session, project.id))
        rows = session.execute(
            select(Image.id, Image.studio_task, Suggestion.labels)
            .join(Suggestion, Suggestion.image_id == Image.id)
            .where(Suggestion.version_id == version.id)
            .order_by(Suggestion.score)
        )
        task, labels = next(
            (task, labels)
            for image, task, labels in rows
            if image in waiting and FEWEST <= len(labels) <= MOST
        )
        others = [name for name in version.labels if name not in labels]
    store.close()
    return project.studio_project or 0, task, labels, others


def log_in(page: Page, url: str, credentials: dict[str, str]) -> None:
    """Log in as the user of the demo."""
    page.goto(f"{url}/user/login/")
    page.fill("input[name=email]", credentials["label_studio_email"])
    page.fill("input[name=password]", credentials["label_studio_password"])
    page.click("button[type=submit]")
    page.wait_for_url("**/")


def main() -> None:
    """Take the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=ROOT / "onetag-demo" / "data")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "labelling-screen.png")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    given = parser.parse_args()
    credentials = load_credentials(given.data_dir)
    project, task, labels, others = choose_image(given.data_dir)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=given.chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE)  # type: ignore[arg-type]
        url = credentials["label_studio_url"]
        log_in(page, url, credentials)
        page.goto(f"{url}/projects/{project}/data?task={task}")
        page.get_by_text("One thing in the picture").wait_for()
        page.locator(f'input[type=radio][name="{labels[0]}"]').check()
        page.get_by_text("What else is there?").wait_for()
        page.wait_for_timeout(1500)
        page.screenshot(path=given.out)
        browser.close()
    print(  # noqa: T201 (a script)
        f"wrote {given.out}; suggested were {', '.join(labels)}, not {', '.join(others)}"
    )


if __name__ == "__main__":
    main()
