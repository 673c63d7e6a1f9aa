"""Seconds of linear ROLE training to the mAP of the naive loop: 16 samples a step, dense Adam.

    python -m benchmarks.speed                         # VOC size, COCO size, 10k x 80
    python -m benchmarks.speed --sizes voc --peer PATH # with a checkout of the paper's published code

Features and truth are planted: 2,048 numbers an image, one positive tagged. The naive loop is the paper's
(probabilities, log(p + 1e-5), an N x L parameter in dense Adam). Its seconds a step are measured for a few
seconds. Its mAP by epoch is followed, at the best of several rates, with a loop where rows not in the batch
stand still (faster, or it could not be followed at COCO size at all). Its time is the steps until it first
comes within 0.1 mAP of its best, times its seconds a step, and beside it the 25 epochs of the paper's linear
protocol, among which it then picks: extrapolated, not waited for. Ours is the time of a whole training.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from benchmarks.data import percent_map
from benchmarks.peer import imported
from model_backend.devices import pick_device
from model_backend.estimators.rows import RowTable
from model_backend.progress import silent
from model_backend.training import Recipe
from model_backend.training.linear import fit_linear
from model_backend.training.supervision import Supervision

WIDTH, RANK, TEST, BATCH = 2048, 32, 4000, 16
RATE, RATES = 1e-3, (1e-3, 1e-4, 1e-5)
EPSILON = 1e-5
CLOSE = 0.1  # mAP in points
PAPER_EPOCHS = 25  # of its linear protocol
REPEATS = 3  # of ours, the quickest counts; the naive loop's seconds a step are a mean over many


@dataclass(frozen=True)
class Size:
    """images, labels, k, and how ours is trained at that size."""

    images: int
    labels: int
    positives: float
    epochs: int
    batch: int
    rate: float


SIZES = {
    "voc": Size(5717, 20, 1.5, 1, 512, 0.03),
    "coco": Size(82081, 80, 2.9, 1, 512, 0.01),
    "10k": Size(10000, 80, 2.9, 3, 512, 0.03),
}


@dataclass(frozen=True, eq=False)
class Problem:
    """features (N, F) and tags (N, L) to learn from, features and truth to test on."""

    features: Tensor
    tags: Tensor
    test: Tensor
    truth: Tensor


def plant(size: Size, seed: int = 0) -> Problem:
    """Labels follow a low-rank score, about k an image; features are a noisy view of its hidden numbers."""
    random = torch.Generator().manual_seed(seed)
    count = size.images + TEST
    hidden = torch.randn(count, RANK, generator=random)
    scores = hidden @ torch.randn(RANK, size.labels, generator=random) / RANK**0.5
    scores += 0.5 * torch.randn(size.labels, generator=random)
    limit = (
        scores[:4000].flatten().kthvalue(int(4000 * size.labels * (1 - size.positives / size.labels))).values
    )
    truth = scores >= torch.minimum(scores.amax(1, keepdim=True), limit)
    features = torch.tanh(hidden @ torch.randn(RANK, WIDTH, generator=random) / RANK**0.5)
    features += 0.5 * torch.randn(count, WIDTH, generator=random)
    tagged = (torch.rand(truth.shape, generator=random) * truth)[: size.images].argmax(1)
    tags = torch.zeros(size.images, size.labels, dtype=torch.int8)
    tags[torch.arange(size.images), tagged] = 1
    return Problem(features[: size.images], tags, features[size.images :], truth[size.images :])


def role(chance: Tensor, estimate: Tensor, tags: Tensor, positives: float) -> Tensor:
    """ROLE as published: on probabilities, summed over cells / (B L)."""

    def side(student: Tensor, teacher: Tensor) -> Tensor:
        known = -(student[tags > 0] + EPSILON).log().sum()
        cross = -(teacher * (student + EPSILON).log() + (1 - teacher) * (1 - student + EPSILON).log()).sum()
        gap = (student.sum(1).mean() - positives) ** 2 / tags.shape[1] ** 2
        return (known + cross) / tags.numel() + gap

    return (side(chance, estimate.detach()) + side(estimate, chance.detach())) / 2


def started(tags: Tensor) -> Tensor:
    """The estimator's start: logits of 0.4..0.6, of 0.995 where tagged."""
    logits = 0.405 * (2 * torch.rand(tags.shape, generator=torch.Generator().manual_seed(1)) - 1)
    return torch.where(tags > 0, 5.293, logits)


