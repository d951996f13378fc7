"""Changes streams as a hostile or broken server would: events, JSON members, bytes, framing, charset."""

import copy
import json

from botocore.eventstream import EventStreamBuffer
from wire_samples import DIALECTS, frame

# Words with a meaning in APIs; a member is renamed to one of them, or a value becomes one.
WORDS = ["tool_calls", "function", "function_call", "tool_use", "toolUse", "functionCall", "content", "delta", "text", "name", "input",
         "arguments", "index", "type", "id", "choices", "message", "output", "done", "args", "server_tool_use", "partial_json",
         "contentBlockIndex", "candidates", "custom", "item", "call_id", "output_index", "content_block", "Name", "TOOL_CALLS", "functioncall"]
LINES = [b"\n", b"\r\n", b"\r", b"\x0b", b"\xc2\x85", b"\xe2\x80\xa8", b": note\n", b"id: 1\n", b"retry: 9\n", b"\xef\xbb\xbf", b"event: message\n", b"data:\n", b"\n\n"]
BAD = "delete_everything"


def parts(name, pieces):
    """Splits a stream into events: (text before the JSON, document)."""
    found = []
    for piece in pieces:
        if name == "converse":
            buffer = EventStreamBuffer()
            buffer.add_data(piece)
            found.extend((message.headers[":event-type"], json.loads(message.payload)) for message in buffer)
        elif name == "ollama":
            found.append((b"", json.loads(piece)))
        else:
            before, _, data = piece.rpartition(b"data: ")
            try:
                found.append((before + b"data: ", json.loads(data)))
            except ValueError:
                found.append((piece, None))
    return found


def join(name, events):
    end = b"\n" if name == "ollama" else b"\n\n"
    pieces = []
    for before, document in events:
        if document is None:
            pieces.append(before)
        elif name == "converse":
            pieces.append(frame(before, document))
        else:
            pieces.append(before + json.dumps(document).encode() + end)
    return pieces


def places(value, found=None):
    """All containers in a document."""
    found = [] if found is None else found
    if isinstance(value, dict):
        found.append(value)
        for member in value.values():
            places(member, found)
    elif isinstance(value, list):
        found.append(value)
        for item in value:
            places(item, found)
    return found


def mutate_document(random, document, others):
    """One change inside a document."""
    place = random.choice(places(document) or [{}])
    if isinstance(place, list):
        if place and random.random() < 0.7:
            at = random.randrange(len(place))
            random.choice([lambda: place.append(copy.deepcopy(place[at])), lambda: place.pop(at), lambda: place.insert(at, graft(random, others))])()
        else:
            place.append(graft(random, others))
        return
    key = random.choice(list(place)) if place else "x"
    match random.randrange(8):
        case 0:
            place.pop(key, None)
        case 1 if place:
            place[random.choice(WORDS)] = place.pop(key)
        case 2 if place:
            place[random.choice(WORDS)] = copy.deepcopy(place[key])
        case 3:
            place[random.choice(WORDS)] = graft(random, others)
        case 4:
            place[key] = random.choice([None, True, 0, -1, 7, 1.5, "", BAD, "get_weather", [], {}, "{\"path\": 1}", random.choice(WORDS)])
        case 5 if place:
            place[key] = [place[key]] if random.random() < 0.5 else {random.choice(WORDS): place[key]}
        case 6:
            place[key] = graft(random, others)
        case _ if isinstance(place.get(key), str):
            place[key] = place[key] + random.choice([BAD, "\u2028data: {}", "\n\ndata: {}", "+ACI-", "}", "\"", " "])


def graft(random, others):
    """A piece of a stream of any dialect with a refused call."""
    return copy.deepcopy(random.choice(places(random.choice(others))))


def others():
    """Documents of every dialect with a refused call."""
    made = []
    for name, dialect in DIALECTS.items():
        made.extend(document for _, document in parts(name, dialect.stream(BAD, {"path": "a"})) if document is not None)
        made.append(dialect.whole(BAD, {"path": "a"}))
    return made


def mutated(random, name, grafts):
    """The bytes of a changed stream, and its content type."""
    dialect = DIALECTS[name]
    made = random.choice([("get_weather", {"city": "Oslo"}), (BAD, {"path": "a"}), ("get_weather", {"city": 9}), ("", {"path": "a"})])
    events = parts(name, dialect.stream(*made))
    if random.random() < 0.3:
        events = [*events[:-2], *parts(name, dialect.stream(BAD, {"path": "b"}))[1:]]
    for _ in range(random.choice([1, 1, 1, 2, 3])):
        at = random.randrange(len(events))
        match random.randrange(8):
            case 0:
                events.insert(random.randrange(len(events)), copy.deepcopy(events[at]))
            case 1 if len(events) > 1:
                events.pop(at)
            case 2:
                other = random.randrange(len(events))
                events[at], events[other] = events[other], events[at]
            case _ if events[at][1] is not None:
                mutate_document(random, events[at][1], grafts)
    pieces = join(name, events)
    if random.random() < 0.25 and name != "converse":
        pieces.insert(random.randrange(len(pieces) + 1), random.choice(LINES))
    body = bytearray(b"".join(pieces))
    if random.random() < 0.25:
        at = random.randrange(len(body))
        match random.randrange(4):
            case 0:
                body[at] ^= 1 << random.randrange(8)
            case 1:
                del body[at:]
            case 2:
                body[at:at] = random.choice(LINES)
            case _:
                end = at + random.randrange(200)
                body[at:at] = body[at:end]
    kind = dialect.content_type
    if random.random() < 0.06:
        kind += random.choice(["; charset=utf-7", "; charset=utf-16", "; charset=utf-8", ";charset=UTF-7"])
        if "7" in kind and random.random() < 0.7:
            body = bytearray(bytes(body).replace(b'"', b"+ACI-"))
    return bytes(body), kind
