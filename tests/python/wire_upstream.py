"""An upstream that plays bytes: whole HTTP/1.1 answers with pauses, stalls and resets, as no library would write them.

Each request names its `Play` in the header `x-play`. The upstream records the received bodies under the same name.
"""

import json
import re
import socket
import struct
import threading
import time
from typing import NamedTuple

# A play that holds its connection open releases it after this long.
HELD_AT_MOST = 30


class Play(NamedTuple):
    """One answer, or one for each request in turn."""

    answers: tuple  # bytes with head and body
    head_delay: float = 0  # seconds before the first byte
    delay: float = 0  # seconds between events of a stream
    stall_after: int = 0  # events after which the answer pauses once
    stall: float = 0  # the length of that pause
    hold_open: float = 0  # seconds before the connection is closed
    reset: bool = False  # ends with a reset instead of an orderly close


def answer(body, content_type="application/json", status="200 OK", headers=(), length=True):
    """Returns the bytes of an answer. Without `length` the answer ends with the connection."""
    body = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    lines = [f"HTTP/1.1 {status}", *headers]
    lines += [f"content-type: {content_type}"] if content_type else []
    lines.append(f"content-length: {len(body)}" if length else "connection: close")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(body, content_type, trailers=(), end=True):
    """The bytes of an answer in chunks, perhaps with trailers, perhaps without its last chunk."""
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    data = f"{len(body):x}\r\n".encode() + body + b"\r\n"
    last = b"0\r\n" + "".join(f"{line}\r\n" for line in trailers).encode() + b"\r\n"
    return head + data + (last if end else b"")


class Upstream:
    """Listens on a free loopback port until `close`."""

    def __init__(self):
        self.plays, self.seen, self._lock = {}, {}, threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def play(self, name, play):
        with self._lock:
            self.plays[name], self.seen[name] = play, []

    def bodies(self, name):
        """Returns the bodies of the requests this play received."""
        with self._lock:
            return [body for _, body, _ in self.seen.get(name, [])]

    def paths(self, name):
        with self._lock:
            return [path for path, _, _ in self.seen.get(name, [])]

    def headers(self, name):
        with self._lock:
            return [headers for _, _, headers in self.seen.get(name, [])]

    def close(self):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            with connection, connection.makefile("rb") as reader:
                while self._one(connection, reader):
                    pass
        except OSError:
            pass

    def _one(self, connection, reader):
        first = reader.readline()
        if not first:
            return False
        headers = {}
        while (line := reader.readline().strip()):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        body = read_body(reader, headers)
        name = headers.get("x-play", "")
        with self._lock:
            play, seen = self.plays.get(name), self.seen.setdefault(name, [])
            seen.append((first.split()[1].decode("latin-1"), body, headers))
            number = len(seen)
        if play is None:
            connection.sendall(answer({"error": {"message": f"no play {name!r}"}}, status="500 No Play"))
            return True
        data = play.answers[min(number, len(play.answers)) - 1]
        send(connection, data, play)
        head = data.partition(b"\r\n\r\n")[0].lower()
        keeps = b"content-length:" in head and b"connection: close" not in head and not play.hold_open
        if play.reset or not keeps:
            time.sleep(min(play.hold_open, HELD_AT_MOST))
            if play.reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        return True


def read_body(reader, headers):
    if "chunked" in headers.get("transfer-encoding", ""):
        body = b""
        while (size := int(reader.readline().split(b";")[0] or b"0", 16)):
            body += reader.read(size)
            reader.readline()
        while reader.readline().strip():
            pass
        return body
    return reader.read(int(headers.get("content-length", 0)))


def send(connection, data, play):
    time.sleep(play.head_delay)
    if not (play.delay or play.stall):
        connection.sendall(data)
        return
    head, _, body = data.partition(b"\r\n\r\n")
    connection.sendall(head + b"\r\n\r\n")
    events = [event for event in re.split(rb"(?<=\n\n)", body) if event]
    for number, event in enumerate(events):
        if number and play.delay:
            time.sleep(play.delay)
        if play.stall and number == play.stall_after:
            time.sleep(play.stall)
        connection.sendall(event)
    if play.stall and play.stall_after >= len(events):
        time.sleep(play.stall)
