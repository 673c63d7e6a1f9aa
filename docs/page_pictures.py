"""Takes the pictures of the page, from a demo or an `onetag up` that is still up.

.venv/bin/python docs/page_pictures.py    # writes page-*.png into docs/images
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from annotator.settings import load_settings
from annotator.store import ModelVersion, Project, open_store
from annotator.store.vectors import load_vectors

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

ROOT = Path(__file__).parents[1]
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


def one_time_link(data_dir: Path) -> str:
    """The address that logs a browser in."""
    command = [sys.executable, "-m", "model_backend.cli", "users", "link", "pictures", "--role", "answer"]
    made = subprocess.run(
        [*command, "--data-dir", str(data_dir)], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return next(word for word in made.stdout.split() if word.startswith("http"))


def likeliest_label(data_dir: Path) -> str:
    """The label that the version in use expects most often: its images make a full grid."""
    store = open_store(load_settings(data_dir=data_dir).store_url)
    try:
        with store.reading() as session:
            project = session.get_one(Project, 1)
            version = session.get_one(ModelVersion, project.active_version_id)
            _, vectors = load_vectors(session, version.id)
            return str(version.labels[int(vectors.mean(axis=0).argmax())])
    finally:
        store.close()


def logged_in(browser: Browser, link: str) -> BrowserContext:
    """A browser's context of somebody who came by the link."""
    context = browser.new_context(viewport=DESK)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(link)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("heading", name="Progress").wait_for()
    return context


def take(data_dir: Path, out: Path, chromium: str) -> list[Path]:
    """Photograph the views that README and docs show."""
    label = likeliest_label(data_dir)
    wanted = {
        "page-progress": "",
        "page-images": f"images?label={label}&order=probable",
        "page-labels": "labels",
        "page-map": "map",
    }
    link = one_time_link(data_dir)
    home = link.partition("/page/")[0] + "/page/p1/"
    taken = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = logged_in(browser, link).new_page()
        for name, path in wanted.items():
            page.goto(home + path)
            page.wait_for_load_state("networkidle")
            page.screenshot(path=out / f"{name}.png", full_page=name == "page-progress")
            taken.append(out / f"{name}.png")
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        page.goto(home + wanted["page-images"])
        page.wait_for_load_state("networkidle")
        page.screenshot(path=out / "page-phone.png")
        browser.close()
    return [*taken, out / "page-phone.png"]


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=ROOT / "onetag-demo" / "data")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    given = parser.parse_args()
    for file in take(given.data_dir, given.out, given.chromium):
        print(f"wrote {file}")


if __name__ == "__main__":
    main()
