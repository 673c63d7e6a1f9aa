from __future__ import annotations

from pathlib import Path

import pytest

from annotator.backend_url import BACKEND_URL, exposure, page_url
from annotator.errors import OnetagError
from annotator.settings import Settings, load_settings, save_credentials


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_on_loopback_there_is_nothing_to_say(host: str) -> None:
    assert exposure(Settings(host=host)) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "2001:db8::1", "gpu-box.example.org"])
def test_beyond_it_says_what_that_means_and_asks_for_tls(host: str) -> None:
    said = exposure(Settings(host=host))
    assert said is not None
    assert host in said
    assert "TLS" in said
    assert "proxy" in said


HERE = "http://127.0.0.1:8080"
THERE = "https://labels.example.org"


@pytest.mark.parametrize(
    ("backend", "studio", "page"),
    [
        ("", HERE, "http://127.0.0.1:9090/page"),
        ("", THERE, ""),  # whose browsers are on other machines
        ("", None, ""),
        ("http://server:9090", HERE, ""),  # a container
        ("http://192.168.1.7:9090", THERE, "http://192.168.1.7:9090/page"),
        ("http://[2001:db8::1]:9090/", THERE, "http://[2001:db8::1]:9090/page"),
        ("https://onetag.example.org/backend/", THERE, "https://onetag.example.org/backend/page"),
        ("https://user:hidden@onetag.example.org", THERE, "https://onetag.example.org/page"),
    ],
)
def test_people_reach_the_page_where_browsers_know_the_way(
    tmp_path: Path, backend: str, studio: str | None, page: str
) -> None:
    save_credentials(tmp_path, **({BACKEND_URL: backend} if backend else {}))
    assert page_url(Settings(data_dir=tmp_path, label_studio_url=studio)) == page


def test_the_address_that_was_given_is_where_people_reach_it(tmp_path: Path) -> None:
    save_credentials(tmp_path, **{BACKEND_URL: "http://server:9090"})
    given = load_settings(data_dir=tmp_path, address="https://onetag.example.org/a/?x#y")
    assert page_url(given) == "https://onetag.example.org/a/page"
    assert page_url(load_settings(data_dir=tmp_path, address="none")) == ""


@pytest.mark.parametrize("wrong", ["onetag.example.org", "ftp://onetag.example.org", "https://me:pw@a.org"])
def test_an_address_is_one_that_a_browser_can_open_and_holds_no_password(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(OnetagError, match=r"ONETAG_ADDRESS.*https://onetag.example.org"):
        load_settings(data_dir=tmp_path, address=wrong)
