"""The least model that label-studio-ml 2.x serves: it answers from memory, and learns nothing.

The application is started by the server that its own Dockerfile starts, with `--peer` on the import path.
"""

from __future__ import annotations

from typing import Any

from label_studio_ml.api import init_app
from label_studio_ml.model import LabelStudioMLBase
from label_studio_ml.response import ModelResponse

from benchmarks.load.studio import LABELS

VERSION = "peer"


class FromMemory(LabelStudioMLBase):  # type: ignore[misc]  # the package publishes no types
    """Suggests a label by the task's number, and keeps no event: the least that its server can have to do."""

    def setup(self) -> None:
        """Name the version."""
        self.set("model_version", VERSION)

    def predict(self, tasks: list[dict[str, Any]], **_told: Any) -> ModelResponse:
        """A prediction a task."""
        return ModelResponse(
            model_version=VERSION, predictions=[_prediction(int(task["id"])) for task in tasks]
        )

    def fit(self, event: str, data: dict[str, Any], **_told: Any) -> dict[str, str]:  # noqa: ARG002
        """Learn nothing, at once."""
        return {"model_version": VERSION}


def _prediction(task: int) -> dict[str, Any]:
    region = {
        "from_name": "label", "to_name": "image", "type": "choices",
        "value": {"choices": [LABELS[task % len(LABELS)]]},
    }  # fmt: skip
    return {"model_version": VERSION, "score": 0.5, "result": [region]}


app = init_app(model_class=FromMemory)
