from __future__ import annotations

import pytest

from annotator.backend_url import exposure
from annotator.settings import Settings


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
