"""A machine-checked expectation of an answer, and of the upstream's requests."""

import json
from typing import Callable, NamedTuple, Optional

from wire_reader import read

# Codes that an honest exchange never ends with.
BROKEN = ("upstream_invalid", "upstream_truncated", "upstream_encoded", "call_malformed", "Callgate refused")


class Expect(NamedTuple):
    """A user's expectation. A field that is `None` is not checked, nor is a status of 0."""

    status: int = 200
    calls: Optional[list] = None
    text: Optional[str] = None
    says: tuple = ()
    never: tuple = BROKEN
    headers: dict = {}
    sent: Optional[Callable] = None  # takes the bodies at the upstream, as JSON
    nothing_sent: bool = False
    check: Optional[Callable] = None  # takes the answer and its reading
    whole: bool = True


def problems(expect, answer, bodies):
    """Returns the differences between answer and expectation; empty if it fits."""
    found, seen = [], read(answer)
    if expect.status not in (0, answer.status):
        found.append(f"status {answer.status} instead of {expect.status}")
    if expect.whole and not answer.whole:
        found.append("the answer was reset")
    if expect.calls is not None and seen.calls != expect.calls:
        found.append(f"calls {seen.calls} instead of {expect.calls}")
    if expect.text is not None and seen.text != expect.text:
        found.append(f"text {seen.text!r} instead of {expect.text!r}")
    found.extend(f"does not say {words!r}" for words in expect.says if words not in answer.text)
    found.extend(f"says {words!r}" for words in expect.never if words in answer.text)
    for name, value in expect.headers.items():
        if answer.headers.get(name) != value:
            found.append(f"header {name}: {answer.headers.get(name)!r} instead of {value!r}")
    if expect.nothing_sent and bodies:
        found.append("the request reached the upstream")
    if expect.sent:
        found.extend(judged(expect.sent, [json.loads(body or b"null") for body in bodies]))
    if expect.check:
        found.extend(judged(expect.check, answer, seen))
    return found


def judged(check, *arguments):
    """Runs a check, which returns true or raises."""
    try:
        return [] if check(*arguments) else [f"the check `{check.__name__}` failed"]
    except (AssertionError, KeyError, IndexError, TypeError, ValueError) as error:
        return [f"the check `{check.__name__}` failed: {error!r}"]


def verdict(expect, answer, bodies):
    """Fails with all differences and the answer."""
    found = problems(expect, answer, bodies)
    assert not found, "; ".join(found) + f"\n{answer.status} {dict(answer.headers)}\n{answer.text[:3000]}"
