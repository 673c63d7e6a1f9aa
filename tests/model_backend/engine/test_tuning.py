"""End-to-end training of a project with a real network: kept, predicted with, gone on from, gone back on."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sqlalchemy import select, update
from torch import nn
from torchvision.models import get_model

from annotator.settings import Settings
from annotator.store import (
    Image,
    ModelVersion,
    Project,
    RunReason,
    Store,
    TrainingRun,
    load_vectors,
    queue_run,
)
from model_backend.cli import main
from model_backend.engine.compute import compute
from model_backend.engine.resources import LearningResources
from model_backend.engine.runs import Stopped
from model_backend.engine.train import train_project, train_run
from model_backend.engine.tuning import trainable
from model_backend.engine.versions import prune
from model_backend.engine.wanted import Wanted
from model_backend.errors import Damaged, LearningError
from tests.model_backend.conftest import read_picture
from tests.model_backend.engine.conftest import with_settings

IMAGES = 6
TAGGED = 4
KEPT = 3  # versions
QUICK = {"epochs": 2, "frozen": 1, "batch": 3, "bf16": False}

Train = Callable[..., ModelVersion]


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Threads that wait for one another are slow on a busy machine, and these batches are small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of resnet18 that nobody trained."""
    file = tmp_path_factory.mktemp("weights") / "resnet18.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_file(get_model("resnet18", weights=None).state_dict(), file)
    return file


@pytest.fixture
def settings(engine_settings: Settings, published: Path) -> Settings:
    return engine_settings.model_copy(update={"backbone": "resnet18", "weights": published})


@pytest.fixture
def project(sqlite_store: Store, new_project: Callable[..., Project], tag: Callable[..., None]) -> Project:
    made = new_project(sqlite_store, images=IMAGES)
    tag(sqlite_store, made, range(1, TAGGED + 1))
    return made


@pytest.fixture
def bench(settings: Settings, resources: LearningResources) -> LearningResources:
    """A resources that reads the same pictures and loads networks itself."""
    return LearningResources(settings, resources._read)


@pytest.fixture
def train(sqlite_store: Store, settings: Settings, project: Project, bench: LearningResources) -> Train:
    """train(end_to_end): True, False (--frozen) or None (go on)."""

    def run(
        end_to_end: bool | None = None,
        resources: LearningResources = bench,
        estimator: str | None = None,
        **options: Any,
    ) -> ModelVersion:
        chosen = with_settings(resources, settings.model_copy(update={"end_to_end": end_to_end}))
        recipe = {"end_to_end_options": QUICK, "loss": "role" if estimator else "em", "estimator": estimator}
        with sqlite_store.session() as session:
            run = queue_run(session, project.id, RunReason.ASKED_FOR, recipe)
        assert run is not None
        return train_run(sqlite_store, chosen, run.id, **options)

    return run


def kept_backbones(settings: Settings) -> list[str]:
    return sorted(file.name for file in (settings.data_dir / "backbones").glob("*"))


def stored(store: Store, version: ModelVersion) -> tuple[list[int], Any]:
    with store.reading() as session:
        return load_vectors(session, version.id)


def task_of(store: Store, project: Project, number: int) -> int:
    """The id of the picture of that number."""
    with store.reading() as session:
        return session.scalars(select(Image.id).where(Image.studio_task == 700 + number)).one()


def move(store: Store, number: int, uri: str) -> None:
    with store.session() as session:
        session.execute(update(Image).where(Image.studio_task == 700 + number).values(uri=uri))