def samples(problem: Problem, rows: list[int]) -> tuple[Tensor, Tensor]:
    """A batch as a DataLoader makes it: sample by sample, then stacked."""
    items = [(problem.features[row], problem.tags[row]) for row in rows]
    return torch.stack([item[0] for item in items]), torch.stack([item[1] for item in items])


def naive_step_seconds(problem: Problem, size: Size, limit: float) -> float:
    """Mean seconds of a step of the naive loop, over `limit` seconds."""
    head = torch.nn.Linear(WIDTH, size.labels)
    matrix = torch.nn.Parameter(started(problem.tags))
    groups = [{"params": head.parameters(), "lr": RATE}, {"params": [matrix], "lr": 10 * RATE}]
    optimizer = torch.optim.Adam(groups)
    order = torch.randperm(size.images).tolist()

    def step(index: int) -> None:
        begin = index * BATCH % (size.images - BATCH)
        rows = order[begin : begin + BATCH]
        features, tags = samples(problem, rows)
        optimizer.zero_grad()
        value = role(head(features).sigmoid(), matrix[rows].sigmoid(), tags, size.positives)
        torch.autograd.backward(value)
        optimizer.step()

    return timed(step, limit)


def peer_step_seconds(folder: Path, problem: Problem, size: Size, limit: float) -> float:
    """The same for the published code: its model, its loss, its optimiser, its order of work."""
    models, losses = imported(folder / "models.py"), imported(folder / "losses.py")
    settings = {
        "arch": "linear",
        "feat_dim": WIDTH,
        "num_classes": size.labels,
        "loss": "role",
        "expected_num_pos": size.positives,
    }
    model = models.MultilabelModel(settings, None, None, problem.tags.numpy(), None)
    groups = [{"params": model.f.parameters(), "lr": RATE}, {"params": model.g.parameters(), "lr": 10 * RATE}]
    optimizer = torch.optim.Adam(groups, lr=RATE)
    order = torch.randperm(size.images).tolist()

    def step(index: int) -> None:
        begin = index * BATCH % (size.images - BATCH)
        rows = order[begin : begin + BATCH]
        features, tags = samples(problem, rows)
        optimizer.zero_grad()
        batch = {"preds": model.f(features).sigmoid(), "label_vec_obs": tags.float()}
        batch["label_vec_est"] = model.g(torch.tensor(rows))
        torch.autograd.backward(losses.compute_batch_loss(batch, settings, {})["loss_tensor"])
        optimizer.step()

    return timed(step, limit)


def timed(step: Callable[[int], None], limit: float) -> float:
    """Mean seconds a call, after three for warmth."""
    for index in range(3):
        step(index)
    begun, count = time.perf_counter(), 0
    while time.perf_counter() - begun < limit:
        step(count)
        count += 1
    return (time.perf_counter() - begun) / count


def naive_curve(problem: Problem, size: Size, epochs: int, rate: float) -> list[float]:
    """mAP (%) on the test images after each epoch of the naive loop, until two in a row are no better."""
    head = torch.nn.Linear(WIDTH, size.labels)
    optimizer = torch.optim.Adam(head.parameters(), rate, fused=True)
    table, curve = RowTable(started(problem.tags)), []
    for epoch in range(epochs):
        order = torch.randperm(size.images, generator=torch.Generator().manual_seed(epoch))
        for rows in torch.split(order, BATCH):
            estimate = table.gather(rows).sigmoid()
            value = role(head(problem.features[rows]).sigmoid(), estimate, problem.tags[rows], size.positives)
            optimizer.zero_grad()
            torch.autograd.backward(value)
            optimizer.step()
            table.step(10 * rate)
        with torch.no_grad():
            curve.append(percent_map(head(problem.test), problem.truth))
        if len(curve) > 2 and max(curve[-2:]) <= max(curve[:-2]):
            break
    return curve


def ours(problem: Problem, size: Size, device: str) -> tuple[float, float]:
    """(seconds, mAP) of a whole training with ROLE and the matrix estimator, scaling of features included."""
    recipe = Recipe(
        loss="role",
        estimator="matrix",
        epochs=size.epochs,
        batch=size.batch,
        learning_rate=size.rate,
        least_steps=0,
        device=device,
    )
    begun = time.perf_counter()
    scale = float(torch.linalg.vector_norm(problem.features)) / size.images**0.5
    supervision = Supervision(problem.tags, size.positives)
    fitted = fit_linear(problem.features / scale, supervision, recipe, progress=silent)
    seconds = time.perf_counter() - begun
    return seconds, percent_map(fitted.heads[0].scores(problem.test / scale), problem.truth)


