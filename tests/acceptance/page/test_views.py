"""Every view in a browser, at a desk and with a phone: readable by all, quiet, and asking nobody else."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tests.acceptance.page.conftest import Visitor, examine

pytestmark = [pytest.mark.studio, pytest.mark.browser, pytest.mark.timeout(1800)]
VIEWS = ("", "labels", "images", "map", "versions", "annotators", "exports")


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_is_readable_by_all(visitor: Visitor, view: str) -> None:
    visitor.open(f"p1/{view}")
    assert visitor.page.locator("h1").count() == 1
    examine(visitor)


@pytest.mark.parametrize("view", ["labels", "images", "versions"])
def test_one_of_them_is_a_page_of_its_own(visitor: Visitor, view: str) -> None:
    visitor.open(f"p1/{view}")
    visitor.page.locator(f"main a[href*='/p1/{view}/']").first.click()
    visitor.page.wait_for_url(f"**/p1/{view}/**")
    visitor.settle()
    examine(visitor)


@pytest.mark.parametrize("change", ["rename?name=Something else", "merge?into=2", "archive"])
def test_what_follows_from_a_change_of_a_label_is_readable_by_all(visitor: Visitor, change: str) -> None:
    visitor.open(f"p1/labels/1/{change}")
    assert visitor.page.locator("form[method=post] button.first").count() == 1
    examine(visitor)


def test_the_navigation_leads_to_every_view(visitor: Visitor) -> None:
    visitor.open("p1/")
    links = visitor.page.locator("nav[aria-label=Views] a")
    found = {urlsplit(links.nth(place).get_attribute("href") or "").path for place in range(links.count())}
    assert found == {f"/page/p1/{view}" for view in VIEWS}


def test_the_keyboard_skips_to_the_content(visitor: Visitor) -> None:
    visitor.open("p1/")
    visitor.page.keyboard.press("Tab")
    visitor.page.keyboard.press("Enter")
    assert visitor.page.evaluate("document.activeElement.id") == "content"