def test_a_tuned_version_is_kept_whole_and_predicts_what_it_stored_and_new_images(
    train: Train, sqlite_store: Store, settings: Settings, bench: LearningResources, published: Path
) -> None:
    version = train(True)
    assert version.backbone.startswith("resnet18-tuned-")
    assert version.recipe["end_to_end"]
    assert version.metrics["images_per_second"] > 0
    assert len(version.metrics["epoch_losses"]) == QUICK["epochs"]
    assert kept_backbones(settings) == [f"{version.backbone}.safetensors"]
    tuned = load_file(settings.data_dir / "backbones" / f"{version.backbone}.safetensors")
    assert not torch.equal(tuned["conv1.weight"], load_file(published)["conv1.weight"])
    network = trainable(bench.backbone).module.network
    assert isinstance(network, nn.Module)
    assert torch.equal(network.get_parameter("conv1.weight"), load_file(published)["conv1.weight"])

    fresh = LearningResources(settings, bench._read)
    ids, vectors = stored(sqlite_store, version)
    assert len(ids) == IMAGES
    seen = fresh.extract(
        [f"/data/{number}.png" for number in range(1, IMAGES + 1)], fresh.backbones.of(version)
    )
    predicted = fresh.model(version).predict(seen.features)
    assert np.array_equal(predicted.astype(np.float16), vectors.astype(np.float16))
    assert fresh.backbones.of(version).fingerprint != bench.backbone.fingerprint

    wanted = [Wanted(0, 799, f"/data/{IMAGES}.png")]  # a new image, of a picture that the pool has too
    compute(sqlite_store, fresh, version, wanted, before=time.monotonic() + 60)
    ids, vectors = stored(sqlite_store, version)
    assert len(ids) == IMAGES + 1
    assert np.allclose(vectors[-1], vectors[-2], atol=1e-3)


def test_trainings_go_on_from_the_tuned_backbone_until_they_are_to_be_frozen(
    train: Train, bench: LearningResources, settings: Settings
) -> None:
    tuned = train(True)
    assert train(None).backbone == tuned.backbone
    again = train(True)
    assert again.backbone not in ("resnet18", tuned.backbone), "from the tuned weights on"
    assert kept_backbones(settings) == sorted(f"{each.backbone}.safetensors" for each in (tuned, again))
    assert train(None).backbone == again.backbone
    assert train(False).backbone == "resnet18"
    assert train(None).backbone == "resnet18", "what is there is frozen now"
    assert len(bench.backbones._loaded) <= 2


def test_tuned_weights_go_when_no_kept_version_needs_them(
    train: Train, sqlite_store: Store, settings: Settings, project: Project, bench: LearningResources
) -> None:
    tuned = train(True)
    fingerprint = bench.backbones.of(tuned).fingerprint
    with sqlite_store.reading() as session:
        digests = [str(digest) for digest in session.scalars(select(Image.digest))]
    folder = settings.data_dir / "backbones"
    (folder / "resnet18-tuned-00000000.safetensors").write_bytes(b"of a training that was killed")
    (folder / "resnet18-tuned-11111111.safetensors").write_bytes(b"of one that runs")
    long_ago = time.time() - 2 * 86400
    os.utime(folder / "resnet18-tuned-00000000.safetensors", (long_ago, long_ago))
    train(False)
    prune(sqlite_store, settings, project.id)
    young = "resnet18-tuned-11111111.safetensors"
    assert kept_backbones(settings) == sorted([young, f"{tuned.backbone}.safetensors"])
    assert bench.cache.get(digests, fingerprint)[0].all()
    for _ in range(KEPT):
        train(False)
    prune(sqlite_store, settings, project.id)
    assert kept_backbones(settings) == [young]
    assert not bench.cache.get(digests, fingerprint)[0].any()
    assert bench.cache.get(digests, bench.backbone.fingerprint)[0].all()


