"""Run a benchmark by name, or the quick form of each that needs no data.

python -m benchmarks                     # the quick forms, about ten minutes on 2 cores
python -m benchmarks accuracy FOLDER     # one of them, with its own arguments; --help lists them
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

QUICK = {
    "acquisitions": ("--images", "5000"),
    "connecting": ("--tasks", "2000"),
    "exchange": ("--sizes", "2000x80"),
    "features": ("--images", "10", "--repeats", "1"),
    "loop": ("--images", "300", "--repeats", "3"),
    "speed": ("--sizes", "voc", "--seconds", "2", "--epochs", "4", "--rates", "1e-4"),
    "memory": ("--quick", "--seconds", "3"),
    "importing": ("--quick",),
    "page": (
        *("--engine", "sqlite", "--images", "2000", "--observations", "20000", "--repeats", "3"),
        *("--rate", "20", "--seconds", "3", "--pages", "2"),
    ),
    "service": (
        *("--engine", "sqlite", "--images", "1000", "--rate", "20", "--seconds", "5", "--rounds", "2"),
        *("--repeats", "2", "--scale", "5000x50000"),
    ),
}
# These need a folder of labelled images.
WITH_DATA = (
    "accuracy",
    "asking",
    "downstream",
    "endtoend",
    "forecast",
    "fundus",
    "peer",
    "selection",
    "suggestions",
    "worth",
)


def main(arguments: list[str]) -> int:
    """Run the named benchmark, or the quick forms; returns the exit status of the first that fails."""
    known = sorted(file.stem for file in Path(__file__).parent.glob("[a-z]*.py") if _runs(file))
    if arguments and arguments[0] in known:
        return _run(arguments[0], *arguments[1:])
    if arguments:
        print(f"{__doc__}\nBenchmarks: {', '.join(known)}", file=sys.stderr)
        return 2
    print(f"Quick forms of {', '.join(QUICK)}. With a folder of labelled images: {', '.join(WITH_DATA)}.")
    return next((status for status in (_run(name, *quick) for name, quick in QUICK.items()) if status), 0)


def _runs(file: Path) -> bool:
    return "__main__" in file.read_text(encoding="utf-8")


def _run(name: str, *arguments: str) -> int:
    print(f"\n== {name} {' '.join(arguments)}", flush=True)
    return subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
