"""How long the features of a pool still take, said while they are computed."""

from __future__ import annotations

import logging
import time

import pytest

from model_backend.engine.pool import duration, with_time_left


def test_for_many_images_the_time_left_is_reported_and_logged_a_few_times(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    stages: list[tuple[str, float]] = []
    done = with_time_left(10_000, "efficientnet_lite0", lambda stage, share: stages.append((stage, share)))
    with caplog.at_level(logging.INFO):
        for batch in range(1, 101):
            clock[0] += 4.0
            done(batch / 100)
    assert stages[0] == ("features of 10,000 images, about 7 min left", 0.01)
    assert stages[49] == ("features of 10,000 images, about 3 min left", 0.5)
    assert stages[98][0] == "features of 10,000 images, about 4 s left"
    assert stages[99] == ("features", 1.0)
    assert len(caplog.records) == 10
    assert "with efficientnet_lite0: 1 %, about 7 min left" in caplog.text


def test_for_few_images_it_is_not_worth_saying(caplog: pytest.LogCaptureFixture) -> None:
    stages: list[str] = []
    done = with_time_left(50, "handcrafted", lambda stage, _share: stages.append(stage))
    with caplog.at_level(logging.INFO):
        done(0.5)
    assert stages == ["features"]
    assert not caplog.records


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (89, "89 s"), (120, "2 min"), (3599, "1 h 0 min"), (5400, "1 h 30 min")],
)
def test_a_time_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words
