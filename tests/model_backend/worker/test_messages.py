import json
import pickle
from datetime import datetime

import pytest
from huey.registry import Message

from model_backend.worker.messages import JsonMessages

messages = JsonMessages()


def test_a_message_survives_the_queue() -> None:
    eta = datetime(2026, 11, 22, 21, 45, 0, 123456)
    sent = Message(id="a", name="jobs.consider", eta=eta, retries=0, args=(7,), kwargs={"force": True})
    received = messages.deserialize(messages.serialize(sent))
    assert (received.id, received.name, received.eta, received.args, received.kwargs) == (
        "a",
        "jobs.consider",
        eta,
        (7,),
        {"force": True},
    )


def test_what_travels_is_json() -> None:
    sent = Message(id="a", name="jobs.intake", args=(), kwargs={})
    assert json.loads(messages.serialize(sent))["name"] == "jobs.intake"


@pytest.mark.parametrize(
    "argument", [b"bytes", object(), [1], {"a": 1}], ids=lambda value: type(value).__name__
)
def test_only_plain_arguments_travel(argument: object) -> None:
    with pytest.raises(TypeError, match="plain values"):
        messages.serialize(Message(id="a", name="jobs.intake", args=(argument,), kwargs={}))


def test_nothing_but_messages_travels() -> None:
    with pytest.raises(TypeError, match="Only messages"):
        messages.serialize({"id": "a"})


class Bomb:
    """Would run code if anyone unpickled it."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return pytest.fail, ("a message was unpickled",)


@pytest.mark.parametrize(
    "written",
    [
        pickle.dumps(Bomb()),
        b"",
        b"null",
        b"[]",
        b'{"id": "a"}',
        b'{"id": 1, "name": "n", "eta": null, "args": [], "kwargs": {}}',
        b'{"id": "a", "name": "n", "eta": null, "args": {}, "kwargs": {}}',
        b'{"id": "a", "name": "n", "eta": "soon", "args": [], "kwargs": {}}',
    ],
)
def test_what_someone_else_wrote_into_the_queue_is_refused_and_never_run(written: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        messages.deserialize(written)
