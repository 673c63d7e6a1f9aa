"""What goes on now, as a server-sent event: one an answer, after which the browser asks again.

A stream that stays open would hold a thread of the server for each one who looks.
"""

from __future__ import annotations

from flask import Response


def one_event(html: str, *, again: int, name: str | None = None) -> Response:
    """An answer that is one event. again: milliseconds after which the browser asks again.

    name: what the browser then says that it has seen last (`Last-Event-ID`).
    """
    told = [f"retry: {again}", *([f"id: {name}"] if name else [])]
    told += [f"data: {line}" for line in html.splitlines()]
    answer = Response("\n".join(told) + "\n\n", content_type="text/event-stream; charset=utf-8")
    answer.headers["Cache-Control"] = "no-store"
    return answer
