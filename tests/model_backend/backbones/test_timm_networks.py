"""Any network of timm's: by its name, with its own size and weights, and clear words where one is missing."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from skimage import data
from timm.models import get_pretrained_cfg

from model_backend.backbones import load_backbone
from model_backend.backbones.timm_networks import search
from model_backend.errors import LearningError

SMALL = "resnet10t"
VIT = "vit_tiny_patch16_224"


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    return Image.fromarray(data.astronaut())  # type: ignore[no-untyped-call] # scikit-image is untyped


def published(name: str, folder: Path) -> Path:
    """A weights file as timm publishes it, classifier included, of weights that nobody trained."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = timm.create_model(name, pretrained=False).state_dict()
    file = folder / f"{name}.safetensors"
    save_file({key: value.clone().contiguous() for key, value in state.items()}, file)
    return file


@pytest.mark.parametrize(
    ("name", "width", "side"),
    [(SMALL, 512, 176), (VIT, 192, 224), ("convnextv2_atto", 320, 224), ("eva02_tiny_patch14_224", 192, 224)],
)
def test_a_network_gives_its_features_at_its_own_size(
    name: str, width: int, side: int, tmp_path: Path, picture: Image.Image
) -> None:
    backbone = load_backbone(f"timm/{name}", weights=published(name, tmp_path))
    assert backbone.name == f"timm/{name}"
    assert backbone.blocks == (width,)
    assert f"-{side}px-" in backbone.fingerprint
    features = backbone([picture])
    assert features.shape == (1, width)
    assert np.isfinite(features).all()


def test_features_are_those_of_timm_before_its_classifier(tmp_path: Path, picture: Image.Image) -> None:
    file = published(SMALL, tmp_path)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = timm.create_model(SMALL, pretrained=False).eval()
    network.reset_classifier(0)  # type: ignore[operator] # every network of timm's has it
    config = get_pretrained_cfg(SMALL)
    assert config is not None
    resampling = Image.Resampling[config.interpolation.upper()]
    squashed = np.asarray(picture.resize((176, 176), resampling), np.float32)
    normal = (squashed / 255 - config.mean) / config.std
    with torch.inference_mode():
        images = torch.tensor(normal, dtype=torch.float32).permute(2, 0, 1)[None]
        expected = network(images)
    found = load_backbone(f"timm/{SMALL}", weights=file)([picture])
    assert np.allclose(found, expected.numpy(), atol=1e-4)


def test_another_input_size_where_the_network_allows_it(tmp_path: Path, picture: Image.Image) -> None:
    for name in (SMALL, VIT):
        backbone = load_backbone(f"timm/{name}@160", weights=published(name, tmp_path))
        assert backbone.name == f"timm/{name}@160"
        assert len(backbone([picture])) == 1
    fixed = "xcit_nano_12_p16_224"
    with pytest.raises(LearningError, match=r"images of 224 pixels, not of 150.*--input-size"):
        load_backbone(f"timm/{fixed}", weights=published(fixed, tmp_path), input_size=150)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LearningError, match="are not those of"):
        load_backbone(f"timm/{SMALL}", weights=published("resnet18", tmp_path))


def test_a_name_that_does_not_exist_is_answered_with_the_nearest() -> None:
    with pytest.raises(LearningError, match=r"no network 'resnet5O'.*resnet50.*--search"):
        load_backbone("timm/resnet5O")


def test_a_network_without_trained_weights_is_refused() -> None:
    with pytest.raises(LearningError, match="no trained weights"):
        load_backbone("timm/vit_tiny_patch16_224.no_such_tag")


def test_the_search_names_size_and_input() -> None:
    found, count = search("DINOv2", 3)
    assert len(found) == 3
    assert count > 3
    small = next(each for each in search("vit_small_patch14_dinov2", 5)[0])
    assert small.name.startswith("timm/vit_small_patch14_dinov2")
    assert small.input_size == 518
    assert 20 < small.parameters < 25
    assert search("no such thing", 3) == ([], 0)


# Downloads, from a server that stands in for the hub


@dataclass
class Hub:
    """What the stand-in serves, and how many bytes of it before it hangs up."""

    content: bytes = b""
    hangs_up_after: int | None = None
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def hub() -> Iterator[tuple[Hub, str]]:
    """A server with one file of weights, and its address."""
    served = Hub()

    class Handler(BaseHTTPRequestHandler):
        def _head(self) -> bool:
            served.asked.append(f"{self.command} {self.path}")
            there = self.path.endswith("model.safetensors")
            self.send_response(200 if there else 404)
            self.send_header("ETag", '"an-etag"')
            self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("Content-Length", str(len(served.content) if there else 0))
            self.end_headers()
            return there

        def do_HEAD(self) -> None:
            self._head()

        def do_GET(self) -> None:
            if self._head():
                self.wfile.write(served.content[: served.hangs_up_after])

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=partial(server.serve_forever, 0.05), daemon=True).start()
    yield served, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


LOAD = f"""
import json
from model_backend.backbones import load_backbone
from model_backend.errors import LearningError
try:
    print(json.dumps({{"fingerprint": load_backbone("timm/{SMALL}").fingerprint}}))
except LearningError as error:
    print(json.dumps({{"problem": error.problem, "fix": error.fix}}))
"""


def load_from(address: str, home: Path) -> dict[str, str]:
    """Load a network in a process of its own, with the hub at an address and its cache in a folder."""
    environment = {"HF_ENDPOINT": address, "HF_HOME": str(home), "PATH": "/usr/bin:/bin", "HOME": str(home)}
    run = subprocess.run(
        [sys.executable, "-c", LOAD], env=environment, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    return dict(json.loads(run.stdout.splitlines()[-1]))


def test_weights_come_from_the_hub_once(hub: tuple[Hub, str], tmp_path: Path) -> None:
    served, address = hub
    file = published(SMALL, tmp_path)
    served.content = file.read_bytes()
    expected = load_backbone(f"timm/{SMALL}", weights=file).fingerprint
    assert load_from(address, tmp_path / "home") == {"fingerprint": expected}
    asked = len(served.asked)
    assert load_from(address, tmp_path / "home") == {"fingerprint": expected}
    assert len(served.asked) == asked, "the second time it is in the cache"


def test_without_internet_the_wait_is_short_and_the_ways_out_are_named(tmp_path: Path) -> None:
    began = time.monotonic()
    found = load_from("http://127.0.0.1:9", tmp_path)
    assert "cannot be downloaded" in found["problem"]
    assert "--weights FILE" in found["fix"]
    assert "--backbone auto" in found["fix"]
    assert time.monotonic() - began < 30


def test_a_download_that_is_cut_short_is_not_used(hub: tuple[Hub, str], tmp_path: Path) -> None:
    served, address = hub
    served.content = published(SMALL, tmp_path).read_bytes()
    served.hangs_up_after = 100_000
    assert "cannot be downloaded" in load_from(address, tmp_path / "home")["problem"]
    served.hangs_up_after = None
    assert "fingerprint" in load_from(address, tmp_path / "home")
