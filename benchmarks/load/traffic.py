"""Calls at times that are set beforehand, so that a server that stalls cannot make its own waits unseen.

A caller that waits for the last answer before the next call asks a slow server less often, and times what is
left ("coordinated omission"). Here each call has its moment, and its seconds are counted from that moment.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

PATIENCE = 120.0
"""Seconds after which a call is given up; Label Studio gives a webhook up after one."""
STUDIO_PATIENCE = 1.0


@dataclass
class Calls:
    """What became of calls of one kind: seconds of those that were answered well, and how many were not.

    late: the longest that the caller itself was behind its times, in seconds; part of the seconds too.
    """

    seconds: list[float] = field(default_factory=list)
    failed: int = 0
    late: float = 0.0

    def summary(self) -> dict[str, float]:
        """Counts, and milliseconds: half, 95 and 99 of a hundred, and the longest."""
        ordered = sorted(self.seconds) or [float("nan")]

        def of_hundred(part: int) -> float:
            return round(1e3 * ordered[-(-len(ordered) * part // 100) - 1], 1)

        return {
            "calls": len(self.seconds) + self.failed,
            "failed": self.failed,
            "over_1s": sum(each > STUDIO_PATIENCE for each in self.seconds),
            "p50_ms": of_hundred(50),
            "p95_ms": of_hundred(95),
            "p99_ms": of_hundred(99),
            "longest_ms": of_hundred(100),
            "caller_late_ms": round(1e3 * self.late, 1),
        }


@dataclass(frozen=True)
class Server:
    """A backend to call: where it listens, and the headers that let a caller in."""

    port: int
    headers: dict[str, str]
    host: str = "127.0.0.1"

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        """The JSON of the answer, on a connection of its own as Label Studio's calls are.

        Raises OSError or TimeoutError where there is no good answer.
        """
        return json.loads(await self._ask("POST", path, json.dumps(body).encode()))

    async def get(self, path: str) -> bytes:
        """What is at a path, in the same way."""
        return await self._ask("GET", path)

    async def _ask(self, method: str, path: str, sent: bytes = b"") -> bytes:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection(self.host, self.port)
            try:
                writer.write(self._head(method, path, len(sent)) + sent)
                head, _, answer = (await reader.read()).partition(b"\r\n\r\n")
            finally:
                writer.close()
        status = head.partition(b"\r\n")[0].split()
        if len(status) < 2 or not status[1].startswith(b"2"):
            raise ConnectionError(f"{path} answered {head[:60]!r}")
        return answer

    def _head(self, method: str, path: str, length: int) -> bytes:
        lines = {
            "Host": f"{self.host}:{self.port}",
            "Content-Type": "application/json",
            "Content-Length": str(length),
            "Connection": "close",
            **self.headers,
        }
        told = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"{method} {path} HTTP/1.0\r\n{told}\r\n".encode()


Call = Callable[[], Awaitable[object]]
Report = Callable[[int, int], None]


async def timed(calls: Calls, call: Call, due: float | None = None) -> bool:
    """Make a call and keep its seconds since `due` (`perf_counter`; now); whether it was answered well."""
    now = time.perf_counter()
    began = now if due is None else due
    calls.late = max(calls.late, now - began)
    try:
        await call()
    except (OSError, TimeoutError, ValueError):
        calls.failed += 1
        return False
    calls.seconds.append(time.perf_counter() - began)
    return True


async def at_rate(calls: Calls, each: Iterable[Call], count: int, rate: float, report: Report) -> None:
    """Make `count` calls, `rate` a second, however long the answers take; returns when all are answered."""
    start, under_way = time.perf_counter(), set()
    for number, call in enumerate(each):
        due = start + number / rate
        if (left := due - time.perf_counter()) > 0:
            await asyncio.sleep(left)
        task = asyncio.create_task(timed(calls, call, due))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        if number % max(int(rate), 1) == 0:
            report(number, count)
    await asyncio.gather(*under_way)
    report(count, count)


async def one_by_one(calls: Calls, each: Iterable[Call], count: int, report: Report) -> None:
    """Make calls, each when the one before is answered, with a short rest."""
    for number, call in enumerate(each):
        await timed(calls, call)
        report(number + 1, count)
        await asyncio.sleep(0.05)


async def annotators(
    opened: Calls, submitted: Calls, rounds: list[list[tuple[Call, Call]]], think: float
) -> None:
    """People at work at once, one list of (open a task, submit) each, thinking some `think` seconds."""

    async def person(number: int, work: list[tuple[Call, Call]]) -> None:
        chance = random.Random(number)
        await asyncio.sleep(chance.uniform(0, think))
        for open_task, submit in work:
            await timed(opened, open_task)
            await asyncio.sleep(chance.uniform(0.5, 1.5) * think)
            await timed(submitted, submit)

    await asyncio.gather(*(person(number, work) for number, work in enumerate(rounds)))
