"""Which images a training computes first, and how long the features of a pool still take."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from annotator.labelstudio.images import FolderFile
from annotator.store import Project, Store, get_or_create_folder_project, sync_folder_images
from annotator.store.types import utc_now
from model_backend.engine.pool import FirstImages, duration, with_time_left
from model_backend.engine.reading import ImageRow, image_rows


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


def rows(count: int) -> list[ImageRow]:
    return [ImageRow(100 + at, f"/data/{at}.png", None) for at in range(count)]


@pytest.mark.parametrize("count", [0, 3, 5, 40])
def test_first_are_the_ready_then_the_preferred_then_a_draw(count: int) -> None:
    ready = np.arange(20) < 4
    preferred = frozenset({102, 110, 111, 112})
    chosen = FirstImages(count, preferred, seed=0).choose(rows(20), ready)
    assert chosen[ready].all(), "their features cost nothing"
    assert chosen.sum() == min(max(count, 4 + min(count, 3)), 20), "the ready ones count"
    assert chosen[10:13].sum() == min(count, 3)


def test_the_draw_is_spread_over_the_pool_and_the_same_for_a_seed() -> None:
    nothing = np.zeros(1000, dtype=bool)
    chosen = [FirstImages(100, frozenset(), seed).choose(rows(1000), nothing) for seed in (0, 0, 1)]
    assert np.array_equal(chosen[0], chosen[1])
    assert not np.array_equal(chosen[0], chosen[2])
    assert 25 < chosen[0][:500].sum() < 75


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (89, "89 s"), (120, "2 min"), (3599, "1 h 0 min"), (5400, "1 h 30 min")],
)
def test_a_time_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_an_image_of_a_folder_is_read_there_and_one_of_label_studio_never(
    sqlite_store: Store, tmp_path: Path, make_project: Callable[..., Project]
) -> None:
    with sqlite_store.session() as session:
        make_project(session, images=1)
        alone = get_or_create_folder_project(session, tmp_path, "photos", "<View/>")
        sync_folder_images(session, alone.id, {"a.png": utc_now()})
        found = image_rows(session, [1, 2], again=True)
    assert [row.uri for row in found] == ["/data/upload/7/1.jpg", "a.png"]
    assert [isinstance(row.uri, FolderFile) for row in found] == [False, True]
    assert isinstance(found[1].uri, FolderFile)
    assert found[1].uri.folder == tmp_path
