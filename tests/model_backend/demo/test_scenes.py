"""Scenes: real digits composed on a canvas, the same for the same seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from model_backend.demo.dataset import read_dataset, split
from model_backend.demo.scenes import CANVAS, NAMES, scenes, write_scenes


def test_a_scene_holds_one_to_four_different_digits() -> None:
    made = list(scenes(80, seed=3))
    counts = {len(scene.present) for scene in made}
    assert counts == {1, 2, 3, 4}
    assert all(len(set(scene.present)) == len(scene.present) for scene in made)
    assert {digit for scene in made for digit in scene.present} == set(range(len(NAMES)))
    assert all(scene.image.size == (CANVAS, CANVAS) and scene.image.mode == "RGB" for scene in made)


def test_the_seed_decides_and_the_count_does_not() -> None:
    few, many, other = list(scenes(3, 0)), list(scenes(6, 0)), list(scenes(3, 1))
    assert [scene.image.tobytes() for scene in few] == [scene.image.tobytes() for scene in many[:3]]
    assert few[0].image.tobytes() != other[0].image.tobytes()


def test_a_digit_is_drawn_where_the_truth_says_that_something_is() -> None:
    bright = [(np.asarray(scene.image).max(axis=2) > 150).mean() for scene in scenes(40, 0)]
    number = [len(scene.present) for scene in scenes(40, 0)]
    assert np.corrcoef(bright, number)[0, 1] > 0.7


def test_written_scenes_read_back_with_their_split(tmp_path: Path) -> None:
    write_scenes(tmp_path, count=12, held_out=5, seed=0)
    data = read_dataset(tmp_path)
    train, test = split(tmp_path, data, images=None, held_out=None, seed=0)
    assert (len(train.files), len(test.files)) == (12, 5)
    assert not set(train.files) & set(test.files)
    truth = [scene.present for scene in scenes(17, 0)]
    assert [tuple(np.flatnonzero(row)) for row in data.truth] == truth


def test_writing_again_changes_nothing_and_a_smaller_set_leaves_no_stale_file(tmp_path: Path) -> None:
    write_scenes(tmp_path, 6, 2, 0)
    first = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.*")}
    write_scenes(tmp_path, 6, 2, 0)
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.*")} == first
    write_scenes(tmp_path, 3, 1, 0)
    assert len(list((tmp_path / "images").iterdir())) == 4
