"""mAP of the paper's published code on the features, tags and test images of `benchmarks.accuracy`.

    python -m benchmarks.peer PATH ../shared/data/ucmerced --tags 1600

PATH is a checkout of that code (models.py, losses.py). It sees the mapped features that our heads see, and is
run as published: 25 epochs, 16 images a step, Adam, the best of three rates and the best epoch picked by mAP
on a fifth of the tagged images with all labels known, a help that ours does without. `ours` is the shipped
default on all tags and the untagged rest of the pool.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.data import Data, add_arguments, load, percent_map, splits
from model_backend.features import FeatureMap
from model_backend.simulation.picks import single_positives
from model_backend.training import Pool, fit
from model_backend.training.mapped_pool import transformed

EPOCHS, BATCH = 25, 16


def imported(file: Path) -> ModuleType:
    """A module from a file outside of the package."""
    description = importlib.util.spec_from_file_location(f"peer_{file.stem}", file)
    if description is None or description.loader is None or not file.exists():
        sys.exit(f"{file} is not there: give a checkout of the paper's published code.")
    module = importlib.util.module_from_spec(description)
    description.loader.exec_module(module)
    return module


def train(
    folder: Path,
    loss: str,
    rate: float,
    learn: tuple[Tensor, Tensor, float],
    checks: list[tuple[Tensor, NDArray[np.int8]]],
) -> list[list[float]]:
    """mAP (%) on each of the checks (features, truth) after each epoch. learn: features, tags, k."""
    models, losses = imported(folder / "models.py"), imported(folder / "losses.py")
    features, tags, positives = learn
    settings = {
        "arch": "linear",
        "feat_dim": features.shape[1],
        "num_classes": tags.shape[1],
        "loss": loss,
        "expected_num_pos": positives,
        "ls_coef": 0.1,
    }
    torch.manual_seed(0)  # its layers start from the global generator
    with redirect_stdout(None):  # it tells what it initialises
        model = models.MultilabelModel(settings, None, None, tags.numpy(), None)
    groups = [{"params": model.f.parameters(), "lr": rate}, {"params": model.g.parameters(), "lr": 10 * rate}]
    optimizer = torch.optim.Adam(groups, lr=rate)
    scores = []
    for epoch in range(EPOCHS):
        order = torch.randperm(len(tags), generator=torch.Generator().manual_seed(epoch))
        for rows in torch.split(order, BATCH):
            optimizer.zero_grad()
            batch = {"preds": model.f(features[rows]).sigmoid(), "label_vec_obs": tags[rows].float()}
            batch["label_vec_est"] = model.g(rows)
            torch.autograd.backward(losses.compute_batch_loss(batch, settings, {})["loss_tensor"])
            optimizer.step()
        with torch.no_grad():
            scores.append([percent_map(model.f(x), truth) for x, truth in checks])
    return scores


def best(folder: Path, data: Data, arguments: argparse.Namespace, loss: str) -> list[float]:
    """Test mAP (%) by seed, rate and epoch picked by clean validation."""
    result, sizes = [], (arguments.pool, arguments.test)
    for seed, learn, test in splits(data, *sizes, arguments.seeds, validation=False):
        mapping = FeatureMap.fit(learn.features, learn.blocks, seed=0)
        # As raw features have it: a mean square of about one a number.
        size = mapping.dimensions**0.5
        mapped, unseen = (size * transformed(mapping, part.features) for part in (learn, test))
        observed = single_positives(learn.truth, arguments.tags, seed=seed)
        rows = np.random.default_rng(seed).permutation(np.flatnonzero(observed.any(axis=1)))
        held, kept = rows[: len(rows) // 5], rows[len(rows) // 5 :]
        tags = torch.from_numpy(observed[kept])
        learned_from = (mapped[kept], tags, float(learn.truth.sum(axis=1).mean()))
        checks = [(mapped[held], learn.truth[held]), (unseen, test.truth)]
        runs = [train(folder, loss, rate, learned_from, checks) for rate in arguments.rates]
        result.append(max((epoch for run in runs for epoch in run), key=lambda pair: pair[0])[1])
    return result


def ours(data: Data, arguments: argparse.Namespace) -> list[float]:
    """Test mAP (%) of the shipped default by seed, on the same tags."""
    result, sizes = [], (arguments.pool, arguments.test)
    for seed, learn, test in splits(data, *sizes, arguments.seeds, validation=False):
        observed = single_positives(learn.truth, arguments.tags, seed=seed)
        positives = float(learn.truth.sum(axis=1).mean())
        fitted = fit(Pool(learn.features, learn.blocks, observed), expected_positives=positives)
        result.append(percent_map(fitted.model.predict(test.features), test.truth))
    return result


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("peer", type=Path, help="folder with models.py and losses.py")
    add_arguments(parser)
    parser.add_argument("--tags", type=int, default=1600)
    parser.add_argument("--rates", type=float, nargs="+", default=[1e-2, 1e-3, 1e-4])
    parser.add_argument("--losses", nargs="+", default=["an", "an_ls", "wan", "epr", "role"])
    arguments = parser.parse_args()
    data = load(arguments)
    _show("ours", ours(data, arguments))
    for loss in arguments.losses:
        _show(loss, best(arguments.peer, data, arguments, loss))


def _show(row: str, found: list[float]) -> None:
    print(f"{row:8} {np.mean(found):.1f} +- {np.std(found):.1f}", flush=True)


if __name__ == "__main__":
    main()
