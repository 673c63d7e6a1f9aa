"""Where the long-running commands write what they do."""

from __future__ import annotations

import logging
import time

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def log_to_stderr(level: int = logging.INFO) -> None:
    """Log to standard error, times in UTC; what libraries tell below a warning stays out."""
    formatter = logging.Formatter(FORMAT, "%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    # Its warnings quote whole addresses, and with them the signatures that some carry.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    for name in ("annotator", "model_backend"):
        logging.getLogger(name).setLevel(level)
