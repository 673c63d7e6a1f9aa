"""What travels in the job queue: plain JSON, so that writing to the queue is never running code."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from huey.registry import Message

_KINDS = {"id": str, "name": str, "args": list, "kwargs": dict}
_SCALARS = (str, int, float, bool, type(None))


class JsonMessages:
    """Serializer of huey messages: the task's name and plain arguments; anything else is refused.

    Stands where huey would pickle. Callbacks, pipelines and chords are not carried: no job here uses them.
    """

    def serialize(self, data: Any) -> bytes:
        """The bytes of one message. Raises TypeError for anything but a message with plain arguments."""
        if not isinstance(data, Message):
            raise TypeError(f"Only messages travel in the queue, not {type(data).__name__}.")
        args, kwargs = list(data.args or ()), dict(data.kwargs or {})
        _check_plain(args, kwargs)
        eta = data.eta.isoformat() if data.eta is not None else None
        body = {"id": data.id, "name": data.name, "eta": eta, "args": args, "kwargs": kwargs}
        return json.dumps(body, allow_nan=False).encode()

    def deserialize(self, data: bytes) -> Message:
        """The message that the bytes spell. Raises ValueError when they spell none."""
        body = json.loads(bytes(data))
        if not isinstance(body, dict) or set(body) != {"eta", *_KINDS}:
            raise ValueError("This is not a message of the job queue.")
        if not all(isinstance(body[key], kind) for key, kind in _KINDS.items()):
            raise ValueError("A field of this message is not of its kind.")
        args, kwargs = body["args"], body["kwargs"]
        eta = datetime.fromisoformat(body["eta"]) if body["eta"] is not None else None
        return Message(id=body["id"], name=body["name"], eta=eta, retries=0, args=tuple(args), kwargs=kwargs)


def _check_plain(args: list[Any], kwargs: dict[str, Any]) -> None:
    for value in (*args, *kwargs.values()):
        if not isinstance(value, _SCALARS):
            raise TypeError(f"Arguments of a job are plain values, not {type(value).__name__}.")
