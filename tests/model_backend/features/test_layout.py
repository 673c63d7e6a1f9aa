"""Images on a plane: where they vary most, to one scale, the same each time, and read in pieces."""

import numpy as np
import pytest
from numpy.typing import NDArray

from model_backend.features import layout, near
from model_backend.features.layout import Laid, lay_out

Floats = NDArray[np.float32]


def spread_out(images: int = 600, width: int = 40, seed: int = 0) -> Floats:
    """Features that vary most along their first two numbers."""
    features = np.random.default_rng(seed).normal(size=(images, width))
    features[:, 0] *= 20
    features[:, 1] *= 10
    return (features + 5).astype(np.float32)


def laid_out(features: Floats, blocks: tuple[int, ...] | None = None) -> Laid:
    return lay_out(lambda rows: features[rows], len(features), blocks or (features.shape[1],))


def test_places_are_the_two_directions_in_which_the_features_vary_most() -> None:
    features = spread_out()
    laid = laid_out(features)
    for axis in (0, 1):
        assert abs(np.corrcoef(laid.places[:, axis], features[:, axis])[0, 1]) > 0.99
    assert laid.places.std(axis=0)[0] / laid.places.std(axis=0)[1] == pytest.approx(2, rel=0.1)


def test_the_shares_are_those_of_the_variance() -> None:
    features = spread_out()
    variance = features.var(axis=0)
    shares = laid_out(features).shares
    assert shares == pytest.approx((variance[0] / variance.sum(), variance[1] / variance.sum()), rel=0.02)


def test_places_fill_minus_one_to_one_around_the_middle() -> None:
    places = laid_out(spread_out()).places
    assert np.abs(places).max() == pytest.approx(1)
    assert np.allclose(places.mean(axis=0), 0, atol=1e-3)


def test_the_same_images_are_laid_out_the_same() -> None:
    features = spread_out()
    one, other = laid_out(features), laid_out(features)
    assert np.array_equal(one.places, other.places)
    assert np.array_equal(one.groups, other.groups)


def test_no_more_is_read_at_once_than_a_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("PIECE", 50), ("SAMPLE", 100)):
        monkeypatch.setattr(layout, name, value)
    monkeypatch.setattr(near, "EXACT", 50)
    features, most, rested = spread_out(), 0, 0

    def read(rows: NDArray[np.intp]) -> Floats:
        nonlocal most
        most = max(most, len(rows))
        assert np.all(np.diff(rows) > 0)
        return features[rows]

    def rest() -> None:
        nonlocal rested
        rested += 1

    laid = lay_out(read, len(features), (40,), rest=rest)
    assert most == 100
    assert rested > 10
    assert abs(np.corrcoef(laid.places[:, 0], features[:, 0])[0, 1]) > 0.99


def test_what_the_rest_raises_ends_it() -> None:
    def stop() -> None:
        raise InterruptedError

    features = spread_out()
    with pytest.raises(InterruptedError):
        lay_out(lambda rows: features[rows], len(features), (40,), rest=stop)


def test_each_block_of_features_counts_the_same() -> None:
    features = np.random.default_rng(0).normal(size=(400, 12)).astype(np.float32)
    features[:, 0] *= 5
    features[:, 6:] *= 1000
    assert abs(np.corrcoef(laid_out(features, (6, 6)).places[:, 0], features[:, 0])[0, 1]) > 0.9


@pytest.mark.parametrize("images", [0, 1, 2, 3])
def test_few_images_have_places_too(images: int) -> None:
    laid = laid_out(spread_out(10)[:images], (40,))
    assert laid.places.shape == (images, 2)
    assert np.isfinite(laid.places).all()
    assert all(0 <= share <= 1.001 for share in laid.shares)


def test_images_that_are_all_alike_lie_in_the_middle() -> None:
    laid = laid_out(np.ones((30, 8), np.float32))
    assert np.allclose(laid.places, 0)
    assert laid.shares == (0.0, 0.0)


def test_features_of_one_number_have_one_axis() -> None:
    laid = laid_out(np.arange(30, dtype=np.float32)[:, None])
    assert laid.shares == pytest.approx((1.0, 0.0))
    assert np.allclose(laid.places[:, 1], 0)
