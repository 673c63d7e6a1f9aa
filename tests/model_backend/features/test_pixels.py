"""Images on their way to a training from pixels: transformed once, on disk, and gone afterwards."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from model_backend.errors import LearningError
from model_backend.features.extract import BATCH
from model_backend.features.pixels import on_disk


def grey(level: int) -> Callable[[], bytes]:
    stream = io.BytesIO()
    Image.new("RGB", (5, 4), (level, level, level)).save(stream, "PNG")
    return stream.getvalue


def small(image: Image.Image) -> torch.Tensor:
    """The whole picture as uint8 (3, 2, 2)."""
    return torch.from_numpy(np.array(image.resize((2, 2)))).permute(2, 0, 1)


def unreachable() -> bytes:
    raise OSError("no such upload")


def test_items_are_read_by_their_number_in_any_order_and_nothing_is_left(tmp_path: Path) -> None:
    items = {10 * level: grey(level) for level in range(BATCH + 3)}
    done: list[float] = []
    with on_disk(items, small, tmp_path, done.append) as pixels:
        found = pixels.read(torch.tensor([340, 0, 120]))
        assert found.shape == (3, 3, 2, 2)
        assert found.dtype == torch.uint8
        assert found[:, 0, 0, 0].tolist() == [34, 0, 12]
        assert isinstance(pixels.images, np.memmap), "on disk, not in memory"
    assert list(tmp_path.iterdir()) == []
    assert done == [pytest.approx(BATCH / len(items)), 1.0]


def test_what_cannot_be_read_is_a_problem_of_its_own(tmp_path: Path) -> None:
    items = {0: grey(1), 1: unreachable, 2: lambda: b"not a picture", 3: grey(4), 4: grey(5)}
    with on_disk(items, small, tmp_path) as pixels:
        assert pixels.read(torch.tensor([0, 3, 4]))[:, 0, 0, 0].tolist() == [1, 4, 5]
        assert set(pixels.problems) == {1, 2}
        assert pixels.problems[1] == "no such upload"
    with on_disk({7: grey(1)}, small, tmp_path, max_pixels=10) as pixels:
        assert "more than the 10 allowed" in pixels.problems[7]
        assert pixels.places == {}


def test_a_full_disk_and_a_missing_folder_say_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        pytest.raises(LearningError, match=r"Free some space.*ONETAG_DATA_DIR"),
        on_disk({0: grey(1)}, small, tmp_path / "missing"),
    ):
        pass
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: full.open("r+b", buffering=0))
    with (
        pytest.raises(LearningError, match=r"No space left on device.*Free some space"),
        on_disk({0: grey(1)}, small, tmp_path),
    ):
        pass
