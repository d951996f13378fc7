"""A case, and helpers that make most of them."""

from typing import Any, NamedTuple

from wire_judge import Expect
from wire_samples import CHAT, DIALECTS, SSE, chat_answer
from wire_upstream import Play, answer

OSLO = ("get_weather", {"city": "Oslo"})
UTC = ("get_time", {"tz": "UTC"})


class Case(NamedTuple):
    name: str
    path: str
    request: Any
    play: Play
    expect: Expect
    gate: str = "std"
    headers: dict = {}
    method: str = "POST"


def of(dialect, name, body, expect, streamed=True, content_type=None, **more):
    """A case about an answer. `body` is the bytes of a stream, or a document."""
    known = DIALECTS[dialect]
    request = {**known.request, **(known.stream_member if streamed else {})}
    body = b"".join(body) if isinstance(body, list) else body
    kind = content_type or (known.content_type if streamed else "application/json")
    path = known.stream_path if streamed else known.path
    return Case(name, path, request, Play((answer(body, kind),)), expect, **more)


def asks(name, body, expect, path="/v1/chat/completions", reply=None, **more):
    """A case about a request."""
    reply = reply or chat_answer({"content": "ok"})
    return Case(name, path, body, Play((answer(reply),)), expect, **more)


def chat_with(**members):
    return {**CHAT, **members}


def status(name, line, body, expect, content_type="application/json", headers=(), dialect="chat", **more):
    """A case about an error of the upstream."""
    known = DIALECTS[dialect]
    return Case(name, known.path, known.request, Play((answer(body, content_type, line, headers),)), expect, **more)


__all__ = ["CHAT", "OSLO", "SSE", "UTC", "Case", "Expect", "asks", "chat_with", "of", "status"]
