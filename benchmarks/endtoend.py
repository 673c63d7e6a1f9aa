"""Training from pixels: mAP before and after on real images, images a second, and the share of peak.

    python -m benchmarks.endtoend ../shared/data/coco18 --pool 2000 --tags 400
    python -m benchmarks.endtoend ../shared/data/ucmerced --backbone resnet18 --untrained --tags 200

The pool is split as in `benchmarks.accuracy --validation`: one positive is tagged on some images of four
fifths of the pool, and mAP is measured on the last fifth. linear: the head on the frozen network's features,
from which end to end starts; default: the shipped recipe on the frozen features. Shares are of the rate of a
large matrix product on the same device in the same precision, counting the products of convolutions and
linear layers: three times where the network learns (forward, and backward to inputs and to weights), once in
the epochs where it stands still.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import get_model

from benchmarks.data import percent_map, validation_rows
from benchmarks.speed import matmul_rate
from model_backend.backbones import Network, load_backbone
from model_backend.demo.dataset import Dataset, read_dataset
from model_backend.devices import bf16_is_fast, pick_device
from model_backend.simulation.picks import single_positives
from model_backend.training import Pool, Recipe, fit, fit_tuned, tune
from model_backend.training.endtoend import EndToEndSettings

MATRIX, BATCH = 4096, 32
STANDARD = EndToEndSettings()


def network(name: str, weights: Path | None, device: str, *, untrained: bool) -> Network:
    """The backbone; untrained: with the random weights that torchvision starts from."""
    if not untrained:
        return _as_network(load_backbone(name, weights=weights, device=device))
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "untrained.safetensors"
        save_file(dict(get_model(name, weights=None).state_dict()), file)
        return _as_network(load_backbone(name, weights=file, device=device))


def _as_network(backbone: Any) -> Network:
    if not isinstance(backbone, Network):
        raise SystemExit(f"{backbone.name} has nothing to train: choose a network, as --backbone resnet18.")
    return backbone


def pixels(data: Dataset, chosen: Network) -> Tensor:
    """Every image as the network sees it, uint8 (N, 3, S, S)."""
    return torch.stack([chosen.transform(Image.open(file).convert("RGB")) for file in data.files])


def features(module: torch.nn.Module, images: Tensor, device: torch.device) -> tuple[Any, float]:
    """Features (N, F) of the images, and how many images a second they took."""
    module, begun = module.to(device).eval(), time.perf_counter()
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16_is_fast(device)):
        found = [module(part.to(device)).float().cpu() for part in torch.split(images, BATCH)]
    return torch.cat(found).numpy(), len(images) / (time.perf_counter() - begun)


def operations(chosen: Network, image: Tensor, device: torch.device) -> float:
    """Floating point operations of one image's features."""
    counter = FlopCounterMode(display=False)
    with counter, torch.inference_mode():
        chosen.module.to(device)(image[None].to(device))
    return float(counter.get_total_flops())


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Everything that is printed."""
    device = pick_device(arguments.device)
    chosen = network(arguments.backbone, arguments.weights, str(device), untrained=arguments.untrained)
    learn, score = split(arguments)
    images, unseen = pixels(learn, chosen), pixels(score, chosen)
    seen, speed = features(chosen.module, images, device)
    tags = min(arguments.tags, len(learn.truth))
    observed = single_positives(learn.truth.astype(np.int8), tags, seed=arguments.seed)
    pool, recipe = Pool(seen, chosen.blocks, observed), tuning_recipe(arguments, device)
    positives = float(learn.truth.sum(axis=1).mean())
    begun = time.perf_counter()
    tuned = tune(chosen.module, lambda rows: images[rows], pool, recipe, expected_positives=positives)
    minutes = (time.perf_counter() - begun) / 60
    moved = Pool(features(tuned.module, images, device)[0], chosen.blocks, observed)
    head = replace(recipe, loss=arguments.loss or "em", map="linear")
    kind = torch.bfloat16 if bf16_is_fast(device) else torch.float32
    rate, work = matmul_rate(device, kind, MATRIX), operations(chosen, images[0], device)
    passes = 1 + 2 * (1 - min(arguments.frozen, arguments.epochs) / arguments.epochs)
    before, after = (features(each, unseen, device)[0] for each in (chosen.module, tuned.module))
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "bf16": bf16_is_fast(device),
        "tagged": tags,
        "linear_map": percent_map(
            fit(pool, head, expected_positives=positives).model.predict(before), score.truth
        ),
        "default_map": percent_map(
            fit(pool, expected_positives=positives).model.predict(before), score.truth
        ),
        "end_to_end_map": percent_map(fit_tuned(moved, tuned, recipe).model.predict(after), score.truth),
        "training_minutes": minutes,
        "losses": list(tuned.losses),
        "features_images_per_second": speed,
        "features_share_of_peak": speed * work / rate,
        "training_images_per_second": tuned.images_per_second,
        "training_share_of_peak": passes * tuned.images_per_second * work / rate,
    }


def split(arguments: argparse.Namespace) -> tuple[Dataset, Dataset]:
    """What to learn from, and what to score on; the test images of `benchmarks.accuracy` are in neither."""
    data = read_dataset(arguments.data)
    learn, score = validation_rows(len(data.files), arguments.pool, arguments.seed)
    return data.subset(learn), data.subset(score)


def tuning_recipe(arguments: argparse.Namespace, device: torch.device) -> Recipe:
    """The recipe that the arguments describe."""
    options = {
        "epochs": arguments.epochs,
        "batch": arguments.batch,
        "frozen": arguments.frozen,
        "backbone_rate": arguments.rate,
        "batch_statistics": arguments.untrained,
    }
    return Recipe(
        loss=arguments.loss,
        estimator=arguments.estimator,
        seed=arguments.seed,
        device=str(device),
        end_to_end=True,
        end_to_end_options=options,
    )


def main() -> None:
    """Read the arguments, run, print, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder with images/ and labels.csv")
    parser.add_argument("--backbone", default="auto")
    parser.add_argument(
        "--weights", type=Path, help="weights file of a network; without it, as installed or downloaded"
    )
    parser.add_argument("--untrained", action="store_true", help="start from random weights")
    parser.add_argument("--pool", type=int, default=1600)
    parser.add_argument("--tags", type=int, default=800)
    parser.add_argument("--loss", help="default: EM")
    parser.add_argument("--estimator")
    parser.add_argument("--epochs", type=int, default=STANDARD.epochs)
    parser.add_argument("--frozen", type=int, default=STANDARD.frozen, help="first epochs with it still")
    parser.add_argument(
        "--rate",
        type=float,
        default=STANDARD.backbone_rate,
        help="of the backbone; untrained ones want more, as 1e-3",
    )
    parser.add_argument("--batch", type=int, default=STANDARD.batch)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, default=Path("onetag-data/endtoend.json"))
    arguments = parser.parse_args()
    result = run(arguments)
    print("\n".join(f"{name:28} {_text(value)}" for name, value in result.items()))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=1), encoding="utf-8")


def _text(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(f"{item:.4f}" for item in value)
    return f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
