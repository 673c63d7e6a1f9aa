"""Whether a plan foretells: what it says of a record, beside what the whole truth says of it.

    python -m benchmarks.forecast ../shared/data/ucmerced
    python -m benchmarks.forecast ../shared/data/coco18 --pool 2000 --test 1000

For each seed some images are completely labelled and some others tagged. The plan measures the mAP by refits
on parts of that, and says what mAP more tags bring. Beside it stands the mAP on the pool's images that nobody
answered and that show a label, after a training on the whole record, and on the record with more tags.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from annotator.store.rates import WORTH, WORTH_SPREAD
from benchmarks.data import Data, add_arguments, load, percent_map, splits
from benchmarks.simulate import Mixture
from model_backend.planning import Worth, forecast, refit, worth_of_complete
from model_backend.training import Pool, fit


@dataclass(frozen=True)
class Foretold:
    """mAP and gain in points, each with the plan's standard deviation; worth of a complete image in tags."""

    measured: float
    measured_spread: float
    true: float
    gain: float
    gain_spread: float
    true_gain: float
    worth: float
    worth_spread: float


def foretold(data: Data, record: Mixture, more: int, seed: int) -> Foretold:
    """What a plan says of a record, and what is true of it. Raises SystemExit where it says nothing."""
    pool = _pool(data, record, seed)
    whole = refit(pool, seed=seed)
    prior = Worth(WORTH, WORTH_SPREAD)
    worth = worth_of_complete(whole, refit(pool, as_tags=True, seed=seed), prior, seed=seed)
    answers = record.tags + worth.tags * record.complete
    found = forecast(whole, answers, worth.tags, seed=seed)
    if found is None:
        raise SystemExit("so few answers make no learning curve")
    then = _pool(data, Mixture(record.complete, record.tags + more), seed)
    unanswered = ~(then.observed != 0).any(axis=1) & (data.truth > 0).any(axis=1)  # as those reviewed
    before, after = (
        percent_map(fit(each).probabilities[unanswered], data.truth[unanswered]) for each in (pool, then)
    )
    gain, spread = found.gain(more)
    return Foretold(
        measured=100 * found.measured,
        measured_spread=100 * found.spread,
        true=before,
        gain=100 * gain,
        gain_spread=100 * spread,
        true_gain=after - before,
        worth=worth.tags,
        worth_spread=worth.spread,
    )


def _pool(data: Data, record: Mixture, seed: int) -> Pool:
    return Pool(data.features, data.blocks, record.observe(data.truth, seed=seed))


def line(found: Foretold) -> str:
    """One line: measured and true mAP, foretold and true gain, worth."""
    return (
        f"mAP {found.measured:.1f} +- {found.measured_spread:.1f} (true {found.true:.1f})   "
        f"gain {found.gain:.1f} +- {found.gain_spread:.1f} (true {found.true_gain:.1f})   "
        f"worth {found.worth:.1f} +- {found.worth_spread:.1f}"
    )


def main() -> None:
    """Read the arguments, run, print a line a seed and their means, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    parser.add_argument("--complete", type=int, default=60, help="completely labelled images")
    parser.add_argument("--tags", type=int, default=300, help="tagged ones")
    parser.add_argument("--more", type=int, default=300, help="tags that are foretold")
    parser.add_argument("--out", type=Path, default=Path("onetag-data"), help="folder for the JSON")
    arguments = parser.parse_args()
    data = load(arguments)
    record = Mixture(arguments.complete, arguments.tags)
    found = []
    for seed, learn, _ in splits(data, arguments.pool, arguments.test, arguments.seeds, validation=False):
        found.append(foretold(learn, record, arguments.more, seed))
        print(line(found[-1]), flush=True)
    rows = [asdict(each) for each in found]
    mean = Foretold(**{name: float(np.mean([row[name] for row in rows])) for name in rows[0]})
    print(f"mean: {line(mean)}")
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / f"forecast-{arguments.data.stem}.json").write_text(
        json.dumps(rows, indent=1), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
