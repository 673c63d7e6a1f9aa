"""A whole demonstration: data, installation, rounds, exports, pictures."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.live import Live
from sqlalchemy import select

from annotator.errors import OnetagError
from annotator.exchange import EXPORTS, export_project
from annotator.labelstudio.config import parse_config
from annotator.store import Image, Project, Suggestion, observed_matrix
from model_backend.demo.annotator import Habits
from model_backend.demo.dataset import Dataset, read_dataset, split
from model_backend.demo.history import Round, describe, table
from model_backend.demo.loop import Stage, Tally, play
from model_backend.demo.pictures import Card, contact_sheet, learning_curve
from model_backend.demo.scenes import write_scenes
from model_backend.engine.retrain_policy import LEAST_OBSERVATIONS

if TYPE_CHECKING:
    from model_backend.demo.features import Scorer
    from model_backend.stack.installation import Installation

MARK = "onetag-demo.txt"
CARDS = 24
TAGS_ONLY, WITH_REVIEWS = Habits(), Habits(reviews=0.5, completes=0.1)


@dataclass(frozen=True)
class DemoOptions:
    """What a demonstration is asked for; None leaves it to the data."""

    dataset: Path | None = None
    images: int | None = None
    held_out: int | None = None
    rounds: int = 8
    per_round: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class DemoImages:
    """The images to label and the held-out ones, with their truth; `folder` holds the images."""

    name: str
    folder: Path
    train: Dataset
    test: Dataset

    def describe(self) -> str:
        """One line about it."""
        labels, images, aside = len(self.train.labels), len(self.train.files), len(self.test.files)
        return f"{images} images to label, {aside} held out to measure on, {labels} labels"


def fresh_folder(folder: Path) -> None:
    """Make the demo's folder, emptied of an earlier demo. Raises OnetagError when it holds anything else."""
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).is_file():
        raise OnetagError(
            f"{folder} is not empty and not a demo's.", "Choose another folder with --data-dir."
        )
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARK).write_text(
        "Written by `onetag demo`, which empties this folder when it starts.\n", "utf-8"
    )


def prepare(options: DemoOptions, folder: Path, scenes: int, held_out: int) -> DemoImages:
    """The data of a demonstration: a folder with a known truth, or scenes of digits made on the spot."""
    where, name = options.dataset, options.dataset.resolve().name if options.dataset else "digit scenes"
    if where is None:
        where = folder / "scenes"
        write_scenes(where, options.images or scenes, options.held_out or held_out, options.seed)
    data = read_dataset(where)
    train, test = split(where, data, options.images, options.held_out, options.seed)
    return DemoImages(name, where / "images", train, test)


def schedule(options: DemoOptions, images: int) -> list[tuple[int, Habits]]:
    """How much is answered a round, and how: at first one label alone, later some suggestions too."""
    count = options.per_round or max(LEAST_OBSERVATIONS, images // (2 * options.rounds))
    late = (options.rounds + 1) // 2
    return [(count, TAGS_ONLY if number < late else WITH_REVIEWS) for number in range(options.rounds)]


def perform(
    installation: Installation, material: DemoImages, scorer: Scorer, options: DemoOptions, console: Console
) -> list[Round]:
    """Play the rounds with a live table, and return them."""
    stage = stage_of(installation, material, scorer)
    plan = schedule(options, len(material.train.files))
    total = len(material.train.files)
    rounds: list[Round] = []
    with Live(table(rounds), console=console, refresh_per_second=8) as live:

        def report(progress: Tally, status: str) -> None:
            live.update(table(progress.rounds, status))

        for item in play(stage, plan, np.random.default_rng(options.seed), report):
            rounds.append(item)
            if not console.is_terminal:  # a log file gets a line a round, the table comes at the end
                console.print(describe(item, total))
    return rounds


def stage_of(installation: Installation, material: DemoImages, scorer: Scorer) -> Stage:
    """The installation and the data set, brought together."""
    rows = {file.name: row for row, file in enumerate(material.train.files)}
    config = parse_config(installation.studio.project(installation.project)["label_config"])
    return Stage(
        studio=installation.studio,
        store=installation.store,
        project=installation.project,
        project_id=installation.project_id,
        config=config,
        train=material.train,
        test=material.test,
        row_of=lambda address: rows[installation.file_of(address)],
        evaluate=scorer,
        check=installation.supervisor.check,
    )


def results(
    installation: Installation, material: DemoImages, rounds: Sequence[Round], folder: Path
) -> list[Path]:
    """Write every export, the learning curve, the contact sheet and the rounds as JSON; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = exports(installation, folder)
    curve, sheet, history = (
        folder / "learning-curve.png",
        folder / "contact-sheet.png",
        folder / "rounds.json",
    )
    learning_curve(
        rounds,
        curve,
        f"{material.name}: {len(material.train.files)} images, {len(material.train.labels)} labels",
    )
    contact_sheet(
        cards(installation, material), sheet, f"{material.name}: what was said, and what is suggested"
    )
    history.write_text(json.dumps([asdict(item) for item in rounds], indent=2) + "\n", "utf-8")
    return [*files, curve, sheet, history]


def exports(installation: Installation, folder: Path) -> list[Path]:
    """A file for every export format that is one file."""
    files = []
    with installation.store.reading() as session:
        project = session.get_one(Project, installation.project_id)
        for form in (each for each in EXPORTS.values() if not each.folder):
            files.append(folder / form.default_output)
            export_project(session, project, form, files[-1])
    return files


def cards(installation: Installation, material: DemoImages) -> list[Card]:
    """Images for the contact sheet, half of them answered; those with the most suggestions first."""
    with installation.store.reading() as session:
        observed = observed_matrix(session, installation.project_id)
        version = session.get_one(Project, installation.project_id).active_version_id
        suggested = select(Suggestion.image_id, Suggestion.labels).where(Suggestion.version_id == version)
        guesses: dict[int, list[str]] = dict(session.execute(suggested).all())
        uris: dict[int, str] = dict(session.execute(select(Image.id, Image.uri)).all())
    rows = {file.name: row for row, file in enumerate(material.train.files)}
    answered: list[Card] = []
    waiting: list[Card] = []
    for image_id, values in zip(observed.image_ids, observed.values, strict=True):
        row = rows[installation.file_of(uris[image_id])]
        card = Card(
            file=material.train.files[row],
            observed=_names(observed.label_names, values > 0),
            rejected=_names(observed.label_names, values < 0),
            suggested=tuple(guesses.get(image_id, ())),
            present=material.train.present(row),
        )
        (answered if values.any() else waiting).append(card)
    half = CARDS // 2
    return sorted(answered, key=_telling)[:half] + sorted(waiting, key=_telling)[:half]


def _names(labels: Sequence[str], chosen: NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(labels[column] for column in np.flatnonzero(chosen))


def _telling(card: Card) -> int:
    """Fewer is better: suggestions that people have not answered tell the most."""
    return -len(set(card.suggested) - {*card.observed, *card.rejected})


def summary(
    rounds: Sequence[Round], files: Sequence[Path], started: float, installation: Installation
) -> dict[str, Any]:
    """What a script reads."""
    return {
        "rounds": [asdict(item) for item in rounds],
        "files": [str(file) for file in files],
        "seconds": round(time.monotonic() - started, 1),
        "label_studio": installation.address,
    }
