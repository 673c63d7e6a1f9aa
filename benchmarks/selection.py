"""What choosing a recipe without a labelled validation set loses against choosing with one.

    python -m benchmarks.selection ../shared/data/ucmerced
    python -m benchmarks.selection ../shared/data/coco18 --pool 2000 --test 1000

Every recipe of `benchmarks.accuracy` learns from tags of which a fifth is held out, and is scored by those:
the macro AUC of "was this label the tag" and the tag's mean reciprocal rank. Or it is scored by some images
whose labels are all known, as completed reviews give them. The clean mAP is that on a fifth of the pool,
all labels known. Regret: the clean mAP of the best recipe less that of the chosen one, in points; rank
correlation: Spearman's, of the score with the clean mAP over the recipes. Test images are never read.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from benchmarks.accuracy import DEFAULT, recipes
from benchmarks.data import Data, add_arguments, load, percent_map, splits
from model_backend.simulation.picks import single_positives
from model_backend.training import Pool, fit
from model_backend.training.selection import held_out, tag_auc, tag_rank

CLEAN = "clean mAP"
Scores = dict[str, float]


def scored(learn: Data, score: Data, count: int, seed: int, reviews: int) -> dict[str, Scores]:
    """By recipe and measure: the score, for `count` tags of which a fifth is held out."""
    observed = torch.from_numpy(single_positives(learn.truth, min(count, len(learn.truth)), seed=seed))
    held = held_out(observed, seed)
    pool = Pool(learn.features, learn.blocks, held.observed.numpy())
    reviewed = np.random.default_rng(seed).permutation(len(score.truth))
    seen, clean = score.rows(reviewed[:reviews]), score.rows(reviewed[reviews:])
    positives = float(learn.truth.sum(axis=1).mean())
    found, previous = {}, None
    for name, (recipe, full) in recipes("all").items():
        if full:
            continue
        model = previous = fit(pool, recipe, expected_positives=positives, previous=previous).model
        scores = torch.from_numpy(model.predict(learn.features[held.rows.numpy()]))
        found[name] = {
            "tag AUC": tag_auc(scores, held.tags),
            "tag rank": tag_rank(scores, held.tags),
            f"{reviews} reviews": percent_map(model.predict(seen.features), seen.truth),
            CLEAN: percent_map(model.predict(clean.features), clean.truth),
        }
    return found


def compared(found: dict[str, Scores]) -> dict[str, Scores]:
    """By way of choosing: regret in points of mAP, and rank correlation where there is a score."""
    clean = np.array([scores[CLEAN] for scores in found.values()])
    result = {f"always {DEFAULT}": {"regret": float(clean.max() - found[DEFAULT][CLEAN])}}
    for measure in next(iter(found.values())):
        values = np.array([scores[measure] for scores in found.values()])
        if measure != CLEAN:
            regret = float(clean.max() - clean[values.argmax()])
            result[measure] = {"regret": regret, "rank": float(spearmanr(values, clean).statistic)}
    return result | {"by chance": {"regret": float(clean.max() - clean.mean())}}


def lines(rows: list[dict[str, Scores]]) -> Iterator[str]:
    """The printed rows of one count of tags, means and spreads over seeds."""
    for way in rows[0]:
        regrets, ranks = ([row[way].get(what, np.nan) for row in rows] for what in ("regret", "rank"))
        rank = f"rank correlation {np.mean(ranks):5.2f}" if "rank" in rows[0][way] else ""
        yield f"  {way:16} regret {np.mean(regrets):4.1f} +- {np.std(regrets):3.1f}  {rank}".rstrip()


def main() -> None:
    """Read the arguments, run, print, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--counts", type=int, nargs="+", default=[50, 200, 800, 1600])
    parser.add_argument("--reviews", type=int, default=50, help="images with all labels known, to choose by")
    parser.add_argument("--out", type=Path, default=Path("onetag-data/selection.json"))
    add_arguments(parser)
    arguments = parser.parse_args()
    data = load(arguments)
    sizes = (arguments.pool, arguments.test)
    report: dict[str, Any] = {}
    for count in arguments.counts:
        rows = [
            compared(scored(learn, score, count, seed, arguments.reviews))
            for seed, learn, score in splits(data, *sizes, arguments.seeds, validation=True)
        ]
        report[str(count)] = rows
        print(f"{count:,} tags", *lines(rows), sep="\n", flush=True)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(report, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
