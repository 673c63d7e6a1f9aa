"""`import onetag`: the public names, and nothing loaded before it is used."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest

import onetag
from onetag import _ROOMS


@pytest.mark.parametrize("name", _ROOMS)
def test_every_public_name_is_that_of_its_room(name: str) -> None:
    assert getattr(onetag, name) is getattr(import_module(_ROOMS[name]), name)


def test_all_of_it_is_listed() -> None:
    assert set(onetag.__all__) == {"__version__", *_ROOMS} == set(dir(onetag))


def test_a_name_that_there_is_not() -> None:
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        onetag.fitt  # noqa: B018 (it is the reading that fails)


def test_importing_loads_nothing_that_learns() -> None:
    program = (
        "import sys, onetag; print([name for name in ('torch', 'numpy', 'flask') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_training_by_public_names_alone() -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(60, 8)).astype("float32")
    observed = np.zeros((60, 3), dtype="int8")
    observed[np.arange(30), features[:30, :3].argmax(axis=1)] = 1
    result = onetag.fit(onetag.Pool(features, (8,), observed), onetag.Recipe(loss="an"))
    assert result.probabilities.shape == (60, 3)