def test_an_image_that_can_no_longer_be_read_is_left_out(
    train: Train, sqlite_store: Store, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    assert train(False).metrics["unreadable"] == 0
    lost = task_of(sqlite_store, project, 2)
    move(sqlite_store, 2, "/data/gone.png")
    version = train(True, estimator="network")
    assert f"Image {lost} is left out of the training" in caplog.text
    assert version.metrics["unreadable"] == 1
    assert lost not in stored(sqlite_store, version)[0]
    for number in range(1, TAGGED + 1):
        move(sqlite_store, number, "/data/bad.png")
    with pytest.raises(LearningError, match="onetag doctor"):
        train(True)


def test_a_backbone_without_weights_is_refused_before_any_image_is_read(
    sqlite_store: Store, engine_settings: Settings, project: Project
) -> None:
    def refuse(uri: str) -> bytes:
        pytest.fail(f"{uri} was read")

    chosen = engine_settings.model_copy(update={"end_to_end": True})
    with pytest.raises(LearningError, match="--backbone efficientnet_lite0"):
        train_project(sqlite_store, LearningResources(chosen, refuse), project.id)


def test_a_version_of_another_backbone_says_to_train_again(
    train: Train, sqlite_store: Store, settings: Settings, bench: LearningResources
) -> None:
    version = train(False)
    other = LearningResources(settings.model_copy(update={"backbone": "resnet50"}), bench._read)
    with pytest.raises(LearningError, match=r"trained on resnet18, now resnet50 is chosen\. Train again"):
        compute(sqlite_store, other, version, [Wanted(0, 799, "/data/1.png")], before=time.monotonic() + 60)


def test_lost_tuned_weights_cost_the_tuning_and_no_more(
    train: Train,
    sqlite_store: Store,
    settings: Settings,
    bench: LearningResources,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tuned = train(True)
    (settings.data_dir / "backbones" / f"{tuned.backbone}.safetensors").unlink()
    fresh = LearningResources(settings, bench._read)
    with pytest.raises(LearningError, match=r"are gone.*--frozen"):
        fresh.backbones.of(tuned)
    assert train(None, resources=fresh).backbone == "resnet18"
    assert "starts from the published weights" in caplog.text


@pytest.mark.parametrize("how", ["half", "another number"])
def test_damaged_tuned_weights_are_noticed(train: Train, settings: Settings, how: str) -> None:
    tuned = train(True)
    file = settings.data_dir / "backbones" / f"{tuned.backbone}.safetensors"
    if how == "half":
        file.write_bytes(file.read_bytes()[:5000])
    else:
        weights = load_file(file)
        weights["conv1.weight"][0, 0, 0, 0] += 1
        save_file(weights, file)
    fresh = LearningResources(settings, read_picture)
    with pytest.raises(Damaged, match=r"are damaged.*--frozen"):
        fresh.backbones.of(tuned)
    assert train(None, resources=fresh).backbone == "resnet18"


def test_a_stopping_worker_is_heard_and_leaves_nothing(
    train: Train, sqlite_store: Store, settings: Settings
) -> None:
    stop = threading.Event()
    told: list[str] = []

    def watch(stage: str, _done: float) -> None:
        told.append(stage)
        if stage.startswith("end to end"):
            stop.set()

    with pytest.raises(Stopped):
        train(True, progress=watch, stop=stop)
    assert "pixels" in told
    assert told.count("end to end, epoch 1 of 2") == 1
    with sqlite_store.reading() as session:
        assert session.scalars(select(TrainingRun.state)).all() == ["queued"]
    assert kept_backbones(settings) == []
    assert not [file for file in settings.data_dir.iterdir() if file.name.startswith("tmp")]


def test_a_full_disk_says_what_to_do(
    train: Train, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("model_backend.features.pixels._append", full)
        with pytest.raises(LearningError, match=r"No space left on device.*Free some space"):
            train(True)
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(LearningError, match=r"tuned weights.*No space left on device.*Free some space"):
        train(True)
    assert kept_backbones(settings) == []


def test_label_studio_down_blames_no_image(train: Train, sqlite_store: Store) -> None:
    train(False)
    move(sqlite_store, 2, "/data/down.png")
    with pytest.raises(Exception, match="does not answer"):
        train(True)
    with sqlite_store.reading() as session:
        assert session.scalars(select(Image).where(Image.problem.is_not(None))).all() == []


@pytest.mark.usefixtures("without_studio")
def test_the_command_line_tunes_and_freezes(
    sqlite_store: Store,
    published: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def onetag(*arguments: str) -> ModelVersion:
        places = ("--data-dir", str(tmp_path), "--backbone", "resnet18", "--weights", str(published))
        with pytest.raises(SystemExit) as ended:
            main(["train", *places, "--device", "cpu", "--json", *arguments])
        assert not ended.value.code
        name = json.loads(capsys.readouterr().out)["version"]
        with sqlite_store.reading() as session:
            return session.scalars(select(ModelVersion).where(ModelVersion.name == name)).one()

    monkeypatch.setenv("ONETAG_END_TO_END", "true")
    tuned = onetag("--loss", "an")
    assert tuned.backbone.startswith("resnet18-tuned-")
    assert (tuned.recipe["loss"], tuned.recipe["device"]) == ("an", "cpu")
    monkeypatch.delenv("ONETAG_END_TO_END")
    assert onetag().backbone == tuned.backbone
    assert onetag("--frozen").backbone == "resnet18"
