"""label-studio-ml 2.x's own server, the way its Dockerfile starts it, as a process of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from benchmarks.load.traffic import Server
from model_backend.stack.liveness import await_health
from model_backend.stack.ports import LOOPBACK, free_port
from model_backend.stack.process import ChildProcess

ROOT = Path(__file__).parents[2]
READY_SECONDS = 60.0
AS_DOCUMENTED = "--preload", "--workers", "1", "--threads", "8", "--timeout", "0"


@contextmanager
def peer_server(checkout: Path, folder: Path) -> Iterator[Server]:
    """The peer's server over its smallest model, from a folder in which `label_studio_ml` can be imported."""
    if not (checkout / "label_studio_ml" / "api.py").is_file():
        raise SystemExit(f"{checkout} holds no label_studio_ml 2.x: give --peer a checkout of it.")
    if find_spec("gunicorn") is None:
        raise SystemExit("The peer's server needs one more package: pip install gunicorn.")
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--bind", f"{LOOPBACK}:{port}", *AS_DOCUMENTED]
    environment = os.environ | {
        "PYTHONPATH": f"{ROOT}:{checkout.resolve()}",
        "MODEL_DIR": str(folder.resolve()),
        "LOG_LEVEL": "INFO",
    }
    folder.mkdir(parents=True, exist_ok=True)
    peer = ChildProcess("peer", [*command, "benchmarks.load.peer_app:app"], folder, environment)
    with peer:
        await_health(f"http://{LOOPBACK}:{port}", READY_SECONDS, peer.alive)
        yield Server(port, {})
