"""`make pictures`: plays the demo, and takes the pictures of README and docs from it.

make pictures                                             # digit scenes
make pictures ARGS="--dataset ../shared/data/coco18"      # photographs, as they stand in README
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
UP = "Ctrl-C stops everything"
"""What the demo says last, when everything is up."""


def main() -> None:
    """Play, photograph, stop."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    given, for_demo = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        demo = [sys.executable, "-m", "model_backend.cli", "demo", "--data-dir", folder, *for_demo]
        process = subprocess.Popen(demo, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        try:
            await_up(process)
            for script in ("labelling_screen.py", "page_pictures.py"):
                options = ["--data-dir", str(Path(folder) / "data"), "--chromium", given.chromium]
                subprocess.run([sys.executable, str(ROOT / "docs" / script), *options], check=True)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


def await_up(process: subprocess.Popen[str]) -> None:
    """Show what the demo says until it is up. Raises SystemExit when it ends before."""
    assert process.stdout
    for line in process.stdout:
        print(line, end="", flush=True)
        if UP in line:
            return
    raise SystemExit("The demo ended before it was up.")


if __name__ == "__main__":
    main()