def matmul_rate(device: torch.device, kind: torch.dtype = torch.float32, side: int = 2048) -> float:
    """Floating point operations a second of a matrix product there."""
    one = torch.randn(side, side, device=device, dtype=kind)

    def product(_index: int) -> None:
        one @ one
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return 2 * side**3 / timed(product, 1.0)


def measure(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """One size."""
    size = SIZES[name]
    problem = plant(size)
    device = pick_device(arguments.device)
    runs = [ours(problem, size, str(device)) for _ in range(REPEATS)]
    seconds, reached = min(run[0] for run in runs), runs[0][1]
    operations = 6.0 * size.images * WIDTH * size.labels * size.epochs
    step = naive_step_seconds(problem, size, arguments.seconds)
    curves = {rate: naive_curve(problem, size, arguments.epochs, rate) for rate in arguments.rates}
    rate, curve = max(curves.items(), key=lambda item: max(item[1]))
    epochs = next(index for index, value in enumerate(curve, 1) if value >= max(curve) - CLOSE)
    steps = epochs * (size.images // BATCH)
    result = {
        "size": name,
        "seconds": seconds,
        "map": reached,
        "images_per_second": size.images * size.epochs / seconds,
        "matmul_share": operations / seconds / matmul_rate(device),
        "naive_step_ms": 1e3 * step,
        "naive_rate": rate,
        "naive_map": max(curve),
        "naive_epochs": epochs,
        "naive_seconds": steps * step,
        "times_faster": steps * step / seconds,
        "naive_25_epochs_seconds": PAPER_EPOCHS * (size.images // BATCH) * step,
        "times_faster_than_25_epochs": PAPER_EPOCHS * (size.images // BATCH) * step / seconds,
    }
    if arguments.peer is not None:
        peer = peer_step_seconds(arguments.peer, problem, size, arguments.seconds)
        result |= {
            "peer_step_ms": 1e3 * peer,
            "peer_seconds": steps * peer,
            "peer_times": steps * peer / seconds,
        }
    return result


def plot(results: list[dict[str, Any]], file: Path) -> None:
    """Seconds of each size: ours, the naive loop's and, where it ran, the published code's."""
    bars = {"seconds": "ours", "naive_seconds": "naive loop", "peer_seconds": "published code"}
    shown = [(key, name) for key, name in bars.items() if key in results[0]]
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    for index, (key, name) in enumerate(shown):
        places = [place + 0.8 * index / len(shown) for place in range(len(results))]
        drawn = axes.bar(places, [result[key] for result in results], 0.8 / len(shown), label=name)
        axes.bar_label(drawn, fmt=_seconds, fontsize="small")
    axes.set(yscale="log", ylabel="seconds", title="linear training with ROLE to the naive loop's best mAP")
    middle = 0.4 - 0.4 / len(shown)
    axes.set_xticks([place + middle for place in range(len(results))], [result["size"] for result in results])
    axes.legend()
    figure.savefig(file, dpi=120)


def _seconds(value: float) -> str:
    return f"{value:,.0f} s" if value >= 10 else f"{value:.2g} s"


def main() -> None:
    """Read the arguments, run, print, write JSON and PNG."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument(
        "--peer", type=Path, help="folder of the paper's published code (models.py, losses.py)"
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="how long a naive step is timed")
    parser.add_argument("--epochs", type=int, default=25, help="most epochs that the naive loop is followed")
    parser.add_argument("--rates", type=float, nargs="+", default=RATES, help="rates the naive loop tries")
    parser.add_argument("--device", default="cpu", help="ours alone: auto, cpu or cuda")
    parser.add_argument("--out", type=Path, default=Path("onetag-data/speed.json"))
    arguments = parser.parse_args()
    results = []
    for name in arguments.sizes:
        results.append(measure(name, arguments))
        print("  ".join(f"{key} {_short(value)}" for key, value in results[-1].items()), flush=True)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    report = {"threads": torch.get_num_threads(), "torch": torch.__version__, "results": results}
    arguments.out.write_text(json.dumps(report, indent=1), encoding="utf-8")
    plot(results, arguments.out.with_suffix(".png"))


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
