"""What dies is started again, and what dies at every start is given up."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from annotator.errors import OnetagError
from model_backend.stack.supervisor import PATIENCE, Supervisor


class FakePart:
    """A part whose life a test decides; `story` is what happened to all parts, in order."""

    def __init__(self, name: str, story: list[str], mortal: bool = False) -> None:
        self.name, self.story, self.mortal = name, story, mortal
        self.running = False

    def start(self) -> None:
        self.story.append(f"start {self.name}")
        self.running = not self.mortal

    def wait_ready(self) -> None:
        if self.running:
            self.story.append(f"ready {self.name}")

    def alive(self) -> bool:
        return self.running

    def stop(self) -> None:
        self.story.append(f"stop {self.name}")
        self.running = False

    def last_words(self) -> str:
        return f"the last words of {self.name}"


def until(true: Callable[[], bool]) -> bool:
    pause = threading.Event()
    return any(true() or pause.wait(0.02) for _ in range(400))


def test_parts_start_in_order_and_stop_in_reverse() -> None:
    story: list[str] = []
    supervisor = Supervisor(lambda text: None)
    for name in ("a", "b"):
        supervisor.add(FakePart(name, story))
    supervisor.watch()
    supervisor.stop()
    assert story == ["start a", "ready a", "start b", "ready b", "stop b", "stop a"]


def test_what_dies_is_started_again_and_told() -> None:
    story: list[str] = []
    told: list[str] = []
    revived: list[str] = []
    supervisor = Supervisor(told.append, revived.append)
    part = FakePart("worker", story)
    supervisor.add(part)
    supervisor.watch()
    part.running = False
    assert until(lambda: revived == ["worker"])
    supervisor.check()
    supervisor.stop()
    assert story == ["start worker", "ready worker"] * 2 + ["stop worker"]
    assert "starting it again" in told[0]


def test_what_dies_at_every_start_is_given_up_with_its_last_words() -> None:
    story: list[str] = []
    supervisor = Supervisor(lambda text: None)
    supervisor.add(FakePart("backend", story, mortal=True))
    supervisor.watch()
    with pytest.raises(OnetagError, match="the last words of backend"):
        supervisor.wait()
    supervisor.stop()
    assert story.count("start backend") == PATIENCE


def test_a_part_that_cannot_be_started_again_at_once_is_tried_once_more() -> None:
    told: list[str] = []
    revived: list[str] = []

    class Busy(FakePart):
        def start(self) -> None:
            super().start()
            if self.story.count("start backend") == 2:
                self.running = False
                raise OnetagError("The port is still taken.", "Free it.")

    part = Busy("backend", [])
    supervisor = Supervisor(told.append, revived.append)
    supervisor.add(part)
    supervisor.watch()
    part.running = False
    assert until(lambda: revived == ["backend"])
    assert "The port is still taken. Free it." in told
    supervisor.stop()
